"""Addresses of streams: which are taken, where they lead, and what of them may be written down.

A name is looked up once, and what it leads to is kept: a name that leads elsewhere a moment later, to a machine of the
own network, gets nothing.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from pipeline.live.errors import RefusedSourceError, SourceError
from pipeline.media.errors import printable

_PORTS = {"http": 80, "https": 443, "rtsp": 554, "rtsps": 322}
_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]*)://", re.I)

# Both stand for an address of version 4, which says where they lead.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class StreamAddress:
    """Where a stream is.

    Attributes:
        scheme: http, https, rtsp or rtsps.
        host: name or number, as it was given.
        port: of TCP.
        user: user and password as they stand before the host, with the @, or "".
        path: path and query.
        numbers: addresses that the name led to when it was looked up, in the order in which they are to be tried.
    """

    scheme: str
    host: str
    port: int
    path: str
    user: str = field(default="", repr=False)
    numbers: tuple[str, ...] = ()

    @property
    def authority(self) -> str:
        """Host and port as a server expects them in a request."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def is_encrypted(self) -> bool:
        """Whether the server proves who it is."""
        return self.scheme in ("https", "rtsps")

    @property
    def is_playlist(self) -> bool:
        """Whether it names a playlist of HLS, which names the parts of the stream."""
        return self.scheme in ("http", "https") and self.path.partition("?")[0].endswith((".m3u8", ".m3u"))

    def __str__(self) -> str:
        """Give it as it may be written down: without user, password and query."""
        return printable(f"{self.scheme}://{self.authority}{self.path.partition('?')[0]}")


def is_address(source: str) -> bool:
    """Tell an address from the name of a file or camera."""
    return _ADDRESS.match(source) is not None


def find(source: str, *, allow_private: bool) -> StreamAddress:
    """Read an address, look its name up, and see whether it may be opened.

    Args:
        source: what the user gave.
        allow_private: whether it may lie in a private network or on this machine.

    Raises:
        RefusedSourceError: it is of no kind that is watched, or private without leave.
        SourceError: its name leads nowhere.
    """
    address = _read(source)
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise SourceError(f"no machine is called '{printable(address.host)}': check the name and the network") from None
    numbers = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
    # One public address among private ones would let a name choose.
    private = next((number for number in numbers if not is_public(number)), None)
    if private and not allow_private:
        where = "" if private == address.host else f" (it is {private})"
        raise RefusedSourceError(
            f"{address} is in a private network or on this machine{where}: allow that with --allow-private"
        )
    return StreamAddress(address.scheme, address.host, address.port, address.path, address.user, numbers)


def is_public(number: str) -> bool:
    """Tell whether a numeric address belongs to a machine of the public internet."""
    address = ipaddress.ip_address(number.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped or address.sixtofour or address.teredo:
            inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
            return inner is not None and is_public(str(inner))
        if address in _NAT64:
            return is_public(str(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)))
    return address.is_global and not address.is_multicast and not address.is_reserved


def _read(source: str) -> StreamAddress:
    shown = printable(source.partition("?")[0].rpartition("@")[2])
    try:
        parts: SplitResult = urlsplit(source)
        port = parts.port
    except ValueError:
        raise RefusedSourceError(f"'{shown}' is no address that can be read") from None
    if parts.scheme not in _PORTS:
        raise RefusedSourceError(f"'{shown}' is of no kind that is watched: give http, https, rtsp or rtsps")
    # Whatever could end a line of a request would begin another.
    if not parts.hostname or any(not c.isprintable() or c.isspace() for c in source):
        raise RefusedSourceError(f"'{shown}' is no address that can be read")
    user = parts.netloc.rpartition("@")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return StreamAddress(parts.scheme, parts.hostname, port or _PORTS[parts.scheme], path, user[0] + user[1])
