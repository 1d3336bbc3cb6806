"""The contract of `extractors.FaceDetector`: every detector in the registry must pass this suite.

A new detector needs no tests of its own for what is tested here. Those of `follow` and of `turn_of` are for detectors
that offer it.
"""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from skimage import data

from extractors import (
    DETECTORS,
    LANDMARK_NAMES,
    DetectorUnavailableError,
    Face,
    FollowingDetector,
    TurningDetector,
    create_detector,
)
from extractors.face import overlap
from extractors.shrink import shrink_to_side
from tests.extractors.scenes import assert_is_face, scene

# The reference runs on TensorFlow, which takes ten seconds to start.
PARAMETERS = [pytest.param(name, marks=pytest.mark.slow if name == "mtcnn-reference" else ()) for name in DETECTORS]

NO_IMAGES = [
    pytest.param(np.zeros((50, 50, 3), np.float32), id="float"),
    pytest.param(np.zeros((50, 50), np.uint8), id="grey"),
    pytest.param(np.zeros((50, 50, 4), np.uint8), id="RGBA"),
    pytest.param(np.zeros((0, 50, 3), np.uint8), id="empty"),
]


@pytest.fixture(scope="module", params=PARAMETERS)
def detector(request):
    try:
        return create_detector(request.param)
    except DetectorUnavailableError as error:
        pytest.skip(str(error))


@pytest.fixture
def following(detector) -> FollowingDetector:
    if not isinstance(detector, FollowingDetector):
        pytest.skip(f"{detector.name} does not follow faces")
    return detector


@pytest.fixture
def turning(detector) -> TurningDetector:
    if not isinstance(detector, TurningDetector):
        pytest.skip(f"{detector.name} finds upright faces only")
    return detector


def assert_same_faces(faces, expected):
    assert len(faces) == len(expected)
    for face, other in zip(faces, expected, strict=True):
        np.testing.assert_allclose(face.box, other.box, atol=0.01)
        np.testing.assert_allclose(face.landmarks, other.landmarks, atol=0.01)
        assert face.confidence == pytest.approx(other.confidence, abs=1e-4)


def test_finds_one_face(detector):
    portrait = (180, 30, 300)
    [[face]] = detector.detect([scene(360, 640, portrait)])
    assert_is_face(face, *portrait)
    assert face.box.dtype == np.float32 and face.box.shape == (4,)
    assert face.landmarks.dtype == np.float32 and face.landmarks.shape == (len(LANDMARK_NAMES), 2)
    assert type(face.confidence) is float


def test_finds_several_faces_largest_first(detector):
    portraits = [(330, 60, 310), (640, 20, 420), (10, 150, 260)]
    [faces] = detector.detect([scene(540, 1060, *portraits)])
    assert len(faces) == 3
    for face, portrait in zip(faces, sorted(portraits, key=lambda p: -p[2]), strict=True):
        assert_is_face(face, *portrait)


@pytest.mark.parametrize("corner", [(-75, -60), (415, -60), (-75, 150), (415, 150)])
def test_finds_faces_near_the_border(detector, corner):
    portrait = (*corner, 300)
    [[face]] = detector.detect([scene(360, 640, portrait)])
    assert_is_face(face, *portrait)


@pytest.mark.parametrize("mirrored", [False, True])
def test_landmarks_are_named_from_the_subject(detector, mirrored):
    image = scene(400, 400, (50, 50, 330))
    [[face]] = detector.detect([image[:, ::-1] if mirrored else image])
    landmarks = dict(zip(LANDMARK_NAMES, face.landmarks, strict=True))
    assert landmarks["right_eye"][0] < landmarks["nose_tip"][0] < landmarks["left_eye"][0]
    assert landmarks["right_mouth_corner"][0] < landmarks["left_mouth_corner"][0]
    assert landmarks["right_eye"][1] < landmarks["nose_tip"][1] < landmarks["right_mouth_corner"][1]
    assert landmarks["left_eye"][1] < landmarks["nose_tip"][1] < landmarks["left_mouth_corner"][1]


