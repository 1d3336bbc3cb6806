"""Following faces through a clip: the same faces as a search of every frame, with few searches."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage import data

from extractors import Face, create_detector
from extractors.face import overlap
from extractors.follow import MAX_GAP_S, FaceFollower

PORTRAIT = data.astronaut()[20:185, 145:300]
PORTRAIT_CENTRE = np.array([77.0, 103.0])
PORTRAIT_FACE = 100.0
"""Where the face lies in the portrait and how high it is, in pixels of the portrait."""

SIZE = (480, 270)
STEP_S = 0.3


@pytest.fixture(scope="module")
def mtcnn():
    return create_detector("mtcnn")


@pytest.fixture(scope="module")
def hog():
    return create_detector("dlib-hog")


class Counting:
    """A detector that counts what it is asked for."""

    def __init__(self, detector):
        self._detector = detector
        self.name, self.detection_side = detector.name, detector.detection_side
        self.searched = self.followed = 0

    def detect(self, images):
        self.searched += len(images)
        return self._detector.detect(images)

    def follow(self, images, expected):
        self.followed += len(images)
        return self._detector.follow(images, expected)


def draw(*people, background=None) -> np.ndarray:
    """A frame with people, each given by the centre and height of the face in pixels and the tilt in degrees."""
    image = cv2.resize(data.coffee() if background is None else background, SIZE)
    for x, y, height, tilt in people:
        matrix = cv2.getRotationMatrix2D(PORTRAIT_CENTRE.tolist(), tilt, height / PORTRAIT_FACE)
        matrix[:, 2] += (x, y) - PORTRAIT_CENTRE
        cv2.warpAffine(PORTRAIT, matrix, SIZE, image, cv2.INTER_AREA, cv2.BORDER_TRANSPARENT)
    return image


def talking_head(count: int = 32, height: float = 90, x: float = 240) -> list[np.ndarray]:
    return [
        draw((x + 25 * np.sin(0.7 * i), 130 + 10 * np.sin(1.1 * i), height, 8 * np.sin(0.5 * i))) for i in range(count)
    ]


def follow(detector, images, times_s=None, cuts=()) -> list[list[Face]]:
    times_s = [STEP_S * i for i in range(len(images))] if times_s is None else times_s
    return FaceFollower(detector).detect(images, times_s, [i in cuts for i in range(len(images))])


def sure(faces: list[Face]) -> list[Face]:
    """Without those that a change of a few pixels may bring or take."""
    return [face for face in faces if face.confidence > 0.97]


def assert_same_faces(found, searched):
    """All that are sure, each in its place, and half of them with landmarks within hundredths of the face's width."""
    distances = []
    for frame, (ours, theirs) in enumerate(zip(found, searched, strict=True)):
        for faces, others in ((ours, theirs), (theirs, ours)):
            for face in sure(faces):
                nearest = max(others, key=lambda other: overlap(other.box, face.box), default=None)
                assert nearest is not None and overlap(nearest.box, face.box) > 0.6, f"frame {frame}"
                distances.append(np.linalg.norm(nearest.landmarks - face.landmarks, axis=1).mean() / face.box[2])
    assert distances and max(distances) < 0.08 and np.median(distances) < 0.015


def test_talking_head_is_followed_with_few_searches(mtcnn):
    images, detector = talking_head(), Counting(mtcnn)
    assert_same_faces(follow(detector, images), mtcnn.detect(images))
    assert detector.searched <= 5


@pytest.mark.parametrize("height", [90, 30])
@pytest.mark.parametrize("count", [20, 13])
def test_person_who_enters_between_searches_is_found_from_the_first_frame_on(mtcnn, height, count):
    """Also after the last search that is due."""
    images = [draw((110, 130, 80, 0), *([(370, 120, height, 3)] if i >= 7 else [])) for i in range(count)]
    found = follow(mtcnn, images)
    assert [len(sure(faces)) for faces in found] == [1] * 7 + [2] * (count - 7)
    assert_same_faces(found, mtcnn.detect(images))


def test_person_who_leaves_is_found_until_the_last_frame(mtcnn):
    for height in (90, 30):
        images = [draw((110, 130, 80, 0), *([(370, 120, height, 3)] if i < 11 else [])) for i in range(20)]
        found = follow(mtcnn, images)
        assert [len(sure(faces)) for faces in found] == [2] * 11 + [1] * 9
        assert_same_faces(found, mtcnn.detect(images))


def test_person_who_shows_up_between_two_searches_is_noticed(mtcnn):
    images = [draw((110, 130, 80, 0), *([(370, 120, 90, 3)] if 5 <= i < 11 else [])) for i in range(17)]
    found = follow(mtcnn, images)
    counts = [len(sure(faces)) for faces in found]
    assert counts[7:10] == [2] * 3 and counts[:5] + counts[11:] == [1] * 11


def test_two_people_cross(mtcnn):
    images = [draw((60 + 18 * i, 80, 70, 0), (420 - 18 * i, 205, 70, 5)) for i in range(20)]
    assert_same_faces(follow(mtcnn, images), mtcnn.detect(images))


def test_face_that_moves_fast_is_found(mtcnn):
    """By more than its own size from frame to frame."""
    images = [draw((90 + (150 * i) % 340, 130, 90, 0)) for i in range(16)]
    assert_same_faces(follow(mtcnn, images), mtcnn.detect(images))


def test_small_face_that_is_lost_is_searched_for(mtcnn):
    """Too small to be sought otherwise, and further from its last place than its own size."""
    images = [draw((110, 130, 90, 0), (250 + (70 * i) % 190, 60, 23, 0)) for i in range(8)]
    found = follow(mtcnn, images)
    assert [len(sure(faces)) for faces in found] == [2] * 8
    assert_same_faces(found, mtcnn.detect(images))


