"""What a server takes, and how long it keeps it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Terms:
    """Bounds of what strangers may ask of a server.

    Attributes:
        most_bytes: of one file.
        most_waiting: scans that may wait or be on their way here; further ones are told to come back.
        rate: uploads that one address may begin in a minute.
        keep_s: seconds after its result that a file and its result are removed.
        patience_s: seconds in which an upload must send something before it is broken off.
        most_files: in one request.
        most_at_a_time: uploads that one address may have on their way.
        most_listeners: streams of events at a time.
    """

    most_bytes: int = 500 << 20
    most_waiting: int = 100
    rate: int = 60
    keep_s: float = 7 * 86400.0
    patience_s: float = 60.0
    most_files: int = 50
    most_at_a_time: int = 16
    most_listeners: int = 100

    @property
    def unfinished_s(self) -> float:
        """Seconds that the beginning of a file, which came by tus, waits for the rest before it is removed."""
        return min(self.keep_s, 3600.0)