def test_landmarks_lie_on_eyes_nose_and_mouth(detector):
    by_hand = [[203, 100], [246, 102], [225, 127], [201, 138], [244, 141]]
    [[face]] = detector.detect([data.astronaut()])
    np.testing.assert_allclose(face.landmarks, by_hand, atol=4)


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(np.full((240, 320, 3), 127, np.uint8), id="flat"),
        pytest.param(np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8), id="noise"),
        pytest.param(data.coffee(), id="coffee"),
        pytest.param(data.chelsea(), id="cat"),
    ],
)
def test_finds_nothing_where_no_face_is(detector, image):
    assert detector.detect([image]) == [[]]


@pytest.mark.parametrize(
    "shape", [(1, 1), (5, 300), (300, 5), (11, 11), (12, 12), (13, 40), (41, 41), (3, 2000), (2000, 3)]
)
def test_tiny_images_hold_no_face(detector, shape):
    assert detector.detect([np.full((*shape, 3), 200, np.uint8)]) == [[]]


def test_no_images(detector):
    assert detector.detect([]) == []


@pytest.mark.parametrize("image", NO_IMAGES)
def test_rejects_what_is_no_rgb_image(detector, image):
    with pytest.raises(ValueError, match=r"must be uint8 \(height, width, 3\)"):
        detector.detect([image])


def test_batch_of_mixed_sizes_equals_one_by_one(detector):
    images = [
        scene(360, 480, (90, 20, 300)),
        np.zeros((1, 1, 3), np.uint8),
        scene(333, 517, (30, 10, 290)),
        scene(360, 480),
        scene(360, 480, (140, 40, 310))[:, ::-1],
        scene(360, 480, (10, 10, 330)),
    ]
    together = detector.detect(images)
    assert [len(faces) for faces in together] == [1, 0, 1, 0, 1, 1]
    for image, faces in zip(images, together, strict=True):
        assert_same_faces(faces, detector.detect([image])[0])


def test_large_frame_gives_boxes_in_its_own_pixels(detector):
    portrait = (1500, 200, 1700)
    [[face]] = detector.detect([scene(2160, 3840, portrait)])
    assert_is_face(face, *portrait)


def test_faces_found_in_a_shrunk_copy_scale_back(detector):
    image = scene(1080, 1920, (400, 100, 900))
    shrunk, scale = shrink_to_side(image, detector.detection_side)
    [[face]], [[small]] = detector.detect([image]), detector.detect([shrunk])
    assert small.box[2] < 0.6 * face.box[2]
    assert_same_faces([small.scaled(1 / scale)], [face])
    assert small.scaled(1 / scale).box.dtype == np.float32


def test_follows_a_face_to_where_it_has_moved(following):
    images = [scene(720, 1060, (260 + 20 * i, 100 + 15 * i, 420 + 15 * i)) for i in range(4)]
    found = following.detect(images)
    followed = following.follow(images, [found[1], found[0], found[1], found[2]])
    for [face], [expected] in zip(followed, found, strict=True):
        np.testing.assert_allclose(face.landmarks, expected.landmarks, atol=0.05 * expected.box[2])
        assert overlap(face.box, expected.box) > 0.65
        assert face.box.dtype == np.float32 and face.landmarks.dtype == np.float32 and type(face.confidence) is float


def test_follows_no_face_to_where_none_is(following):
    image = scene(540, 1060, (330, 60, 310), (640, 20, 420))
    [faces] = following.detect([image])
    gone = scene(540, 1060, (640, 20, 420))
    assert len(faces) == 2
    [[left]] = following.follow([gone], [faces])
    assert_is_face(left, 640, 20, 420)
    assert following.follow([scene(540, 1060)], [faces]) == [[]]


def test_follows_the_faces_of_each_image_by_itself(following):
    images = [scene(540, 1060, (330, 60, 310)), scene(360, 640), scene(540, 1060, (640, 20, 420)), scene(360, 640)]
    found = following.detect(images)
    followed = following.follow(images, found)
    assert [len(faces) for faces in followed] == [1, 0, 1, 0]
    assert_is_face(followed[0][0], 330, 60, 310)
    assert_is_face(followed[2][0], 640, 20, 420)


