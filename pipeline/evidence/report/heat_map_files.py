"""Writes where the model looked as PNG files, for those who put them elsewhere than into the report."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from classifiers import ModelSpec
from pipeline.evidence.pictures import crop_geometry, cut_face
from pipeline.evidence.report.pictures import MAX_PERSONS, heat_maps, heat_output, read_all
from pipeline.evidence.report.reading import Reading
from pipeline.media.types import MediaInfo
from pipeline.results.verdict import display_path
from pipeline.results.writers import WriteError

EACH = 8
"""Strongest faces of a person that are written."""


def write_heat_maps(reading: Reading, media: MediaInfo, spec: ModelSpec, folder: Path) -> list[Path]:
    """Write the strongest faces of every person that was judged, each as it is and with its heat map.

    The files are called as `person-1_4.920s_0.97_face.png` and `person-1_4.920s_0.97_manipulated.png`, by the output
    that the map explains. They replace those that an earlier result left in the folder, all or none.

    Args:
        reading: the result.
        media: what `pipeline.evidence.pictures.reopen` gave.
        spec: the model that made the scores.
        folder: where; it is made if there is something to write.

    Returns:
        The files.

    Raises:
        PicturesError: nothing can be decoded.
        ModelError: the model cannot be explained.
        WriteError: the files cannot be written, or those of an earlier result not removed.
    """
    persons = reading.judged[:MAX_PERSONS]
    wanted = [sighting for person in persons for sighting in person.strongest[:EACH]]
    geometry, faces, seen = crop_geometry(spec), {}, {}
    for image, sightings in read_all(media, wanted):
        for sighting in sightings:
            if (crop := cut_face(image, sighting.observation, geometry)) is not None:
                key = sighting.track, sighting.position
                faces[key], seen[key] = crop, sighting
    outputs = {person.id: heat_output(person) for person in persons}
    images: dict[str, np.ndarray] = {}
    for key, drawn in heat_maps(persons, faces, spec).items():
        sighting = seen[key]
        start = f"person-{sighting.track}_{sighting.time_s:.3f}s_{sighting.score:.2f}"
        images[f"{start}_face.png"] = faces[key]
        images[f"{start}_{outputs[sighting.track]}.png"] = drawn
    return _replace_all(folder, images)


def _replace_all(folder: Path, images: Mapping[str, np.ndarray]) -> list[Path]:
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


def _png(image: np.ndarray) -> bytes:
    encoded, content = cv2.imencode(".png", image[..., ::-1])
    if not encoded:
        raise WriteError(f"cannot encode an image of shape {image.shape} as PNG")
    return content.tobytes()
