"""When a picture is due, told from when pictures come."""

from __future__ import annotations

_DRIFT = 1e-4
"""By so much, at most, do the clocks of two machines run apart."""

_LEAST_STEP_S = 1e-3

# A step back, or one forward by more than was waited for, is one to another clock.
_BACK_S = 0.5
_JUMP_S = 10.0


class Clock:
    """Takes the times of a source, which may begin anew, to seconds since the first picture and to when each is due.

    What plays by itself is due when it comes, if nothing holds it up: all count from the picture that was held up the
    least. What is paced is due as long after the first picture as its time says.
    """

    def __init__(self) -> None:
        self._began: float | None = None
        self._shift_s = 0.0
        self._due_s = 0.0
        self._came = 0.0
        self._latest_s = -1.0
        self._is_new = True

    def begin(self) -> None:
        """Note that the source is opened anew, with times of another clock."""
        self._is_new = True

    def stamp(self, source_s: float, now: float, *, paced: bool) -> tuple[float, float]:
        """Tell when a picture is shown and when it was due.

        Args:
            source_s: its time on the source's clock, in seconds.
            now: of `time.monotonic`.
            paced: whether it would come faster than it plays if it were let.

        Returns:
            Seconds since the first picture, later than every one before; and when it was due, of `time.monotonic`.
        """
        if self._began is None:
            self._began = now
        step_s = source_s + self._shift_s - self._latest_s
        if self._is_new or not -_BACK_S < step_s < _JUMP_S + (now - self._came):
            self._is_new = False
            self._shift_s = now - self._began - source_s
            self._due_s = now - source_s
        elif not paced:
            self._due_s = min(self._due_s + _DRIFT * (now - self._came), now - source_s)
        self._came = now
        self._latest_s = max(source_s + self._shift_s, self._latest_s + _LEAST_STEP_S)
        return self._latest_s, source_s + self._due_s
