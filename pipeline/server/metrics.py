"""What a server counts, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.5, 1, 2, 5, 10, 20, 60, 120, 300, 600)


class Metrics:
    """Counts from the start of the server.

    Args:
        counts: gives the number of scans in each state.
    """

    def __init__(self, counts: Callable[[], Mapping[str, int]]) -> None:
        self._registry = CollectorRegistry()
        self._scans = Counter("facewitness_scans", "Scans that ended, by status.", ["status"], registry=self._registry)
        self._seconds = Histogram(
            "facewitness_scan_seconds", "Seconds of a scan.", buckets=_SECONDS, registry=self._registry
        )
        self._bytes = Counter("facewitness_upload_bytes", "Bytes of uploads that came.", registry=self._registry)
        self._refused = Counter(
            "facewitness_refused", "Requests that were refused, by reason.", ["reason"], registry=self._registry
        )
        for state in ("uploading", "waiting", "scanning"):
            gauge = Gauge(f"facewitness_{state}", f"Scans that are {state}.", registry=self._registry)
            gauge.set_function(partial(_count, counts, state))

    def scanned(self, status: str, seconds: float) -> None:
        """Count a scan."""
        self._scans.labels(status).inc()
        self._seconds.observe(seconds)

    def received(self, size: int) -> None:
        """Count bytes of an upload."""
        self._bytes.inc(size)

    def refused(self, reason: str) -> None:
        """Count a refusal."""
        self._refused.labels(reason).inc()

    def text(self) -> bytes:
        """Give all of it as Prometheus reads it."""
        return generate_latest(self._registry)


def _count(counts: Callable[[], Mapping[str, int]], state: str) -> float:
    return counts().get(state, 0)
