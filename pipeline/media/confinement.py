"""Decoders read bytes that anybody may have made: here they lose all rights that decoding does not need.

Each measure is taken where the system offers it, and a result names those that were:

- limits: of memory, processor time, open files, and the size of files that are written;
- no_new_privs: no program gains rights by being started;
- landlock: no file can be opened but the libraries, none written, no other program started;
- seccomp: no network, no other processes, no changed files, nothing that is for administrators.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import logging
import math
import multiprocessing
import os
import shutil
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pipeline.media import landlock, seccomp
from pipeline.media.landlock import Access
from pipeline.media.limits import Limits

if sys.platform != "win32":
    import resource

log = logging.getLogger(__name__)

MEASURES = ("limits", "no_new_privs", "landlock", "seccomp")

_PR_SET_NO_NEW_PRIVS = 38
_LIBRARIES = ("/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache")
_OPEN_FILES = 64

# Each thread of glibc would else reserve 64 MB of address space for its heap, which counts as if it were used.
_FRUGAL = {"MALLOC_ARENA_MAX": "2"}

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Grants:
    """What a program is left beside its libraries and what it gets open.

    Attributes:
        output: the one file that it may write.
        device: the one device that it may read and control, such as a camera.
        port: the one TCP port, of addresses of version 4, that it may connect to.
    """

    output: Path | None = None
    device: Path | None = None
    port: int | None = None

    @property
    def writes(self) -> bool:
        """Whether it opens anything for writing; a device is, to be told what it is to give."""
        return self.output is not None or self.device is not None


@functools.cache
def offered() -> tuple[str, ...]:
    """Give the measures that this system offers, after trying each in a thread that has ended since."""
    if sys.platform != "linux":
        return ()
    found = ["limits"]
    trials: dict[str, Callable[[], None]] = {
        "no_new_privs": _give_up_new_rights,
        "landlock": functools.partial(landlock.restrict, {}),
        "seccomp": functools.partial(seccomp.restrict, writes=False, executes=False),
    }

    def rehearse() -> None:
        for name, trial in trials.items():
            with contextlib.suppress(OSError, AttributeError):  # AttributeError: a libc without the call
                trial()
                found.append(name)

    _in_own_thread(rehearse)
    return tuple(found)


@functools.cache
def warn_of_less(measures: tuple[str, ...]) -> None:
    """Warn, once in a run, if decoders are confined by less than all measures."""
    missing = [name for name in MEASURES if name not in measures]
    # The processes that a run starts say nothing that the first one has not said.
    if missing and multiprocessing.parent_process() is None:
        log.warning("a decoder runs without %s, which this system or its ffmpeg cannot bear", ", ".join(missing))


def start(
    command: Sequence[str | bytes],
    measures: Sequence[str],
    limits: Limits,
    grants: Grants | None = None,
    environment: Mapping[str, str] | None = None,
    **streams: Any,
) -> subprocess.Popen[bytes]:
    """Start a program that can use what it was given open, and its libraries, but nothing else.

    The kernel takes rights from threads, and what a thread starts has as few as it. So a thread gives up its own and
    starts the program: nothing has to run between fork and exec, where a process that has other threads may lock up.

    Args:
        command: the path of the program and its arguments.
        measures: which of `MEASURES` to take; the system must offer them.
        limits: what it may take.
        grants: what it is left beside; None for nothing.
        environment: its variables, beside one that keeps it frugal; None for those of this process.
        streams: `stdin`, `stdout`, `stderr`, `pass_fds` and `start_new_session` of `subprocess.Popen`.

    Raises:
        OSError: it does not start.
    """
    grants = grants or Grants()

    def launch() -> subprocess.Popen[bytes]:
        left = {**_library_rights(), **_program_rights(Path(os.fsdecode(command[0]))), **_granted_rights(grants)}
        for descriptor in (streams.get("stdin"), *streams.get("pass_fds", ())):
            if isinstance(descriptor, int) and descriptor >= 0:  # else it is a constant that asks for a pipe
                left[Path(f"/proc/self/fd/{descriptor}")] = Access.READ_FILE
        _enter(measures, left, writes=grants.writes, executes=True, port=grants.port)
        return subprocess.Popen(command, env={**(environment or os.environ), **_FRUGAL}, **streams)

    process: subprocess.Popen[bytes] = _in_own_thread(launch)
    if "limits" in measures:
        # A moment late, but in time: so far it has loaded its libraries, and limits count what it has already.
        _limit(process.pid, limits, writes=grants.output is not None)
    return process


def enter(limits: Limits, left: Mapping[Path, Access]) -> None:
    """Confine this process, which has one thread, by all measures that are offered.

    Args:
        limits: what it may take.
        left: what it may still read, as `python_rights` gives it.
    """
    if "limits" in offered():
        _limit(0, limits, writes=False)
    _enter(offered(), left, writes=False, executes=False)


def python_rights() -> dict[Path, Access]:
    """Give the rights that Python needs for what it may still import."""
    places = {sys.prefix, sys.base_prefix, *sysconfig.get_paths().values(), *sys.path}
    return {**_library_rights(), **{Path(place): Access.READ for place in places if place}}


def _enter(
    measures: Sequence[str],
    left: Mapping[Path, Access],
    *,
    writes: bool,
    executes: bool,
    port: int | None = None,
) -> None:
    if "no_new_privs" in measures:
        _give_up_new_rights()
    if "landlock" in measures:
        landlock.restrict(left, port)
    if "seccomp" in measures:
        seccomp.restrict(writes=writes, executes=executes, connects=port is not None)


def _give_up_new_rights() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def _limit(process: int, limits: Limits, *, writes: bool) -> None:
    """Set the limits of a process, 0 for this one; what ends before its limits are set needs none."""
    values = {
        resource.RLIMIT_AS: limits.memory_bytes,
        resource.RLIMIT_NOFILE: _OPEN_FILES,
        resource.RLIMIT_CORE: 0,
    }
    if not writes:
        values[resource.RLIMIT_FSIZE] = 0
    if math.isfinite(limits.timeout_s):
        # Ends it also if nobody is left who would; it cannot use so much in the time that it has.
        values[resource.RLIMIT_CPU] = math.ceil(limits.timeout_s) * (os.cpu_count() or 1)
    with contextlib.suppress(ProcessLookupError):
        for kind, value in values.items():
            _, most = resource.prlimit(process, kind)
            value = value if most == resource.RLIM_INFINITY else min(value, most)
            resource.prlimit(process, kind, (value, value))


def _library_rights() -> dict[Path, Access]:
    named = [place for place in os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep) if place]
    return {Path(place): Access.READ for place in (*_LIBRARIES, *named)}


def _program_rights(program: Path) -> dict[Path, Access]:
    """Leave the right to start a program, with its own libraries, by the loader of the system."""
    program = Path(shutil.which(program) or program).resolve()
    loaders = Path("/").glob("lib*/ld-*.so*")
    started = {path.resolve(): Access.EXECUTE | Access.READ_FILE for path in (program, *loaders)}
    return {program.parent.parent / "lib": Access.READ, **started}


def _granted_rights(grants: Grants) -> dict[Path, Access]:
    rights = {}
    if grants.output is not None:
        both = Access.READ_FILE | Access.WRITE
        rights.update({grants.output: both, Path(os.devnull): both})
    if grants.device is not None:
        rights[grants.device] = Access.READ_FILE | Access.WRITE_FILE | Access.IOCTL_DEV
    return rights


def _in_own_thread(task: Callable[[], _Result]) -> _Result:
    """Do something in a new thread, which ends with the rights that it has left."""
    done: Future[_Result] = Future()

    def work() -> None:
        try:
            done.set_result(task())
        except BaseException as error:  # belongs to whoever waits
            done.set_exception(error)

    # Not one of a pool: those cannot be had any more when all but the threads of a process has ended.
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return done.result()
