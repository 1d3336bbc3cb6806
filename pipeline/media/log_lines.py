"""Finds what ffmpeg calls an error in the lines of its log.

Threads of ffmpeg write into lines of each other, and what stands amid a line has no level in words. But it has the
colour of its level, and nothing that a file says can have one: control characters of it are never written.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

_UNCOLOURED = ("AV_LOG_FORCE_NOCOLOR", "AV_LOG_FORCE_256COLOR")
_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_RED = re.compile(r"\x1b\[[14];31m([^\x1b]*)")
_LEVEL = re.compile(r"(?:\[[^\]]* @ \w+\] )*\[(?:error|fatal|panic)\] ")


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a log.

    Attributes:
        text: all of it, without colours.
        error: the error that it reports, without a full stop; None if it reports none.
        beside: what it says beside that.
    """

    text: str
    error: str | None
    beside: str


def read_line(line: bytes) -> LogLine:
    """Read a line, in colours or, of a program that starts ffmpeg and loses the variable, without."""
    coloured = line.decode("utf-8", "replace").rstrip("\r\n")
    text = _COLOUR.sub("", coloured)
    if red := "".join(_RED.findall(coloured)):
        said, beside = red, _COLOUR.sub("", _RED.sub("", coloured))
    elif _LEVEL.match(text):
        said, beside = text, ""
    else:
        return LogLine(text, None, text)
    return LogLine(text, _LEVEL.sub("", said).rstrip(". "), beside)


def environment() -> dict[str, str]:
    """Give the variables of this process, and ask for a log in colours."""
    kept = {name: value for name, value in os.environ.items() if name not in _UNCOLOURED}
    return {**kept, "AV_LOG_FORCE_COLOR": "1"}
