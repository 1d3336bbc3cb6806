"""Faces joined over time: one track per person and shot."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data

from pipeline.analysis.tracks import Observation, Scene, SeenFrame, Track, Tracker
from pipeline.media.holds import Hold
from tests.evidence import face

SCENE = cv2.resize(data.coffee(), (320, 180))
OTHER_SCENES = {name: cv2.resize(getattr(data, name)(), (320, 180)) for name in ("rocket", "astronaut", "chelsea")}

Box = tuple[float, float, float]
"""Left and top edge and side of a square face, in pixels."""

STILL: Box = (100, 60, 80)


def follow(
    frames: Iterable[Sequence[Box]], images: Iterable[np.ndarray] | None = None, interval_s: float = 0.4
) -> list[Track]:
    """Track the faces of frames that are `interval_s` apart and all show one scene unless there are `images`."""
    frames = list(frames)
    tracker = Tracker()
    for number, (boxes, image) in enumerate(zip(frames, images or [SCENE] * len(frames), strict=True)):
        time_s = number * interval_s
        observations = [Observation(number, time_s, face(*box), 1.0) for box in boxes]
        tracker.add(SeenFrame(time_s, image.shape[1::-1], Scene.of(image), observations))
    return tracker.tracks()


def sizes(track: Track) -> set[float]:
    return {float(observation.face.box[2]) for observation in track.observations}


boxes = st.tuples(st.floats(-50, 320), st.floats(-50, 180), st.floats(1, 200))
scenes = st.sampled_from([SCENE, *OTHER_SCENES.values()])


@given(st.lists(st.tuples(st.lists(boxes, max_size=4), scenes), max_size=12), st.floats(0.01, 20))
def test_every_observation_is_in_one_track(frames, interval_s):
    tracks = follow([faces for faces, _ in frames], [image for _, image in frames], interval_s)
    found = [observation for track in tracks for observation in track.observations]
    assert len(found) == len({id(observation) for observation in found}) == sum(len(faces) for faces, _ in frames)
    assert [track.id for track in tracks] == list(range(1, len(tracks) + 1))
    starts = [track.start_s for track in tracks]
    assert starts == sorted(starts)
    for track in tracks:
        times = [observation.time_s for observation in track.observations]
        assert times == sorted(set(times)), "a person is seen once in a frame"
        assert (track.start_s, track.end_s) == (times[0], times[-1])


@st.composite
def walks(draw, start: Box, frames: int) -> list[Box | None]:
    """A face that walks evenly and is missing for up to three frames at a time, but not at first."""
    left, top, size = start
    velocity = np.array(draw(st.tuples(st.floats(-10, 10), st.floats(-4, 4))))
    seen = [True, True, *draw(st.lists(st.booleans(), min_size=frames - 2, max_size=frames - 2))]
    for number in range(3, frames):
        seen[number] |= not any(seen[number - 3 : number])
    return [
        (left + number * velocity[0], top + number * velocity[1], size) if seen[number] else None
        for number in range(frames)
    ]


@settings(max_examples=60)
@given(walks((60, 60, 40), 20), walks((180, 40, 90), 20), st.booleans())
def test_two_people_of_different_size_stay_apart_also_where_they_cross(small, large, small_first):
    order = 1 if small_first else -1
    tracks = follow(
        [box for box in (first, second)[::order] if box] for first, second in zip(small, large, strict=True)
    )
    assert sorted(len(sizes(track)) for track in tracks) == [1, 1]


@pytest.mark.parametrize("apart", [42, 60, 200])
def test_two_people_side_by_side_stay_apart(apart):
    rng = np.random.default_rng(0)
    frames = []
    for _ in range(40):
        # The order in a frame says nothing, so the sizes tell the two apart.
        (x, y), (u, v) = rng.normal(0, 2, (2, 2))
        pair = [(50 + x, 60 + y, 40), (50 + apart + u, 60 + v, 41)]
        frames.append(pair if rng.random() < 0.5 else pair[::-1])
    tracks = follow(frames)
    assert [len(track.observations) for track in tracks] == [40, 40]
    assert [len(sizes(track)) for track in tracks] == [1, 1]


@pytest.mark.parametrize("missing", [1, 2, 3])
def test_face_is_taken_up_again_where_its_walk_leads_it(missing):
    walk = [[(10 + 14 * number, 60, 40)] for number in range(12)]
    walk[6 : 6 + missing] = [[]] * missing
    assert len(follow(walk)) == 1


def test_face_that_was_gone_for_long_is_another_track():
    here, gone = [(60, 60, 40)], []
    assert len(follow([here, here, gone, gone, gone, here])) == 1
    assert len(follow([here, here, gone, gone, gone, gone, here])) == 2
    assert len(follow([here, here, gone, gone, here], interval_s=1.0)) == 1
    assert len(follow([here, here, gone, gone, gone, here], interval_s=1.0)) == 2


@pytest.mark.parametrize("interval_s", [0.04, 10.0, 600.0])
def test_face_in_one_place_is_one_track_at_any_sampling_interval(interval_s):
    assert len(follow([[(60, 60, 40)]] * 8, interval_s=interval_s)) == 1


@pytest.mark.parametrize(("shown_s", "tracks"), [(60.0, 1), (50.0, 2)])
def test_face_of_a_held_frame_is_there_until_that_ends(shown_s, tracks):
    """The next frame, a minute later, misses it."""
    tracker = Tracker({0.0: Hold(shown_s, 100.0)})
    for time_s, faces in ((0.0, [STILL]), (60.0, []), (60.4, [STILL])):
        observations = [Observation(None, time_s, face(*box), 1.0) for box in faces]
        tracker.add(SeenFrame(time_s, SCENE.shape[1::-1], Scene.of(SCENE), observations))
    assert len(tracker.tracks()) == tracks


def test_face_elsewhere_or_of_another_size_is_another_track():
    assert len(follow([[(60, 60, 40)], [(160, 60, 40)]])) == 2
    assert len(follow([[(60, 60, 40)], [(40, 40, 80)]])) == 2


@pytest.mark.parametrize("other", OTHER_SCENES)
def test_shot_change_ends_every_track(other):
    images = [SCENE] * 3 + [OTHER_SCENES[other]] * 3
    tracks = follow([[(60, 60, 40)]] * 6, images)
    assert [track.start_s for track in tracks] == [0, pytest.approx(1.2)]


def test_shot_change_is_seen_where_no_face_is():
    nobody, somebody = [], [(60, 60, 40)]
    cut_to_somebody = follow([somebody, nobody, somebody], [SCENE, OTHER_SCENES["rocket"], OTHER_SCENES["rocket"]])
    assert len(cut_to_somebody) == 2


def pan() -> list[np.ndarray]:
    wide = data.coffee()
    return [wide[60:240, 10 + 20 * number : 330 + 20 * number] for number in range(12)]


def whip_pan() -> list[np.ndarray]:
    return [np.roll(SCENE, 80 * number, axis=1) for number in range(8)]


def zoom() -> list[np.ndarray]:
    return [cv2.resize(SCENE[n * 6 : 180 - n * 6, n * 10 : 320 - n * 10], (320, 180)) for n in range(12)]


def flashes() -> list[np.ndarray]:
    bright = np.clip(SCENE.astype(int) + 110, 0, 255).astype(np.uint8)
    white = np.full_like(SCENE, 255)
    return [SCENE, bright, SCENE, white, SCENE, SCENE // 3, SCENE]


def people_passing_by() -> list[np.ndarray]:
    images = []
    for number in range(12):
        image = SCENE.copy()
        image[:, 30 * number : 30 * number + 110] = (20, 60, 160)
        images.append(image)
    return images


def noise() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [np.clip(SCENE + rng.normal(0, 25, SCENE.shape), 0, 255).astype(np.uint8) for _ in range(6)]


@pytest.mark.parametrize("shot", [pan, whip_pan, zoom, flashes, people_passing_by, noise])
def test_what_happens_within_a_shot_does_not_end_a_track(shot):
    images = shot()
    assert len(follow([[(60, 60, 40)]] * len(images), images)) == 1
