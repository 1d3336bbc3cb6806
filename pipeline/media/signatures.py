"""Tells by its first bytes whether a file may be a video or a picture, without running anything on it.

For files whose names say nothing, of which a folder may hold many thousands: a text file is told apart at the cost of
reading one block. What passes is probed as any other file; see `pipeline.media.probing`.
"""

from __future__ import annotations

import re
import stat
from pathlib import Path

HEAD_BYTES = 1024
"""How much of a file `is_media` must be given: three packets of a transport stream with a little before them."""

_STARTS = (
    b"\xff\xd8\xff",  # JPEG, also with others behind it (MPO)
    b"\x89PNG\r\n\x1a\n",
    b"GIF87a",
    b"GIF89a",
    b"\0\0\0\x0cJXL \r\n\x87\n",
    b"\xff\x0a",  # JPEG XL without a container
    b"\0\0\0\x0cjP  \r\n\x87\n",
    b"\xff\x4f\xff\x51",  # JPEG 2000 without a container
    b"\x1aE\xdf\xa3",  # Matroska, WebM
    b"FLV\x01",
    b"0&\xb2u\x8ef\xcf\x11",  # ASF, WMV
    b".RMF\0",
    b"DKIF\0\0",  # IVF
    b"YUV4MPEG2 ",
    b"nut/multimedia container\0",
    b"\x06\x0e+4\x02\x05\x01\x01\x0d\x01\x02",  # MXF
    b"\0\0\0\0\x01\xbc",  # GXF
    b"\xb7\xd8\x00\x20\x37\x49\xda\x11",  # WTV
    b"\0\0\x01\xba",  # MPEG programme stream
    b"\0\0\x01\xb3",  # MPEG-1 and MPEG-2 video
    b"\0\0\x01\xb0",  # MPEG-4 video
    b"\x1f\x07\x00",  # DV
    b"\x12\x00\x0a",  # AV1
)
_RIFF = (b"AVI ", b"AVIX", b"WEBP")
_OGG_VIDEO = (b"\x80theora", b"fishead\0", b"BBCD\0", b"OVP80")
_BOXES = (b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"wide", b"pnot")
# Sound, and the raw pictures of cameras, of which ffmpeg reads no more than a preview.
_BRANDS_WITHOUT_PICTURES = (b"M4A ", b"M4B ", b"M4P ", b"crx ")
# The first unit of H.264 or HEVC: a delimiter or parameters. Those of HEVC have a second byte, which is 1.
_UNITS = re.compile(rb"\0\0\0?\x01(?:[\x09\x27\x47\x67]|[\x40\x42\x46]\x01)")
_TRANSPORT_PACKETS = ((0, 188), (4, 192), (0, 204))
_BMP_HEADERS = (12, 40, 52, 56, 64, 108, 124)


def is_media(head: bytes) -> bool:
    """Tell whether a file that begins with these bytes may be a video or a picture.

    TIFF is not told by them: most raw pictures of cameras begin so too, and hold a picture of a few pixels.

    Args:
        head: the first `HEAD_BYTES` of the file, or all of a smaller one.
    """
    return (
        head.startswith(_STARTS)
        or (head[:4] == b"RIFF" and head[8:12] in _RIFF)
        or (head[:4] == b"OggS" and any(name in head for name in _OGG_VIDEO))
        or (head[4:8] in _BOXES and head[8:12] not in _BRANDS_WITHOUT_PICTURES)
        or _UNITS.match(head) is not None
        or (head[:2] == b"BM" and head[6:10] == b"\0\0\0\0" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS)
        or any(_has_packets(head, first, size) for first, size in _TRANSPORT_PACKETS)
    )


def file_is_media(path: Path) -> bool:
    """Tell the same of a file; what is no regular file is none, such as a pipe, on which reading would wait.

    Raises:
        OSError: it cannot be read.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        return False
    with path.open("rb", buffering=0) as file:
        return is_media(file.read(HEAD_BYTES))


def _has_packets(head: bytes, first: int, size: int) -> bool:
    """Tell a transport stream, each of whose packets begins with a G; so may the lines of a text, which has no NUL."""
    places = range(first, first + 4 * size, size)
    return len(head) > places[-1] and all(head[place] == 0x47 for place in places) and b"\0" in head
