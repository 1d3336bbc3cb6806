"""Writes where the model looked as PNG files, for those who put them elsewhere than into a report."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from classifiers import ModelSpec
from pipeline.evidence.heat_maps import heat_maps, heat_output
from pipeline.evidence.pictures import MAX_PERSONS, cut_face, face_crop, read_frames, reopen
from pipeline.results.parts import Observation, display_path
from pipeline.results.verdict import Verdict
from pipeline.results.writers import WriteError

EACH = 8
"""Strongest faces of a person that are written."""


def write_heat_maps(verdict: Verdict, source: Path, spec: ModelSpec, folder: Path) -> list[Path]:
    """Write the strongest faces of every person that was judged, each as it is and with its heat map.

    The files are called as `person-1_4.920s_0.97_face.png` and `person-1_4.920s_0.97_manipulated.png`, by the output
    that the map explains. They replace those that an earlier result left in the folder, all or none.

    Args:
        verdict: on the file.
        source: the file, which must be the same as when it was scanned.
        spec: the model that made the scores.
        folder: where; it is made if there is something to write.

    Returns:
        The files.

    Raises:
        PicturesError: the source is another file than the verdict is about, or cannot be decoded.
        ModelError: the model cannot be explained.
        WriteError: the files cannot be written, or those of an earlier result not removed.
    """
    verdict = verdict.as_stored()
    persons = verdict.judged[:MAX_PERSONS]
    wanted = [seen for person in persons for seen in person.strongest[:EACH]]
    crop_rule = face_crop(spec)
    crops: dict[Observation, npt.NDArray[np.uint8]] = {}
    for image, observations in read_frames(reopen(verdict, source), wanted):
        for seen in observations:
            if (crop := cut_face(image, seen, crop_rule)) is not None:
                crops[seen] = crop
    maps = heat_maps(persons, crops, spec)
    images: dict[str, npt.NDArray[np.uint8]] = {}
    for person in persons:
        for seen in person.strongest[:EACH]:
            if seen in crops:
                start = f"person-{person.track.id}_{seen.time_s:.3f}s_{seen.weighed_score:.2f}"
                images[f"{start}_face.png"] = crops[seen]
                images[f"{start}_{heat_output(person)}.png"] = maps[seen]
    return _replace_all(folder, images)


def _replace_all(folder: Path, images: Mapping[str, npt.NDArray[np.uint8]]) -> list[Path]:
    """Write RGB images by name; what there was stays until all new ones are on disk."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".facewitness-", dir=folder.parent) as temporary:
            for name, image in images.items():
                Path(temporary, name).write_bytes(_png(image))
            for earlier in list(folder.glob("person-*_*s_*_*.png")):
                earlier.unlink()
            if images:
                folder.mkdir(exist_ok=True)
            return [Path(temporary, name).replace(folder / name) for name in images]
    except OSError as error:
        raise WriteError(f"cannot write heat maps to {display_path(folder)}: {error.strerror}") from error


def _png(image: npt.NDArray[np.uint8]) -> bytes:
    encoded, content = cv2.imencode(".png", image[..., ::-1])
    if not encoded:
        raise WriteError(f"cannot encode an image of shape {image.shape} as PNG")
    return content.tobytes()
