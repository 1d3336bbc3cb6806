"""Has the origin of a file read from the very bytes that were hashed."""

from __future__ import annotations

import importlib.util
from typing import NamedTuple

from classifiers.extras import install_command
from pipeline.media.errors import MediaError
from pipeline.media.image_files import FORMATS
from pipeline.media.image_process import ask
from pipeline.media.provenance.declarations import Credentials, Note
from pipeline.media.provenance.messages import PROVENANCE, note_of
from pipeline.media.provenance.trust import TrustList
from pipeline.media.types import MediaInfo

_VIDEO_TYPES = {"avi": "video/avi", "jpegxl_pipe": "image/jxl", "mov,mp4,m4a,3gp,3g2,mj2": "video/mp4"}
_IMAGE_TYPES = {name: f"image/{name}" for name in ("avif", "gif", "heic", "jpeg", "png", "tiff", "webp")}


class Found(NamedTuple):
    """The credentials of a file, and its other notes."""

    credentials: Credentials
    notes: list[Note]


def read_provenance(media: MediaInfo, trust: TrustList | None = None) -> Found:
    """Read what a file says of its origin. Whatever is damaged in it is told, and never costs the file its verdict.

    Args:
        media: the file.
        trust: the authorities whose signers the user trusts.

    Raises:
        StoppedError: reading was stopped.
    """
    media_type = (_IMAGE_TYPES | _VIDEO_TYPES).get(media.container)
    unchecked = None
    if media_type is None:
        unchecked = f"nothing reads them from files of the kind {media.container}"
    elif importlib.util.find_spec("c2pa") is None:
        unchecked = f"c2pa-python is not installed; install it with: {install_command('c2pa')}"
    image_format = media.container if media.container in FORMATS else None
    notes = [note for name, value in media.tags if (note := note_of("container", name, value))]
    if unchecked and image_format is None:
        return Found(Credentials("not_checked", unchecked), notes)
    request = {
        "image_format": image_format,
        "media_type": None if unchecked else media_type,
        "trust": trust.pem if trust else None,
    }
    try:
        with ask(media.source, provenance=request) as answer:
            said = answer.line(PROVENANCE)
    except MediaError as error:
        # Of a file that could be decoded there is a verdict whatever its metadata do to what reads them.
        late = error.status == "timeout"
        why = "reading them took too long" if late else "what reads them ran into an error"
        return Found(Credentials("unreadable", why), notes)
    return Found(said["credentials"] or Credentials("not_checked", unchecked), notes + said["notes"])