def test_two_expected_faces_that_are_one_give_one(following):
    image = scene(540, 1060, (330, 60, 410))
    [[face]] = following.detect([image])
    beside = Face(face.box + np.float32([8, 5, 0, 0]), face.landmarks + np.float32([8, 5]), 1.0)
    assert len(following.follow([image], [[face, beside]])[0]) == 1


def test_following_nothing(following):
    assert following.follow([], []) == []
    assert following.follow([scene(360, 480), np.zeros((1, 1, 3), np.uint8)], [[], []]) == [[], []]


def test_following_as_many_images_as_there_are_expectations(following):
    with pytest.raises(ValueError, match=r"shorter|longer"):
        following.follow([scene(360, 480)], [])


@pytest.mark.parametrize("image", NO_IMAGES)
def test_following_rejects_what_is_no_rgb_image(following, image):
    with pytest.raises(ValueError, match=r"must be uint8 \(height, width, 3\)"):
        following.follow([image], [[]])


@pytest.mark.parametrize("turn", range(4))
def test_tells_which_way_up_a_picture_stands(turning, turn):
    """Whether the face was found in it as it is, or none, or something that is none."""
    image = np.rot90(scene(360, 640, (180, 30, 300)), turn)
    [[upright]] = turning.detect([np.rot90(image, -turn)])
    there = upright.turned(-turn, (640, 360))
    doubtful = Face(there.box, there.landmarks, 0.95)
    elsewhere = Face(np.float32([0, 0, 40, 40]), there.landmarks, 0.95)
    assert turning.turn_of(image, [doubtful]) == turn
    assert turning.turn_of(image, []) == (turn or None)
    assert turning.turn_of(image, [elsewhere]) == (turn or None)


def test_no_face_any_way_up(turning):
    assert turning.turn_of(scene(360, 640), []) is None
    assert turning.turn_of(np.zeros((1, 1, 3), np.uint8), []) is None


@pytest.mark.parametrize("image", NO_IMAGES)
def test_turning_rejects_what_is_no_rgb_image(turning, image):
    with pytest.raises(ValueError, match=r"must be uint8 \(height, width, 3\)"):
        turning.turn_of(image, [])


def test_images_and_expected_faces_stay_as_they_are(detector):
    image = scene(360, 640, (180, 30, 300))
    before = image.copy()
    [faces] = detector.detect([image])
    box, landmarks = faces[0].box.copy(), faces[0].landmarks.copy()
    if isinstance(detector, FollowingDetector):
        detector.follow([image], [faces])
    np.testing.assert_array_equal(image, before)
    np.testing.assert_array_equal(faces[0].box, box)
    np.testing.assert_array_equal(faces[0].landmarks, landmarks)


def test_images_that_are_views_of_others(detector):
    """Mirrored, cut out, or never to be written to."""
    image = scene(360, 640, (180, 30, 300))
    view = np.broadcast_to(image, image.shape)[10:, ::-1][:, 20:]
    assert not view.flags.writeable and not view.flags.c_contiguous
    assert_same_faces(detector.detect([view])[0], detector.detect([view.copy()])[0])


def test_detectors_know_their_name(detector):
    assert DETECTORS[detector.name].endswith(f":{type(detector).__name__}")


def test_options_are_given_by_name_and_have_defaults(detector):
    options = inspect.signature(type(detector)).parameters
    assert {"threads", "detection_side"} <= options.keys()
    assert all(option.kind is option.KEYWORD_ONLY for option in options.values())
    assert all(option.default is not option.empty for option in options.values())


def test_one_thread_finds_the_same(detector):
    image = scene(360, 640, (180, 30, 300))
    assert_same_faces(create_detector(detector.name, threads=1).detect([image])[0], detector.detect([image])[0])


def test_detection_side_is_as_asked_for(detector):
    assert create_detector(detector.name, detection_side=320).detection_side == 320
