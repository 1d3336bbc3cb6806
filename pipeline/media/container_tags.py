"""The tags of a container, as ffmpeg describes them in its log."""

from __future__ import annotations

import re

from pipeline.media.errors import printable

_MOST_TAGS = 100
_MOST_TEXT = 300

_HEAD = "[info]   Metadata:"
_TAG = re.compile(r"\[info\]     (\S[^:]{0,79}?) *: ?(.*)")
"""Those of streams stand further right, and further lines of a value have no level before them."""


class ContainerTags:
    """Reads the lines that belong to the container itself; those of streams and chapters are passed over."""

    def __init__(self) -> None:
        self._reading = False
        self.found: list[tuple[str, str]] = []

    def feed(self, line: str) -> None:
        """Take one line of the description of the input."""
        if line == _HEAD:
            self._reading = True
        elif self._reading and (match := _TAG.fullmatch(line)):
            if len(self.found) < _MOST_TAGS:
                self.found.append((printable(match[1]), printable(match[2][:_MOST_TEXT])))
        elif line.startswith("[info]   "):
            self._reading = False
