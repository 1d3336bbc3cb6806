"""What every request passes before anything else: is it for this host, from a page of ours, with the token?"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.server.access import Access, is_own_origin
from pipeline.server.answers import problem
from pipeline.server.metrics import Metrics

_OPEN = ("/", "/healthz", "/readyz", "/session", "/openapi.json")
_OPEN_BELOW = "/static/"
_SAFE = ("GET", "HEAD", "OPTIONS")
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


class Gate:
    """Lets requests through to an application, and gives every answer its headers.

    Args:
        app: what answers.
        access: who may ask.
        hosts: names by which the server may be called beside those of this machine; where it listens on all addresses,
            "*" lets every number through, but no name.
        metrics: counts what is refused.
    """

    def __init__(self, app: ASGIApp, access: Access, hosts: Iterable[str], metrics: Metrics) -> None:
        self._app, self._access, self._metrics = app, access, metrics
        self._hosts = {*_LOOPBACK, *(host.lower() for host in hosts)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let it through; see ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("Content-Security-Policy", _POLICY)
            await send(message)

        refused = self._refused(Request(scope))
        if refused is None:
            await self._app(scope, receive, send_with_headers)
            return
        status, reason, sentence = refused
        self._metrics.refused(reason)
        headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
        await problem(status, sentence, headers)(scope, receive, send_with_headers)

    def _refused(self, request: Request) -> tuple[int, str, str] | None:
        host = request.headers.get("host", "")
        if not self._knows(host):
            # A name of somebody else's that leads here.
            return 421, "host", "This server is not called that: use its own name, or start it with --allowed-host."
        origin, changes = request.headers.get("origin"), request.method not in _SAFE
        if changes and origin is not None and not is_own_origin(origin, host):
            return 403, "origin", "The request comes from a page of another server."
        path = request.url.path
        if (
            path in _OPEN
            or path.startswith(_OPEN_BELOW)
            or self._access.by_token(request.headers.get("authorization", ""))
        ):
            return None
        if not self._access.by_session(request.cookies):
            return 401, "token", "Show the token of this server: Authorization: Bearer TOKEN."
        if changes and origin is None:
            return 403, "origin", "The request does not say that it comes from a page of this server."
        return None

    def _knows(self, host: str) -> bool:
        name = _without_port(host).lower()
        return name in self._hosts or ("*" in self._hosts and _is_number(name))


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[: host.find("]") + 1]
    return host.partition(":")[0]


def _is_number(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
