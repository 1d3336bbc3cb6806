"""Reads the notes that cameras and generators leave in pictures, in the process that is confined."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress

from PIL import ExifTags, Image, ImageFile, IptcImagePlugin

from pipeline.media.provenance.declarations import telling_part

MOST_VALUE = 300
_MOST_NOTES = 60
_MOST_READ = 1 << 16

_EXIF = {name: getattr(ExifTags.Base, name) for name in ("Make", "Model", "Software", "ImageDescription")}
_IPTC = {"Program": (2, 65), "Credit": (2, 110), "Source": (2, 115)}
_XMP = re.compile(
    rb"\b(DigitalSourceType|CreatorTool|Credit|AISystemUsed)\b"
    rb"(?:\s*=\s*[\"']([^\"'<>]{1,400})[\"']|\s+rdf:resource\s*=\s*[\"']([^\"'<>]{1,400})[\"']|\s*>\s*([^<>]{1,400})<)"
)

Row = tuple[str, str, str]
"""Place, name and value of a note, as `pipeline.media.provenance.declarations.Note` has them."""


def read_notes(image: Image.Image) -> list[Row]:
    """Read the notes of a picture; what is damaged is passed over.

    Args:
        image: just opened; of a PNG all of it is loaded, since notes may stand behind the picture.
    """
    found: list[Row] = []
    for read in (_png, _exif, _iptc, _xmp):
        found += _readable(read, image)
    return found[:_MOST_NOTES]


def _readable(read: Callable[[Image.Image], Iterator[Row]], image: Image.Image) -> list[Row]:
    found: list[Row] = []
    # Pillow raises nearly anything of metadata that are damaged. What stands before that still counts.
    with suppress(Exception):
        for place, name, value in read(image):
            if value := value.strip().strip("\0").strip():
                found.append((place, name[:60], telling_part(value[:_MOST_READ], MOST_VALUE)))
    return found


def _png(image: Image.Image) -> Iterator[Row]:
    if image.format != "PNG":
        return
    with suppress(OSError, ValueError, SyntaxError):
        image.load()  # a picture that is cut off may have notes before it all the same
    for name, value in image.info.items():
        if isinstance(name, str) and isinstance(value, str) and name != "XML:com.adobe.xmp":
            yield "png", name, value


def _exif(image: Image.Image) -> Iterator[Row]:
    exif = image.getexif()
    for name, tag in _EXIF.items():
        yield "exif", name, _text(exif.get(tag))
    yield "exif", "UserComment", _comment(exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.UserComment))


def _iptc(image: Image.Image) -> Iterator[Row]:
    fields = (isinstance(image, ImageFile.ImageFile) and IptcImagePlugin.getiptcinfo(image)) or {}
    for name, tag in _IPTC.items():
        yield "iptc", name, _text(fields.get(tag))


def _xmp(image: Image.Image) -> Iterator[Row]:
    packet = image.info.get("xmp") or b""
    packet = packet.encode("utf-8", "replace") if isinstance(packet, str) else bytes(packet)
    for match in _XMP.finditer(packet):
        yield "xmp", match[1].decode(), _text(match[2] or match[3] or match[4])


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value if isinstance(value, str) else ""


def _comment(value: object) -> str:
    """Read a comment of EXIF, whose first 8 bytes name its characters."""
    if not isinstance(value, bytes):
        return _text(value)
    if value.startswith(b"UNICODE\0"):
        text = value[8:]
        # Nothing says in which order its bytes are; of Latin letters every other one is 0.
        order = "utf-16-be" if text[:1] == b"\0" else "utf-16-le"
        return text.decode(order, "replace")
    return _text(value[8:] if value[:8] in (b"ASCII\0\0\0", bytes(8)) else value)
