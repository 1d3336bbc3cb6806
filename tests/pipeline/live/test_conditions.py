"""What is said of pictures, and who is said to come and go."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np

from classifiers.calibration import UNCALIBRATED, Thresholds
from extractors import Face
from pipeline.analysis.tracks import Scene, SeenFrame
from pipeline.live.conditions import DARK_S, NO_FACE_S, Conditions
from pipeline.live.kept_evidence import KeptEvidence
from pipeline.live.people import COMES_BACK_S, People
from pipeline.live.watch import Picture
from pipeline.media.pixels import RgbPixels
from pipeline.media.types import Frame, PictureForm
from pipeline.results.parts import Observation

ROOM = np.tile(np.linspace(40, 220, 64, dtype=np.uint8)[:, None], (36, 1, 3)).reshape(36, 64, 3)
BLACK = np.zeros((36, 64, 3), np.uint8)
RATE = 10


def face(x: float) -> Face:
    return Face(np.array([x, 10, 100, 120], np.float32), np.zeros((5, 2), np.float32), 1.0)


def seen(time_s: float, *faces: tuple[float, float], image: np.ndarray = ROOM, size=(640, 360)) -> SeenFrame:
    """A frame with faces, each given by where it is and its first logit."""
    observations = [
        Observation(None, time_s, face(x), 1.0, np.array([logit, -9], np.float32), frame_size=size)
        for x, logit in faces
    ]
    return SeenFrame(time_s, size, Scene.of(image), observations)


def frame(time_s: float, **form: object) -> Frame:
    fields = {"color_matrix": None, "color_primaries": None, "color_transfer": None, "color_range": None}
    told = {"sideways": False, "sample_aspect_ratio": Fraction(1), "interlaced": False, **fields, **form}
    return Frame(None, time_s, RgbPixels(ROOM), PictureForm(64, 36, pixel_format="rgb24", **told))


def said(frames) -> list[str]:
    conditions = Conditions()
    return [kind for picture, what in frames for kind, _ in conditions.look(picture, what)]


def at(number: int) -> float:
    return number / RATE


def test_no_face_is_said_once_after_a_while_and_anew_after_a_face():
    quiet = [(frame(at(n)), seen(at(n))) for n in range(round(RATE * NO_FACE_S) + 30)]
    assert said(quiet[: round(RATE * NO_FACE_S)]) == []
    assert said(quiet) == ["no_face"]
    somebody = (frame(20), seen(20, (50, 0)))
    later = [(frame(21 + at(n)), seen(21 + at(n))) for n in range(round(RATE * NO_FACE_S) + 1)]
    assert said([*quiet, somebody, *later]) == ["no_face", "no_face"]


def test_a_black_picture_is_said_once_and_is_not_called_no_face():
    night = [(frame(at(n)), seen(at(n), image=BLACK)) for n in range(200)]
    assert said(night[: round(RATE * DARK_S)]) == []
    assert said([*night, (frame(30), seen(30, (50, 0)))]) == ["dark", "light"]


def test_sizes_and_doubts_are_said_when_they_change():
    frames = [
        (frame(0), seen(0)),
        (frame(1), seen(1, size=(320, 180))),
        (frame(2, interlaced=True), seen(2, size=(320, 180))),
        (frame(3, interlaced=True), seen(3, size=(320, 180))),
        (frame(4, color_transfer="smpte2084"), seen(4, size=(320, 180))),
    ]
    assert said(frames) == ["size", "doubt", "doubt"]


def changes(people: People, frames) -> list[tuple[str, int]]:
    return [(change.kind, change.person.id) for each in frames for change in people.look(each)]


def people() -> People:
    return People(UNCALIBRATED, Thresholds(0.8, 0.3, "of this test"))


def test_people_appear_are_labelled_and_leave():
    watched = people()
    both = [seen(at(n), (50, 5), (400, -5)) for n in range(20)]
    assert changes(watched, both) == [("appears", 1), ("appears", 2), ("label", 1), ("label", 2)]
    assert [person.label for person in watched.present()] == ["likely_fake", "likely_real"]
    one = [seen(2 + at(n), (400, -5)) for n in range(round(RATE * COMES_BACK_S) + 5)]
    assert changes(watched, one) == [("leaves", 1)]
    assert [person.id for person in watched.present()] == [2]


def test_who_comes_back_within_seconds_keeps_the_number():
    watched = people()
    here = [seen(at(n), (50, 5)) for n in range(20)]
    away = [seen(2 + at(n)) for n in range(30)]
    back = [seen(5 + at(n), (60, 5)) for n in range(20)]
    assert changes(watched, [*here, *away, *back]) == [("appears", 1), ("label", 1)]
    assert watched.present()[0].last_s == back[-1].time_s


def test_who_was_there_before_a_long_time_without_pictures_is_somebody_else_after():
    watched = people()
    changes(watched, [seen(at(n), (50, 5)) for n in range(20)])
    assert watched.wait(2 + COMES_BACK_S / 2) == []
    assert [(change.kind, change.person.id) for change in watched.wait(3 + COMES_BACK_S)] == [("leaves", 1)]
    assert watched.present() == []
    assert changes(watched, [seen(20 + at(n), (50, 5)) for n in range(20)]) == [("appears", 2), ("label", 2)]


def test_what_is_taken_for_a_face_in_one_frame_is_never_told_of():
    frames = [seen(at(n), *([(50, 5)] if n == 5 else [])) for n in range(100)]
    assert changes(people(), frames) == []


def test_what_people_leave_behind_does_not_grow():
    watched = people()
    for n in range(3000):
        # Everybody is new: they stand elsewhere than the one before.
        watched.look(seen(at(n), (100.0 * (n // 10 % 6), 0)))
    assert len(watched._followed) < 20
    assert sum(len(track.observations) for track in watched._tracker.tracks()) < 100
    assert len(watched._tracker.tracks()) < 20


def test_kept_evidence_is_thinned_evenly_and_says_so():
    kept, watched = KeptEvidence(most_frames=100), people()
    for n in range(1000):
        moment = seen(at(n) + (60 if n >= 500 else 0), (50, 1))
        watched.look(moment)
        kept.add(Picture(frame(moment.time_s), watched.latest, 0.1))
    analysis = kept.analysis()
    times = [o.time_s for track in analysis.tracks for o in track.observations]
    assert 50 <= analysis.frames == len(times) <= 100
    assert len({round(b - a, 3) for a, b in itertools.pairwise(times)} - {61.6}) == 1
    assert [track.id for track in analysis.tracks] == [1, 2]
    assert analysis.warnings == ["1,000 frames were looked at; what was seen in one of 16 is kept here."]
    assert analysis.coverage.not_looked_at == ((49.9, 110.0),)
    assert analysis.coverage.seen < 0.7
