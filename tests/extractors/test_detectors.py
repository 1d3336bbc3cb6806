"""What every face detector promises, whichever it is."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

import cv2
import numpy as np
import pytest
from skimage import data

from extractors import DETECTORS, LANDMARK_NAMES, DetectorUnavailableError, Face, create_detector
from extractors.face import overlap
from extractors.shrink import shrink_to_side

# A square with one face, and where in it, in units of its side, the centre of that face is.
PORTRAIT = data.astronaut()[:300, 75:375]
FACE_CENTRE = np.array([0.49, 0.41])
FACE_WIDTH = 0.29


@pytest.fixture(scope="module", params=["mtcnn", "dlib-hog", "dlib-cnn"])
def detector(request):
    try:
        return create_detector(request.param)
    except DetectorUnavailableError as error:
        pytest.skip(str(error))


def scene(height: int, width: int, *portraits: tuple[int, int, int]) -> np.ndarray:
    """A picture of cups with portraits pasted in, each given by its left and top edge and side in pixels."""
    image = cv2.resize(data.coffee(), (width, height))
    for left, top, side in portraits:
        portrait = cv2.resize(PORTRAIT, (side, side), interpolation=cv2.INTER_AREA)
        x, y = max(left, 0), max(top, 0)
        visible = portrait[y - top : height - top, x - left : width - left]
        image[y : y + visible.shape[0], x : x + visible.shape[1]] = visible
    return image


def assert_is_face(face, left: int, top: int, side: int):
    centre = face.box[:2] + face.box[2:] / 2
    np.testing.assert_allclose(centre, [left, top] + FACE_CENTRE * side, atol=0.07 * side)
    assert 0.8 < face.box[2] / (FACE_WIDTH * side) < 1.4


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


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(np.zeros((50, 50, 3), np.float32), id="float"),
        pytest.param(np.zeros((50, 50), np.uint8), id="grey"),
        pytest.param(np.zeros((50, 50, 4), np.uint8), id="RGBA"),
        pytest.param(np.zeros((0, 50, 3), np.uint8), id="empty"),
    ],
)
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


def test_follows_a_face_to_where_it_has_moved(detector):
    images = [scene(720, 1060, (260 + 20 * i, 100 + 15 * i, 420 + 15 * i)) for i in range(4)]
    found = detector.detect(images)
    followed = detector.follow(images, [found[1], found[0], found[1], found[2]])
    for [face], [expected] in zip(followed, found, strict=True):
        np.testing.assert_allclose(face.landmarks, expected.landmarks, atol=0.05 * expected.box[2])
        assert overlap(face.box, expected.box) > 0.65
        assert face.box.dtype == np.float32 and face.landmarks.dtype == np.float32 and type(face.confidence) is float


def test_follows_no_face_to_where_none_is(detector):
    image = scene(540, 1060, (330, 60, 310), (640, 20, 420))
    [faces] = detector.detect([image])
    gone = scene(540, 1060, (640, 20, 420))
    assert len(faces) == 2
    [[left]] = detector.follow([gone], [faces])
    assert_is_face(left, 640, 20, 420)
    assert detector.follow([scene(540, 1060)], [faces]) == [[]]


def test_follows_the_faces_of_each_image_by_itself(detector):
    images = [scene(540, 1060, (330, 60, 310)), scene(360, 640), scene(540, 1060, (640, 20, 420)), scene(360, 640)]
    found = detector.detect(images)
    followed = detector.follow(images, found)
    assert [len(faces) for faces in followed] == [1, 0, 1, 0]
    assert_is_face(followed[0][0], 330, 60, 310)
    assert_is_face(followed[2][0], 640, 20, 420)


def test_two_expected_faces_that_are_one_give_one(detector):
    image = scene(540, 1060, (330, 60, 410))
    [[face]] = detector.detect([image])
    beside = Face(face.box + np.float32([8, 5, 0, 0]), face.landmarks + np.float32([8, 5]), 1.0)
    assert len(detector.follow([image], [[face, beside]])[0]) == 1


def test_following_nothing(detector):
    assert detector.follow([], []) == []
    assert detector.follow([scene(360, 480), np.zeros((1, 1, 3), np.uint8)], [[], []]) == [[], []]


def test_unknown_name_lists_the_choices():
    with pytest.raises(ValueError, match=r"haar.*mtcnn, mtcnn-reference, dlib-hog, dlib-cnn"):
        create_detector("haar")


def test_detectors_know_their_name(detector):
    assert detector.name in DETECTORS


def test_importing_the_package_is_light():
    code = (
        "import sys, extractors;"
        "print(sorted({'cv2', 'dlib', 'keras', 'mtcnn', 'openvino', 'tensorflow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.skipif(importlib.util.find_spec("face_recognition_models") is not None, reason="the model is installed")
def test_dlib_cnn_without_model_says_how_to_get_it(monkeypatch):
    monkeypatch.delenv("FACEWITNESS_DLIB_CNN", raising=False)
    with pytest.raises(DetectorUnavailableError, match=r"face_recognition_models.*FACEWITNESS_DLIB_CNN"):
        create_detector("dlib-cnn")


def test_dlib_cnn_names_a_missing_model_file(monkeypatch, tmp_path):
    with pytest.raises(DetectorUnavailableError, match=r"given\.dat"):
        create_detector("dlib-cnn", model_path=tmp_path / "given.dat")
    monkeypatch.setenv("FACEWITNESS_DLIB_CNN", os.fspath(tmp_path / "named.dat"))
    with pytest.raises(DetectorUnavailableError, match=r"named\.dat"):
        create_detector("dlib-cnn")


def test_dlib_cnn_names_a_damaged_model_file(tmp_path):
    path = tmp_path / "damaged.dat"
    path.write_bytes(b"not a model")
    with pytest.raises(DetectorUnavailableError, match=r"damaged\.dat"):
        create_detector("dlib-cnn", model_path=path)


def test_dlib_hog_upsampling_finds_smaller_faces():
    image = scene(240, 320, (100, 50, 150))
    assert create_detector("dlib-hog").detect([image]) == [[]]
    [[face]] = create_detector("dlib-hog", upsample=1).detect([image])
    assert_is_face(face, 100, 50, 150)
