"""Joining a Ray cluster, or starting one of this machine alone."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from classifiers.extras import install_command
from pipeline.batch import ray_guard

log = logging.getLogger(__name__)

AUTO = "auto"

_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_SCHEDULER_EVENTS": "0",
    # Else it would start a cluster here when the one it was in is lost.
    "RAY_ENABLE_AUTO_CONNECT": "0",
    # What it starts then listens on the loopback address alone.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
}

# A long one, as in `TMPDIR` of macOS, would make the names of Ray's sockets too long for the system.
_PLACE = None if sys.platform == "win32" else Path("/tmp")

_ANSWERS_WITHIN_S = 10.0


class ClusterError(Exception):
    """There is no cluster to scan on, or one that cannot scan as this machine would; the message says why."""


@contextlib.contextmanager
def joined(address: str) -> Iterator[Any]:
    """Be in a cluster while the block lasts.

    Args:
        address: "ray://HOST:PORT", or "auto" for the cluster that `RAY_ADDRESS` names or `ray start` began on this
            machine; without one, a cluster of this machine alone is started, and ended with the block or the process.

    Yields:
        The module of Ray.

    Raises:
        ClusterError: Ray is not installed, or there is no such cluster.
    """
    os.environ.update(_ENVIRONMENT)  # read when it is imported
    try:
        ray: Any = import_module("ray")
        internal: Any = import_module("ray._private.worker")
    except ImportError as error:
        raise ClusterError(f"scanning on a cluster needs Ray; install it with: {install_command('cluster')}") from error
    # It tells on standard output, where results may go, which of its processes died, and has no option against that.
    internal.print_to_stdstream = _log_lines
    debugging = log.isEnabledFor(logging.DEBUG)
    if not debugging:
        logging.getLogger("ray").setLevel(logging.CRITICAL)  # what goes wrong it also raises
    options: dict[str, Any] = {"include_dashboard": False, "log_to_driver": debugging, "configure_logging": False}
    with contextlib.ExitStack() as leaving:
        what, hint = "join the cluster", "; if it wants a token, set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN"
        try:
            there = _found() if address == AUTO else address
            if there:
                what += f" at {there}"
                _reach(there)
                # What it finds itself, it also finds the token of.
                options["address"] = None if address == AUTO else address
            else:
                what, hint = "start a cluster on this machine", ""
                options["address"] = "local"
                options["_temp_dir"] = str(leaving.enter_context(_guarded_folder()))
                # Who has none cannot use what is started. Ray would write one of its own to the home folder.
                os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
            with _sigterm_left_alone():
                ray.init(**options)
        except Exception as error:
            log.debug("no cluster", exc_info=True)
            raise ClusterError(f"cannot {what} ({in_one_line(error)}){hint}") from error
        leaving.callback(ray.shutdown)
        yield ray


def in_one_line(error: Exception) -> str:
    """Give what an error of Ray says first."""
    return str(error).strip().partition("\n")[0] or type(error).__name__


def _found() -> str | None:
    """Give the address of the cluster that the environment names or this machine is in, None where there is none."""
    named = os.environ.get("RAY_ADDRESS")
    if named:
        return None if named == "local" else named
    services: Any = import_module("ray._private.services")
    return services.find_bootstrap_address(None)


def _reach(address: str) -> None:
    """See that something listens there: Ray would try for minutes, and not say what is wrong."""
    parts = urlsplit(address if "://" in address else f"//{address}")
    if parts.hostname and parts.port:
        socket.create_connection((parts.hostname, parts.port), _ANSWERS_WITHIN_S).close()


@contextlib.contextmanager
def _guarded_folder() -> Iterator[Path]:
    """Make a folder that only this user may enter; with the block or this process, it and who uses it are gone."""
    folder = Path(tempfile.mkdtemp(prefix="facewitness-ray-", dir=_PLACE)).resolve()
    command = [sys.executable, "-I", ray_guard.__file__, str(folder)]
    guard = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        yield folder
    finally:
        guard.communicate()


@contextlib.contextmanager
def _sigterm_left_alone() -> Iterator[None]:
    """Keep what SIGTERM does: Ray would have it print a stack, and go on for a while."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if before is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


def _log_lines(data: dict[str, Any], *options: Any, **more: Any) -> None:
    log.debug("%s", "\n".join(data.get("lines", [])))
