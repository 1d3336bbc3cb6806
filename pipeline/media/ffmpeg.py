"""Finds the ffmpeg program and runs it so that a file can do no harm and a hang comes to an end."""

from __future__ import annotations

import io
import logging
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TypeVar, cast

from pipeline.media import confinement
from pipeline.media.confinement import Grants
from pipeline.media.errors import MediaError, nonsense, quoted
from pipeline.media.limits import Limits
from pipeline.media.log_lines import environment, read_line
from pipeline.media.source_file import Readable

log = logging.getLogger(__name__)

BINARY_VARIABLE = "FACEWITNESS_FFMPEG"
"""Environment variable that names the ffmpeg to use."""

OLDEST_VERSION = (5, 1)
"""Versions before 5.1 turn mirrored videos the wrong way and have no -fps_mode."""

Output = TypeVar("Output")

_GENERAL_OPTIONS = ("-hide_banner", "-nostdin", "-nostats", "-loglevel", "level+info")

# As `signal.SIGKILL`, which some systems lack.
_KILLED = 9

_WATCH_INTERVAL_S = 0.25
_LINE_BYTES = 1 << 16
_KEPT_ERRORS = 20
# Where a damaged file claims a packet of gigabytes, demuxing wants them in vain: that is damage like any other. And
# libdav1d says this of some damaged packets, now and then.
_NO_MEMORY = re.compile(
    r"^(?!.*\[dec:libdav1d ).*(?:(?<!demuxing: )Cannot allocate memory|Failed to allocate|pthread_create.. failed)"
)
_FIRST_BOXES = (b"ftyp", b"styp", b"mdat", b"moof", b"free", b"skip", b"wide", b"pnot", b"uuid")
_REFUSED_CODEC = re.compile(r"\[error\] Codec \((\w+)\) not on whitelist ")


@dataclass(frozen=True, slots=True)
class Binary:
    """An ffmpeg program.

    Attributes:
        path: what to run.
        version: what it calls itself, such as "7.1.1" or "n7.1-4-g1a2b3c4".
        origin: where it was found.
        confinement: the measures under which it runs, of `pipeline.media.confinement.MEASURES`.
    """

    path: str
    version: str
    origin: str
    confinement: tuple[str, ...]

    def __str__(self) -> str:
        return f"ffmpeg {self.version} ({self.origin})"

    def is_at_least(self, version: tuple[int, int]) -> bool:
        """Tell whether it is so new; a build without a number is one of the development branch."""
        match = re.match(r"n?(\d+)\.(\d+)", self.version)
        return match is None or (int(match[1]), int(match[2])) >= version


def find_binary() -> Binary:
    """Find ffmpeg: the one that FACEWITNESS_FFMPEG names, else a recent one on PATH, else that of imageio-ffmpeg.

    Raises:
        MediaError: there is none that runs.
    """
    return _find_binary(os.environ.get(BINARY_VARIABLE), os.environ.get("PATH"))


@cache
def _find_binary(override: str | None, search_path: str | None) -> Binary:
    if override:
        found = _try_out(override, BINARY_VARIABLE)
        if found is None:
            raise MediaError("error", f"{BINARY_VARIABLE} names {quoted(Path(override))}, which is no ffmpeg.")
        return found

    system = shutil.which("ffmpeg", path=search_path)
    found = _try_out(system, "system") if system else None
    if found and found.is_at_least(OLDEST_VERSION):
        return found

    import imageio_ffmpeg

    try:
        bundled = imageio_ffmpeg.get_ffmpeg_exe()
    except RuntimeError:
        bundled = None
    found = _try_out(bundled, "imageio-ffmpeg") if bundled else None
    if found:
        return found
    raise MediaError("error", f"No ffmpeg was found: install it, or set {BINARY_VARIABLE} to one.")


def _try_out(program: str, origin: str) -> Binary | None:
    """Ask a program for its version, under as many measures as it can bear: a script that starts ffmpeg bears few."""
    offered = confinement.offered()
    for without in ((), ("landlock",), ("landlock", "seccomp"), confinement.MEASURES):
        measures = tuple(name for name in offered if name not in without)
        version = _version_of(program, measures)
        if version is not None:
            return Binary(program, version, origin, measures)
    return None


