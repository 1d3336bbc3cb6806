"""Runs the server."""

from __future__ import annotations

import contextlib
import ipaddress
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import uvicorn

from pipeline.batch.batch_scanner import ScannerSettings
from pipeline.batch.scanner_processes import ScannerProcesses
from pipeline.server.access import Access
from pipeline.server.app import make_app
from pipeline.server.changes import Changes
from pipeline.server.connections import Connection
from pipeline.server.desk import Desk
from pipeline.server.drawings import Drawings
from pipeline.server.metrics import Metrics
from pipeline.server.store import Store
from pipeline.server.terms import Terms

_ENDING_S = 5
"""Seconds that requests get to end."""

_LAST_SCANS_S = 20.0
"""Seconds that scans get to end."""

_SHORTEST_TOKEN = 16
_BACKLOG = 256


class ServeError(Exception):
    """A server that cannot be started as it was asked for; the message is one sentence for the user."""


class PortError(ServeError):
    """An address that cannot be listened on."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server listens, and who may ask it.

    Attributes:
        host: name or number of an address of this machine.
        port: of TCP; 0 for any that is free.
        token: that must be shown; None lets everybody in, which is for this machine alone.
        allowed_hosts: further names by which it may be called.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    token: str | None = field(default=None, repr=False)
    allowed_hosts: Sequence[str] = ()

    def check(self) -> None:
        """Make sure that strangers need a token.

        Raises:
            ServeError: they do not.
        """
        if self.token is not None and len(self.token) < _SHORTEST_TOKEN:
            raise ServeError(f"the token is too short: take at least {_SHORTEST_TOKEN} characters that nobody guesses")
        if self.token is not None and not (self.token.isascii() and self.token.isprintable() and " " not in self.token):
            raise ServeError("the token must be of ASCII letters, digits and signs, without spaces")
        if self.token is None and not _is_loopback(self.host):
            raise ServeError(
                f"other machines reach {self.host}: give a token with --token-file or FACEWITNESS_TOKEN, or listen on "
                "127.0.0.1"
            )


def serve(
    settings: ScannerSettings,
    data: Path,
    place: Place,
    terms: Terms,
    *,
    workers: int | None = None,
    ready: Callable[[str], None],
) -> None:
    """Serve until the process is told to end by SIGINT or SIGTERM; a second signal ends it at once.

    Args:
        settings: what scans.
        data: folder of uploads and results.
        place: where to listen.
        terms: what is taken.
        workers: processes that scan; see `ScannerProcesses`.
        ready: called with the address as soon as requests are taken.

    Raises:
        ServeError: others could ask without a token.
        PortError: it cannot listen there.
        WriteError: the folder cannot be used.
        ModelError: the model cannot be found or loaded.
    """
    place.check()
    with contextlib.ExitStack() as opened:
        store = opened.enter_context(Store(data, terms.keep_s))
        listening = opened.enter_context(contextlib.closing(_listen(place)))
        scanner = opened.enter_context(ScannerProcesses(settings, workers))
        drawings = opened.enter_context(Drawings(store, _only_model(settings)))
        metrics, changes = Metrics(store.register.counts), Changes(terms.most_listeners)
        desk = Desk(store, scanner, changes, metrics)
        app = make_app(store, desk, drawings, changes, metrics, terms, Access(place.token), _hosts(place))
        config = uvicorn.Config(
            app,
            http=Connection,
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=_ENDING_S,
        )
        try:
            ready(_address(place, listening))
            _Server(config, desk, changes).run(sockets=[listening])
        finally:
            desk.close(_LAST_SCANS_S)


class _Server(uvicorn.Server):
    """One that ends in order: streams of events first, then requests."""

    def __init__(self, config: uvicorn.Config, desk: Desk, changes: Changes) -> None:
        super().__init__(config)
        self._desk, self._changes = desk, changes

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take a signal for the wish to end, and leave a second one to the system."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

        def end(number: int, frame: FrameType | None) -> None:
            signal.signal(number, signal.SIG_DFL)
            self.should_exit = True

        for number, handler in before.items():
            if handler != signal.SIG_IGN:  # in the background of a script
                signal.signal(number, end)
        try:
            yield
        finally:
            if not self.should_exit:
                for number, handler in before.items():
                    signal.signal(number, handler)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._changes.end()
        self._desk.end()
        await super().shutdown(sockets)


def _listen(place: Place) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            place.host, place.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
        try:
            if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
            else:
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(_BACKLOG)
        except BaseException:
            listening.close()
            raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise PortError(
            f"cannot listen on port {place.port} of {place.host} ({reason}): give another with --host and --port"
        ) from None
    return listening


def _address(place: Place, listening: socket.socket) -> str:
    host = f"[{place.host}]" if ":" in place.host else place.host
    return f"http://{host}:{listening.getsockname()[1]}/"


def _only_model(settings: ScannerSettings) -> str | None:
    """Name the model whose crops and heat maps can be shown; None for the default one, and where several judge."""
    if settings.model is None or isinstance(settings.model, str):
        return settings.model
    return settings.model[0] if len(settings.model) == 1 else None


def _hosts(place: Place) -> list[str]:
    try:
        number = ipaddress.ip_address(place.host)
    except ValueError:
        own = place.host
    else:
        own = "*" if number.is_unspecified else f"[{number}]" if number.version == 6 else str(number)
    return [own, *(host for host in place.allowed_hosts if host != "*")]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
