"""What is to be said of the pictures themselves: too dark, of another size, without a face."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.analysis.tracks import SeenFrame
from pipeline.live import pictures
from pipeline.live.events import EventKind
from pipeline.media.types import Frame

DARK = 20.0
"""A picture of less mean brightness, of 255, shows nothing."""

DARK_S, NO_FACE_S = 1.0, 5.0
"""It is said after so many seconds."""


class Conditions:
    """Says each condition once, when it begins, and that pictures are to be seen again."""

    def __init__(self) -> None:
        self._size: tuple[int, int] | None = None
        self._doubt = ""
        self._dark_since_s: float | None = None
        self._is_dark = False
        self._blank_since_s: float | None = None
        self._is_blank = False

    @property
    def is_dark(self) -> bool:
        """Whether nothing is to be seen."""
        return self._is_dark

    def look(self, frame: Frame, seen: SeenFrame) -> Iterator[tuple[EventKind, str]]:
        """Look at a frame, and give the kind and a sentence of whatever is new.

        Args:
            frame: the picture.
            seen: what was seen in it.
        """
        if self._size not in (None, seen.size):
            yield "size", f"The picture is now {seen.size[0]} x {seen.size[1]} pixels."
        self._size = seen.size
        doubt = pictures.doubts(frame.form) if frame.form else ""
        if doubt and doubt != self._doubt:
            yield "doubt", doubt
        self._doubt = doubt
        yield from self._brightness(seen)
        yield from self._faces(seen)

    def _brightness(self, seen: SeenFrame) -> Iterator[tuple[EventKind, str]]:
        if float(seen.scene.thumbnail.mean()) >= DARK:
            if self._is_dark:
                yield "light", "There is a picture again."
            self._dark_since_s, self._is_dark = None, False
            return
        if self._dark_since_s is None:
            self._dark_since_s = seen.time_s
        if not self._is_dark and seen.time_s - self._dark_since_s >= DARK_S:
            self._is_dark = True
            yield "dark", "The picture is black, or too dark to see a face."

    def _faces(self, seen: SeenFrame) -> Iterator[tuple[EventKind, str]]:
        if seen.observations or self._is_dark:
            self._blank_since_s, self._is_blank = None, False
            return
        if self._blank_since_s is None:
            self._blank_since_s = seen.time_s
        if not self._is_blank and seen.time_s - self._blank_since_s >= NO_FACE_S:
            self._is_blank = True
            yield "no_face", f"No face has been seen for {NO_FACE_S:g} s."