def test_face_is_looked_for_between_its_places_before_and_after(mtcnn):
    images, detector = [draw((200 + 15 * i, 130, 34, 0)) for i in range(3)], Counting(mtcnn)
    follower = FaceFollower(detector)
    for i in (0, 2):
        follower.detect([images[i]], [i * MAX_GAP_S / 2], [i == 0])
    detector.followed = detector.searched = 0
    found = follower.detect([images[1]], [MAX_GAP_S / 2], [False])
    assert_same_faces(found, mtcnn.detect([images[1]]))
    assert (detector.followed, detector.searched) == (1, 0)


def test_small_faces_of_a_crowd_are_followed(mtcnn):
    def crowd(i):
        places = [(60 + 90 * column, 60 + 75 * row) for row in range(3) for column in range(5)]
        return draw(*((x + 4 * np.sin(i + x), y + 3 * np.cos(i + y), 34, 3 * np.sin(i)) for x, y in places))

    images, detector = [crowd(i) for i in range(17)], Counting(mtcnn)
    found, searched = follow(detector, images), mtcnn.detect(images)
    assert_same_faces(found, searched)
    assert min(len(faces) for faces in searched) == 15
    assert detector.searched <= 6


def test_shot_begins_with_a_search(mtcnn):
    """Its small faces are in no frame of the shots around it, and too small to be sought when following."""
    empty, people = draw(), draw((150, 130, 30, 0), (390, 140, 32, 4), background=data.rocket())
    images, detector = [empty] * 3 + [people] * 9 + [empty] * 5, Counting(mtcnn)
    found = follow(detector, images, cuts={3, 12})
    assert [len(sure(faces)) for faces in found] == [0] * 3 + [2] * 9 + [0] * 5
    assert_same_faces(found, mtcnn.detect(images))
    assert detector.searched <= 5


def test_frames_far_apart_are_all_searched(mtcnn):
    images, detector = talking_head(6), Counting(mtcnn)
    follow(detector, images, [i * 1.1 * MAX_GAP_S for i in range(6)])
    assert detector.searched == 6 and detector.followed == 0


def test_frames_in_between_may_come_later(mtcnn):
    images, detector = talking_head(), Counting(mtcnn)
    follower = FaceFollower(detector)
    found: dict[int, list[Face]] = {}
    for order in (range(0, 32, 4), range(2, 32, 4), [31, *range(1, 31, 2)]):
        faces = follower.detect([images[i] for i in order], [STEP_S * i for i in order], [False] * len(order))
        found |= dict(zip(order, faces, strict=True))
    assert_same_faces([found[i] for i in range(32)], mtcnn.detect(images))
    assert detector.searched <= 8


def test_cut_between_frames_that_came_earlier(mtcnn):
    """Of the frames in between, those before the cut belong to the first shot."""
    shots = [(draw((120, 130, 90, 0)), 0), (draw((360, 120, 80, 0), background=data.rocket()), 1)]
    images = [shots[i >= 6][0] for i in range(9)]
    follower = FaceFollower(mtcnn)
    follower.detect([images[0], images[8]], [0, 8 * STEP_S], [False, True])
    later = follower.detect(images[1:8], [STEP_S * i for i in range(1, 8)], [i == 6 for i in range(1, 8)])
    assert_same_faces(later, mtcnn.detect(images[1:8]))


def test_clip_in_pieces_has_the_same_faces(mtcnn):
    images, detector = talking_head(40), Counting(mtcnn)
    follower = FaceFollower(detector)
    found = []
    for start in range(0, 40, 10):
        times_s = [STEP_S * i for i in range(start, start + 10)]
        found += follower.detect(images[start : start + 10], times_s, [False] * 10)
    assert_same_faces(found, mtcnn.detect(images))
    assert detector.searched <= 8


def test_frames_without_a_clock_are_followed(mtcnn):
    images = talking_head(12)
    assert_same_faces(follow(mtcnn, images, [0.0] * 12), mtcnn.detect(images))


def test_empty_scene_costs_few_searches(mtcnn):
    images, detector = [draw() for _ in range(32)], Counting(mtcnn)
    assert follow(detector, images) == [[]] * 32
    assert detector.searched <= 5


def test_detector_that_cannot_follow_searches_every_frame(mtcnn):
    class Searching:
        name, detection_side = "searching", 640
        searched = 0

        def detect(self, images):
            self.searched += len(images)
            return mtcnn.detect(images)

    detector, images = Searching(), talking_head(5)
    assert [len(faces) for faces in follow(detector, images)] == [1] * 5
    assert detector.searched == 5


def test_boxes_of_dlib_stay_boxes_of_dlib(hog):
    images, detector = talking_head(20, height=110), Counting(hog)
    found = follow(detector, images)
    assert detector.searched <= 5
    for ours, theirs in zip(found, hog.detect(images), strict=True):
        assert len(ours) == 1
        if theirs:
            assert overlap(ours[0].box, theirs[0].box) > 0.6
            assert np.linalg.norm(ours[0].landmarks - theirs[0].landmarks, axis=1).max() < 0.1 * theirs[0].box[2]


def test_frames_are_not_kept(mtcnn):
    import weakref

    image = draw((240, 130, 90, 0))
    seen, follower = weakref.ref(image), FaceFollower(mtcnn)
    follower.detect([image], [0.0], [False])
    del image
    assert seen() is None


def test_no_frames(mtcnn):
    assert FaceFollower(mtcnn).detect([], [], []) == []


def test_every_frame_needs_a_time(mtcnn):
    with pytest.raises(ValueError, match="argument"):
        FaceFollower(mtcnn).detect([draw()], [], [False])
