"""Who may ask: the token, and the sessions of browsers that have shown it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

COOKIE = "facewitness_session"
SESSION_S = 12 * 3600.0

_MOST_SESSIONS = 1000


@dataclass(slots=True)
class Access:
    """Decides who may ask.

    Attributes:
        token: that must be shown; None lets everybody in.
    """

    token: str | None = field(repr=False)
    _sessions: dict[str, float] = field(default_factory=dict, repr=False)

    def is_token(self, shown: str) -> bool:
        """Tell whether this is the token."""
        return self.token is None or secrets.compare_digest(shown.encode("utf-8", "replace"), self.token.encode())

    def begin_session(self) -> str:
        """Begin a session, and give what its cookie holds."""
        now = time.monotonic()
        self._sessions = {name: ends for name, ends in self._sessions.items() if ends > now}
        while len(self._sessions) >= _MOST_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        name = secrets.token_urlsafe(32)
        self._sessions[name] = now + SESSION_S
        return name

    def end_session(self, cookies: Mapping[str, str]) -> None:
        """End the session of a browser."""
        self._sessions.pop(cookies.get(COOKIE, ""), None)

    def by_token(self, authorization: str) -> bool:
        """Tell whether a header of a request shows the token."""
        scheme, _, shown = authorization.partition(" ")
        return self.token is None or (scheme.lower() == "bearer" and self.is_token(shown.strip()))

    def by_session(self, cookies: Mapping[str, str]) -> bool:
        """Tell whether the browser has shown the token before."""
        return self._sessions.get(cookies.get(COOKIE, ""), 0.0) > time.monotonic()


def is_own_origin(origin: str, host: str) -> bool:
    """Tell whether a page of this host asks."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()
