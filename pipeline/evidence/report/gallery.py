"""Chooses the pictures of a report and makes them: few enough to keep the page small, the telling ones among them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from classifiers import ModelError, ModelSpec
from extractors.shrink import shrink_to_side
from pipeline.evidence.heat_maps import heat_maps, heat_output
from pipeline.evidence.pictures import cut_face, face_crop, read_frames, read_spread
from pipeline.evidence.texts import say
from pipeline.media.types import MediaInfo
from pipeline.results.parts import Observation, TrackEvidence

MAX_MOMENTS = 64
"""Frames that can be shown in the timeline."""

_STRIP_TOTAL, _STRIP_EACH = 160, 12
_CLOSE_UPS = ((3, 3), (12, 1))
"""The first three persons have three close-ups each, further ones up to the twelfth one."""
_WHOLE_FRAMES = 4

_SEARCHED = 8

_MOMENT_SIDE, _FRAME_SIDE, _STRIP_SIDE = 400, 880, 112

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, eq=False)
class Gallery:
    """Which pictures a page shows of one person.

    Attributes:
        strip: its faces, evenly chosen, in order of time.
        close_ups: its strongest faces, the strongest first.
        whole_frame: the frame in which it is strongest, or None.
    """

    strip: list[Observation]
    close_ups: list[Observation]
    whole_frame: Observation | None


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
        crops: faces.
        close_ups: the strongest faces.
        heat_outputs: "manipulated", "generated" or both: what the heat maps explain.
        no_heat: one sentence where there are no heat maps, else None.
        complete: whether no picture is missing that could be had on another day.
        searched: where no face was found, times and whole frames, evenly chosen.
    """

    moments: dict[float, str] = field(default_factory=dict)
    frames: dict[float, str] = field(default_factory=dict)
    crops: dict[Observation, str] = field(default_factory=dict)
    close_ups: dict[Observation, CloseUp] = field(default_factory=dict)
    heat_outputs: list[str] = field(default_factory=list)
    no_heat: str | None = None
    complete: bool = True
    searched: list[tuple[float, str]] = field(default_factory=list)


def galleries(persons: Sequence[TrackEvidence]) -> list[Gallery]:
    """Choose what to show of each person; the most suspicious come first and get most."""
    each = int(np.clip(_STRIP_TOTAL // max(len(persons), 1), 1, _STRIP_EACH))
    return [
        Gallery(
            strip=spread(person.track.observations, each),
            close_ups=person.strongest[: next((n for end, n in _CLOSE_UPS if place < end), 0)],
            whole_frame=person.strongest[0] if place < _WHOLE_FRAMES else None,
        )
        for place, person in enumerate(persons)
    ]


def moments(persons: Sequence[TrackEvidence], count: int = MAX_MOMENTS) -> list[float]:
    """Choose times in seconds to show a whole frame of: evenly among those with a face, and the strongest ones."""
    times = sorted({seen.time_s for person in persons for seen in person.track.observations})
    if len(times) <= count:
        return times
    strongest = [person.strongest[0].time_s for person in persons[: count // 4]]
    return sorted({*spread(times, count - len(set(strongest))), *strongest})


def spread(items: Sequence[_T], count: int) -> list[_T]:
    """Choose at most `count` items evenly, the first and the last among them."""
    if len(items) <= count:
        return list(items)
    return [items[round(place)] for place in np.linspace(0, len(items) - 1, count)]


def make_pictures(persons: Sequence[TrackEvidence], media: MediaInfo, spec: ModelSpec | None) -> Pictures:
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
            (frame.time_s, _jpeg(shrink_to_side(frame.image, _MOMENT_SIDE)[0], 76))
            for frame in read_spread(media, _SEARCHED)
        ]
        return made
    chosen = galleries(persons)
    strip = {seen for gallery in chosen for seen in gallery.strip}
    large = {seen for gallery in chosen for seen in gallery.close_ups}
    frames = {gallery.whole_frame.time_s for gallery in chosen if gallery.whole_frame}
    shown = set(moments(persons))
    wanted = [
        seen
        for person in persons
        for seen in person.track.observations
        if seen in strip or seen in large or seen.time_s in shown
    ]
    crop_rule = face_crop(spec)
    still = media.kind == "image"
    faces: dict[Observation, npt.NDArray[np.uint8]] = {}
    for image, observations in read_frames(media, wanted):
        time_s = observations[0].time_s
        if time_s in shown:
            made.moments[time_s] = _jpeg(
                shrink_to_side(image, _FRAME_SIDE if still else _MOMENT_SIDE)[0], 80 if still else 72
            )
        if time_s in frames and not still:
            made.frames[time_s] = _jpeg(shrink_to_side(image, _FRAME_SIDE)[0], 80)
        for seen in observations:
            if (seen not in strip and seen not in large) or (crop := cut_face(image, seen, crop_rule)) is None:
                continue
            if seen in strip:
                made.crops[seen] = _jpeg(shrink_to_side(crop, _STRIP_SIDE)[0], 78)
            if seen in large:
                faces[seen] = crop
    heat: dict[Observation, npt.NDArray[np.uint8]] = {}
    if any(seen.opinions is not None for seen in faces):
        made.no_heat = say("no_heat_several")
    elif spec is None:
        made.no_heat, made.complete = say("no_heat_model"), False
    else:
        try:
            heat = heat_maps(persons, faces, spec)
            made.heat_outputs = sorted({heat_output(person) for person in persons})
        except ModelError as error:
            made.no_heat = say("no_heat", why=error)
            # A model whose maps are not worth drawing will have none tomorrow; another may have been exported by then.
            made.complete = not spec.heat_maps
    for seen, crop in faces.items():
        made.close_ups[seen] = CloseUp(_jpeg(crop, 88), _jpeg(heat[seen], 88) if seen in heat else None)
    return made


def _jpeg(image: npt.NDArray[np.uint8], quality: int) -> str:
    """Encode RGB uint8 as a data URI."""
    encoded, content = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not encoded:
        raise ValueError(f"a picture of shape {image.shape} could not be encoded as JPEG")
    return "data:image/jpeg;base64," + base64.b64encode(content.tobytes()).decode()