def _version_of(program: str, measures: tuple[str, ...]) -> str | None:
    try:
        with Path(os.devnull).open("rb") as nothing:
            process = confinement.start(
                [program, "-version"],
                measures,
                Limits(),
                stdin=nothing,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        with process:
            try:
                output, _ = process.communicate(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                return None
    except OSError:
        return None
    match = re.match(rb"ffmpeg version (\S+)", output)
    return match[1].decode("ascii", "replace") if match else None


@cache
def has_filter(binary: Binary, name: str) -> bool:
    """Tell whether a build of ffmpeg has a filter."""
    result = subprocess.run(
        [binary.path, "-hide_banner", "-filters"], stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    return re.search(rb"^ *\S+ +%s " % re.escape(name.encode()), result.stdout, re.MULTILINE) is not None


class Process:
    """A running ffmpeg whose standard output is read here; use it in a `with`, which kills it on the way out.

    Args:
        arguments: command line without the program; its first input is `pipeline.media.ffmpeg_input.source_input`.
        source: what it reads.
        on_log: called with every line of its log, in another thread; a ValueError or ArithmeticError says that it makes
            no sense.
        stall_timeout_s: seconds without a line of log or a byte of output, while one is waited for, after which it is
            killed.
        errors_from: the first line of log in which it is found, if there is one, makes good all errors before it.
        grants: what it may use beside; None for nothing.
        own_session: whether an interrupt from the terminal does not reach it, but only whoever waits for it.

    Attributes:
        refused_codecs: names of decoders that the file asks for but that are not let read it.
        error_count: number of lines of its log that report an error; complete after `finish`.
    """

    def __init__(
        self,
        arguments: list[str | bytes],
        source: Readable,
        on_log: Callable[[str], None],
        stall_timeout_s: float,
        errors_from: re.Pattern[str] | None = None,
        grants: Grants | None = None,
        own_session: bool = False,
    ):
        self.refused_codecs: set[str] = set()
        self.error_count = 0
        self._errors_from = errors_from
        self._errors: list[str] = []
        self._source = source.path
        self._time = source.time
        self._memory_bytes = source.limits.memory_bytes
        self._wants_memory = False
        self._on_log = on_log
        self._stall_timeout_s = stall_timeout_s
        self._last_sign = time.monotonic()
        self._waiting = False
        self._stalled = self._out_of_time = False
        self._log_failure: Exception | None = None
        self._ended = threading.Event()
        binary = find_binary()
        confinement.warn_of_less(binary.confinement)
        command = [binary.path, *_GENERAL_OPTIONS, *arguments]
        log.debug("running %s", command)
        stdin = source.reopen()
        try:
            self._process = confinement.start(
                command,
                binary.confinement,
                source.limits,
                grants,
                environment(),
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=own_session,
            )
        except OSError as error:
            raise MediaError(
                "error", f"{quoted(source.path)} could not be read: ffmpeg does not run ({error})."
            ) from error
        finally:
            os.close(stdin)
        self._stdout = cast(io.BufferedReader, self._process.stdout)
        self._stderr = cast(io.BufferedReader, self._process.stderr)
        self._threads = [threading.Thread(target=task, daemon=True) for task in (self._read_log, self._watch)]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.kill()
        self._settle()
        self._stdout.close()
        self._stderr.close()

    def has_output(self) -> bool:
        """Wait until there is a byte on standard output; False if it has ended.

        Raises:
            MediaError: status "timeout", if ffmpeg hangs.
        """
        return bool(self._wait_for(partial(self._stdout.peek, 1)))

    def read_into(self, buffer: memoryview) -> bool:
        """Fill a buffer from standard output; False if the output ends before it is full.

        Raises:
            MediaError: status "timeout", if ffmpeg hangs.
        """
        filled = 0
        while filled < len(buffer):
            count = self._wait_for(partial(self._stdout.readinto1, buffer[filled:]))
            if not count:
                return False
            filled += count
        return True

    def lines(self) -> Iterator[bytes]:
        """Iterate over standard output by lines.

        Raises:
            MediaError: status "timeout", if ffmpeg hangs.
        """
        while line := self._wait_for(partial(self._stdout.readline, _LINE_BYTES)):
            yield line

    def finish(self) -> int:
        """Wait for the end after all output has been read, and give the exit status; negative is a signal.

        Raises:
            MediaError: status "timeout", if ffmpeg hangs; "unsupported", if it got not as much memory as it wanted, and
                "error", if somebody killed it, so that what it gave is not all, or if its log makes no sense.
        """
        self._wait_for(self._process.wait)
        self._settle()
        if self._log_failure:  # of a line that was read after the end
            raise self._log_failure
        if self._wants_memory or self._was_killed:
            raise self.failure()
        return self._process.returncode

    @property
    def first_error(self) -> str:
        """What it said first when something was wrong, without a full stop, or nothing."""
        return self._errors[0] if self._errors else ""

    def failure(self) -> MediaError:
        """Put in words why it gave nothing, after `finish`."""
        name = quoted(self._source)
        said = " ".join(self._errors)
        if self._wants_memory:
            allowed = f"{self._memory_bytes >> 20} MB"
            return MediaError(
                "unsupported", f"{name} takes more than {allowed} of memory to decode: allow more with --memory."
            )
        if self._was_killed:
            return MediaError("error", f"{name} could not be read: ffmpeg was killed, perhaps for want of memory.")
        if self._process.returncode < 0:
            signal = -self._process.returncode
            return MediaError("error", f"{name} could not be read: ffmpeg crashed (signal {signal}).")
        if "not on whitelist" in said:
            return MediaError("unsupported", f"{name} is neither a video nor an image that can be read.")
        if "moov atom not found" in said and _begins_with_box(self._source):
            return MediaError("undecodable", f"{name} is cut off: its index (the moov atom) is missing. Copy it again.")
        if "Invalid data found" in said or "moov atom not found" in said:
            return MediaError("undecodable", f"{name} is damaged, or neither a video nor an image.")
        reason = self.first_error or "ffmpeg gives no reason"
        return MediaError("undecodable", f"{name} could not be decoded: {reason}.")

    @property
    def _was_killed(self) -> bool:
        # No file makes a program do that to itself.
        return self._process.returncode == -_KILLED

    def _wait_for(self, step: Callable[[], Output]) -> Output:
        """Do what may block, under the eye of the watch."""
        self._last_sign = time.monotonic()
        self._time.begin()
        self._waiting = True
        try:
            result = step()
        finally:
            self._waiting = False
            self._time.end()
        if self._log_failure:
            raise self._log_failure
        if self._out_of_time:
            self._time.check(self._source)
        if self._stalled:
            raise MediaError(
                "timeout",
                f"{quoted(self._source)} made ffmpeg hang: it was stopped after {self._stall_timeout_s:g} s "
                "without progress.",
            )
        return result

    def _watch(self) -> None:
        while not self._ended.wait(_WATCH_INTERVAL_S):
            self._stalled = self._waiting and time.monotonic() - self._last_sign > self._stall_timeout_s
            self._out_of_time = self._waiting and self._time.is_over
            if self._stalled or self._out_of_time:
                self._process.kill()
                return

    def _read_log(self) -> None:
        while line := self._stderr.readline(_LINE_BYTES):
            self._last_sign = time.monotonic()
            said = read_line(line)
            if self._errors_from and self._errors_from.search(said.beside):
                self._errors_from = None
                self.error_count = 0
                self._errors.clear()
            if refused := _REFUSED_CODEC.search(said.text):
                self.refused_codecs.add(refused[1])
            elif said.error is not None:
                self.error_count += 1
                self._wants_memory = self._wants_memory or _NO_MEMORY.search(said.text) is not None
                if len(self._errors) < _KEPT_ERRORS:
                    self._errors.append(said.error)
                    log.debug("%s: %s", quoted(self._source), said.text)
            try:
                self._on_log(said.text)
            except (ValueError, ArithmeticError):
                # An ffmpeg that a file has taken over may say anything.
                self._log_failure = nonsense(self._source)
                self._process.kill()
            except Exception as error:  # belongs to the thread that waits for the frames
                self._log_failure = error
                self._process.kill()

    def _settle(self) -> None:
        self._process.wait()
        self._ended.set()
        for thread in self._threads:
            thread.join()


def _begins_with_box(path: Path) -> bool:
    """Tell a file of the MP4 family from one that only has such a name, by the type of its first box."""
    try:
        with path.open("rb") as file:
            return file.read(8)[4:] in _FIRST_BOXES
    except OSError:
        return False
