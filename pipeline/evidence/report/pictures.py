"""Chooses the pictures of a report and makes them: few enough to keep the page small, the telling ones among them."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import cv2
import numpy as np

from classifiers import ModelError, ModelSpec
from pipeline.evidence.pictures import Sighting, crop_geometry, cut_face, read_sightings, read_spread
from pipeline.evidence.report.reading import Person
from pipeline.evidence.report.texts import say
from pipeline.media.sampling import MAX_COUNT
from pipeline.media.types import MediaInfo

if TYPE_CHECKING:
    from classifiers.explain import HeatMapper

MAX_PERSONS = 60
"""Persons with a line in the timeline; of a film with more of them the least suspicious are only counted."""

MAX_MOMENTS = 64
"""Frames that can be shown in the timeline."""

_STRIP_TOTAL, _STRIP_EACH = 160, 12
_CLOSE_UPS = ((3, 3), (12, 1))
"""The first three persons have three close-ups each, further ones up to the twelfth one."""
_WHOLE_FRAMES = 4

_SEARCHED = 8

_MOMENT_SIDE, _FRAME_SIDE, _STRIP_SIDE = 400, 880, 112


@dataclass(frozen=True, slots=True, eq=False)
class Gallery:
    """Which pictures a page shows of one person.

    Attributes:
        strip: its faces, evenly chosen, in order of time.
        close_ups: its strongest faces, the strongest first.
        whole_frame: the frame in which it is strongest, or None.
    """

    strip: list[Sighting]
    close_ups: list[Sighting]
    whole_frame: Sighting | None


@dataclass(frozen=True, slots=True)
class CloseUp:
    """A face as large as the model saw it, and where the model looked, as data URIs."""

    crop: str
    heat: str | None


@dataclass(slots=True, eq=False)
class Pictures:
    """The pictures of one result as data URIs.

    Attributes:
        moments: whole frames, small but for a still picture, by time in seconds.
        frames: whole frames, large, by time in seconds; a still picture is among the moments.
        crops: faces by track and position.
        close_ups: the strongest faces by track and position.
        heat_output: "manipulated" or "generated" by track: what its heat maps explain.
        no_heat: one sentence where there are no heat maps, else None.
        complete: whether no picture is missing that could be had on another day.
        searched: where no face was found, times and whole frames, evenly chosen.
    """

    moments: dict[float, str] = field(default_factory=dict)
    frames: dict[float, str] = field(default_factory=dict)
    crops: dict[tuple[int, int], str] = field(default_factory=dict)
    close_ups: dict[tuple[int, int], CloseUp] = field(default_factory=dict)
    heat_output: dict[int, str] = field(default_factory=dict)
    no_heat: str | None = None
    complete: bool = True
    searched: list[tuple[float, str]] = field(default_factory=list)


def galleries(persons: Sequence[Person]) -> list[Gallery]:
    """Choose what to show of each person; the most suspicious come first and get most."""
    each = int(np.clip(_STRIP_TOTAL // max(len(persons), 1), 1, _STRIP_EACH))
    return [
        Gallery(
            strip=spread(person.sightings, each),
            close_ups=person.strongest[: next((n for end, n in _CLOSE_UPS if place < end), 0)],
            whole_frame=person.strongest[0] if place < _WHOLE_FRAMES else None,
        )
        for place, person in enumerate(persons)
    ]


def moments(persons: Sequence[Person], count: int = MAX_MOMENTS) -> list[float]:
    """Choose times in seconds to show a whole frame of: evenly among those with a face, and the strongest ones."""
    times = sorted({sighting.time_s for person in persons for sighting in person.sightings})
    if len(times) <= count:
        return times
    strongest = [person.strongest[0].time_s for person in persons[: count // 4]]
    return sorted({*spread(times, count - len(set(strongest))), *strongest})


def spread(items: Sequence, count: int) -> list:
    """Choose at most `count` items evenly, the first and the last among them."""
    if len(items) <= count:
        return list(items)
    return [items[round(place)] for place in np.linspace(0, len(items) - 1, count)]


def make_pictures(persons: Sequence[Person], media: MediaInfo, spec: ModelSpec | None) -> Pictures:
    """Decode the frames that a page shows, and cut its faces out of them.

    Args:
        persons: the ones that the page shows, the most suspicious first; none where no face was found.
        media: what `pipeline.evidence.pictures.reopen` gave.
        spec: the model that made the scores, for heat maps; None makes none.

    Raises:
        PicturesError: nothing can be decoded.
    """
    made = Pictures()
    if not persons:
        made.searched = [
            (frame.time_s, _jpeg(_shrunk(frame.image, _MOMENT_SIDE), 76)) for frame in read_spread(media, _SEARCHED)
        ]
        return made
    chosen = galleries(persons)
    strip = {(s.track, s.position) for gallery in chosen for s in gallery.strip}
    large = {(s.track, s.position) for gallery in chosen for s in gallery.close_ups}
    frames = {gallery.whole_frame.time_s for gallery in chosen if gallery.whole_frame}
    shown = set(moments(persons))
    wanted = [
        sighting
        for person in persons
        for sighting in person.sightings
        if (sighting.track, sighting.position) in strip | large or sighting.time_s in shown
    ]
    geometry = crop_geometry(spec)
    still = media.kind == "image"
    faces: dict[tuple[int, int], np.ndarray] = {}
    for image, sightings in read_all(media, wanted):
        time_s = sightings[0].time_s
        if time_s in shown:
            made.moments[time_s] = _jpeg(_shrunk(image, _FRAME_SIDE if still else _MOMENT_SIDE), 80 if still else 72)
        if time_s in frames and not still:
            made.frames[time_s] = _jpeg(_shrunk(image, _FRAME_SIDE), 80)
        for sighting in sightings:
            key = sighting.track, sighting.position
            if key not in strip | large or (crop := cut_face(image, sighting.observation, geometry)) is None:
                continue
            if key in strip:
                made.crops[key] = _jpeg(_shrunk(crop, _STRIP_SIDE), 78)
            if key in large:
                faces[key] = crop
    heat: dict[tuple[int, int], np.ndarray] = {}
    if spec is None:
        made.no_heat, made.complete = say("no_heat_model"), False
    else:
        try:
            heat = heat_maps(persons, faces, spec)
            made.heat_output = {person.id: heat_output(person) for person in persons}
        except ModelError as error:
            made.no_heat = say("no_heat", why=error)
            # A model whose maps are not worth drawing will have none tomorrow; another may have been exported by then.
            made.complete = not spec.heat_maps
    for key, crop in faces.items():
        made.close_ups[key] = CloseUp(_jpeg(crop, 88), _jpeg(heat[key], 88) if key in heat else None)
    return made


def read_all(media: MediaInfo, wanted: Sequence[Sighting]) -> Iterable[tuple[np.ndarray, list[Sighting]]]:
    """Read any number of sightings; see `read_sightings`, which takes as many frames as one plan does."""
    times = sorted({sighting.time_s for sighting in wanted})
    for first in range(0, len(times), MAX_COUNT):
        part = set(times[first : first + MAX_COUNT])
        yield from read_sightings(media, [sighting for sighting in wanted if sighting.time_s in part])


def heat_output(person: Person) -> str:
    """Name the output that the heat maps of a person explain: the kind of forgery that scores higher."""
    drawn = (person.components["generated"] or 0) > (person.components["manipulated"] or 0)
    return "generated" if drawn else "manipulated"


def heat_maps(
    persons: Sequence[Person], faces: dict[tuple[int, int], np.ndarray], spec: ModelSpec
) -> dict[tuple[int, int], np.ndarray]:
    """Draw where the model looked.

    Args:
        persons: whose faces they are.
        faces: crops as the model sees them, by track and position.
        spec: the model.

    Returns:
        Each crop under its map, RGB uint8 of the same size.

    Raises:
        ModelError: the model cannot be explained, or not so that it helps.
    """
    from classifiers.explain import calibrated_maps, overlay

    spec.check_heat_maps()
    if not faces:
        return {}
    output = {person.id: spec.labels.index(heat_output(person)) for person in persons}
    maps = calibrated_maps(_mapper(spec).heat(np.stack(list(faces.values()))), spec.calibration)
    return {key: overlay(crop, cells[output[key[0]]]) for (key, crop), cells in zip(faces.items(), maps, strict=True)}


_mappers: dict[str, HeatMapper] = {}


def _mapper(spec: ModelSpec) -> HeatMapper:
    """Load a model once for the pages of a whole folder, and keep no more than one."""
    from classifiers.explain import HeatMapper

    if spec.sha256 not in _mappers:
        _mappers.clear()
        _mappers[spec.sha256] = HeatMapper(spec)
    return _mappers[spec.sha256]


def _shrunk(image: np.ndarray, side: int) -> np.ndarray:
    height, width = image.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return image
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _jpeg(image: np.ndarray, quality: int) -> str:
    """Encode RGB uint8 as a data URI."""
    encoded, content = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not encoded:
        raise ValueError(f"a picture of shape {image.shape} could not be encoded as JPEG")
    return "data:image/jpeg;base64," + base64.b64encode(content).decode()
