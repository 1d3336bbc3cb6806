"""What went wrong with a file, and its name, in words."""

from __future__ import annotations

import os
import re
from typing import Literal


class MediaError(Exception):
    """A file that gives no frames. The message is one sentence for the user that names the file.

    Attributes:
        status: "undecodable" if the file is damaged, "unsupported" if it is of a kind that has no frames or is not
            read, "timeout" if the decoder hung, "error" if the file could not be got at.
    """

    status: Literal["error", "undecodable", "unsupported", "timeout"]

    def __init__(self, status: Literal["error", "undecodable", "unsupported", "timeout"], message: str):
        super().__init__(status, message)
        self.status = status

    def __str__(self) -> str:
        return str(self.args[1])


_ADDRESS = re.compile(r"(?:file|ftps?|gs|https?|rtm?ps?|rtsps?|s3|sftp|smb):/(/?)")


def is_address(path: os.PathLike[str] | str) -> bool:
    """Tell an address such as https://host/clip.mp4 from the path of a file."""
    return _ADDRESS.match(os.fspath(path)) is not None


def display_path(path: os.PathLike[str] | str) -> str:
    """Spell a path in valid Unicode, as it was given; bytes that are no UTF-8 become backslash escapes."""
    name = os.fsencode(path).decode("utf-8", "backslashreplace")
    address = _ADDRESS.match(name)
    if address and not address[1]:
        # pathlib keeps one of the two slashes.
        return f"{name[: address.end()]}/{name[address.end() :]}"
    return name


def printable(text: str) -> str:
    """Write what would break a line or steer a terminal as backslash escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def quoted(path: os.PathLike[str] | str) -> str:
    """Spell a path for a sentence: in quotation marks, on one line and printable whatever bytes it has."""
    return f"'{printable(display_path(path))}'"


def nonsense(path: os.PathLike[str] | str) -> MediaError:
    """Put in words that a decoder says of a file what it never would."""
    return MediaError("error", f"{quoted(path)} could not be read: what its decoder says makes no sense.")
