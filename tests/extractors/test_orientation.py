"""Faces that do not stand upright: which frames are turned, and at what cost."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from extractors import Face, create_detector
from extractors.follow import FaceFollower
from extractors.mtcnn.detector import MTCNN
from extractors.orientation import FaceFinder, FoundFaces
from tests.extractors.scenes import scene

SIDE = 360


class CountingMTCNN(MTCNN):
    """Counts how often it is asked which way up a picture stands, with and without a face in it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = {True: 0, False: 0}

    def turn_of(self, image: np.ndarray, faces: Sequence[Face]) -> int | None:
        self.asked[bool(faces)] += 1
        return super().turn_of(image, faces)


@pytest.fixture(scope="module")
def mtcnn() -> CountingMTCNN:
    return CountingMTCNN()


@pytest.fixture(autouse=True)
def count_anew(mtcnn):
    mtcnn.asked = {True: 0, False: 0}


def heads(count: int, turn: int = 0) -> list[np.ndarray]:
    """Somebody who moves a little, in square frames that must be turned clockwise to stand upright."""
    return [np.rot90(scene(SIDE, SIDE, (50 + 3 * n, 30, 240)), turn) for n in range(count)]


def blanks(count: int) -> list[np.ndarray]:
    return [scene(SIDE, SIDE)] * count


def find(finder: FaceFinder, images: Sequence[np.ndarray]) -> list[FoundFaces]:
    return finder.detect(images, [n / 5 for n in range(len(images))], [False] * len(images))


def turns(found: Sequence[FoundFaces]) -> list[int | None]:
    """The turn of each frame, None where it shows no face."""
    return [each.turn if each.faces else None for each in found]


def test_an_upright_clip_shows_what_following_finds_and_is_not_searched_again(mtcnn):
    images = heads(12)
    found = find(FaceFinder(mtcnn), images)
    followed = FaceFollower(mtcnn).detect(images, [n / 5 for n in range(12)], [False] * 12)
    assert turns(found) == [0] * 12
    for each, faces in zip(found, followed, strict=True):
        assert [face.box.tolist() for face in each.faces] == [face.box.tolist() for face in faces]
    assert mtcnn.asked == {True: 2, False: 0}


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_a_turned_clip_shows_the_faces_of_the_upright_one(mtcnn, turn):
    upright, found = find(FaceFinder(mtcnn), heads(5)), find(FaceFinder(mtcnn), heads(5, turn))
    assert turns(found) == [turn] * 5
    for [one], [other] in ((a.faces, b.faces) for a, b in zip(upright, found, strict=True)):
        np.testing.assert_allclose(one.landmarks, other.landmarks, atol=2)


def test_a_clip_that_is_turned_in_the_middle(mtcnn):
    found = find(FaceFinder(mtcnn), heads(5) + heads(5, 1) + heads(4))
    assert turns(found) == [0] * 5 + [1] * 5 + [0] * 4


def test_a_turn_is_kept_for_later_frames(mtcnn):
    finder = FaceFinder(mtcnn)
    assert turns(find(finder, heads(3, 3))) == [3] * 3
    asked = mtcnn.asked[False]
    found = finder.detect(heads(3, 3), [5.0, 5.2, 5.4], [True, False, False])
    assert turns(found) == [3] * 3
    assert mtcnn.asked[False] == asked


def test_two_frames_without_a_face_are_not_worth_a_look(mtcnn):
    found = find(FaceFinder(mtcnn), heads(3) + blanks(2) + heads(3))
    assert turns(found) == [0] * 3 + [None] * 2 + [0] * 3
    assert mtcnn.asked[False] == 0


def test_of_frames_without_a_face_one_in_sixteen_is_looked_at(mtcnn):
    finder = FaceFinder(mtcnn)
    assert turns(find(finder, blanks(32))) == [None] * 32
    assert mtcnn.asked == {True: 0, False: 2}


class TellsOfOneFace:
    """A detector that finds the same in every picture, and cannot tell which way up one stands."""

    name, detection_side = "one-face", 640

    def __init__(self, face: Face) -> None:
        self._face = face

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Face]]:
        return [[self._face] for _ in images]


def test_what_has_impossible_landmarks_is_left_out():
    landmarks = np.float32([[36, 42], [64, 42], [50, 60], [38, 78], [62, 78]])
    for face, expected in (
        (Face(np.float32([0, 0, 100, 120]), landmarks, 0.99), 1),
        (Face(np.float32([0, 0, 100, 120]), landmarks / 2 + 20, 0.99), 0),
        (Face(np.float32([0, 0, 100, 120]), landmarks[[3, 4, 2, 0, 1]], 0.99), 0),
    ):
        found = find(FaceFinder(TellsOfOneFace(face)), blanks(3))
        assert [len(each.faces) for each in found] == [expected] * 3


def test_other_detectors_find_turned_faces_too():
    finder = FaceFinder(create_detector("dlib-hog"))
    assert turns(find(finder, [np.rot90(scene(SIDE, SIDE, (-40, -60, 440)), 1)] * 2)) == [1, 1]
