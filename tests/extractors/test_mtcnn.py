"""MTCNN in OpenVINO: its options, its weights, and its likeness to the package that it reproduces."""

from __future__ import annotations

import subprocess
import sys

import cv2
import numpy as np
import pytest
from skimage import data

from extractors import DetectorUnavailableError
from extractors.face import overlap
from extractors.mtcnn.detector import MTCNN
from extractors.mtcnn.networks import WEIGHTS_PATH, load_weights

PORTRAIT = data.astronaut()[:300, 75:375]


@pytest.fixture(scope="module")
def mtcnn():
    return MTCNN()


def random_scene(rng: np.random.Generator, height: int, width: int, portraits: int) -> np.ndarray:
    """A picture with portraits of any size pasted in anywhere, over each other and over the border."""
    background = data.coffee() if rng.random() < 0.5 else data.rocket()
    image = cv2.resize(background, (width, height))
    for _ in range(portraits):
        side = int(rng.uniform(0.2, 0.9) * min(height, width))
        portrait = cv2.resize(PORTRAIT, (side, side), interpolation=cv2.INTER_AREA)
        if rng.random() < 0.5:
            portrait = portrait[:, ::-1]
        left, top = rng.integers(-side // 4, [width - side // 2, height - side // 2])
        x, y = max(left, 0), max(top, 0)
        visible = portrait[y - top : height - top, x - left : width - left]
        image[y : y + visible.shape[0], x : x + visible.shape[1]] = visible
    return image


@pytest.mark.parametrize("side", [75, 100, 150, 300])
def test_finds_small_faces(mtcnn, side):
    image = np.full((200, 320, 3), 90, np.uint8)
    portrait = cv2.resize(PORTRAIT, (side, side), interpolation=cv2.INTER_AREA)[:200]
    image[: portrait.shape[0], :side] = portrait
    [[face]] = mtcnn.detect([image])
    assert face.box[2] == pytest.approx(0.28 * side, rel=0.15)


def test_finds_every_face_of_a_crowd(mtcnn):
    face = cv2.resize(data.astronaut()[60:180, 170:280], (40, 44), interpolation=cv2.INTER_AREA)
    [faces] = mtcnn.detect([np.tile(face, (10, 16, 1))])
    assert len(faces) == 160


@pytest.mark.parametrize("min_face_size", [20, 30, 60, 100])
def test_min_face_size_leaves_larger_faces(min_face_size):
    [[face]] = MTCNN(min_face_size=min_face_size).detect([cv2.resize(PORTRAIT, (600, 600))])
    assert face.box[2] == pytest.approx(166, rel=0.1)


def test_min_face_size_is_in_pixels_of_the_original_frame():
    image = np.full((1080, 1920, 3), 90, np.uint8)
    image[:900, :900] = cv2.resize(PORTRAIT, (900, 900))
    image[-300:, -300:] = PORTRAIT
    assert len(MTCNN().detect([image])[0]) == 2
    [[face]] = MTCNN(min_face_size=200).detect([image])
    assert face.box[0] < 900


def test_min_confidence_drops_faces(mtcnn):
    [[face]] = mtcnn.detect([PORTRAIT])
    assert 0.9 < face.confidence < 1
    assert MTCNN(min_confidence=face.confidence + 1e-5).detect([PORTRAIT]) == [[]]


def test_detection_side_bounds_the_smallest_face():
    image = np.full((800, 1600, 3), 90, np.uint8)
    image[300:400, 300:400] = cv2.resize(PORTRAIT, (100, 100), interpolation=cv2.INTER_AREA)
    assert MTCNN(detection_side=400).detect([image]) == [[]]
    assert len(MTCNN(detection_side=1600).detect([image])[0]) == 1


def test_number_of_threads_does_not_change_the_faces(mtcnn):
    [[face]] = mtcnn.detect([PORTRAIT])
    [[other]] = MTCNN(threads=1).detect([PORTRAIT])
    np.testing.assert_allclose(face.box, other.box, atol=1e-3)
    assert face.confidence == pytest.approx(other.confidence, abs=1e-6)


def two_sizes(small: int) -> tuple[np.ndarray, np.ndarray]:
    """A picture with one large face, and the same with a second, smaller portrait beside it."""
    image = np.full((360, 640, 3), 90, np.uint8)
    image[30:330, 20:320] = PORTRAIT
    both = image.copy()
    both[100 : 100 + small, 400 : 400 + small] = cv2.resize(PORTRAIT, (small, small), interpolation=cv2.INTER_AREA)
    return image, both


def test_following_finds_what_a_search_finds_in_the_same_places(mtcnn):
    one, two = two_sizes(230)
    expected = mtcnn.detect([one])
    assert len(expected[0]) == 1
    for face, other in zip(mtcnn.follow([two], expected)[0], mtcnn.detect([two])[0], strict=True):
        np.testing.assert_allclose(face.landmarks, other.landmarks, atol=0.01 * other.box[2])


def test_a_new_face_that_is_much_smaller_is_left_to_the_search(mtcnn):
    one, two = two_sizes(60)
    assert len(mtcnn.detect([two])[0]) == 2
    assert len(mtcnn.follow([two], mtcnn.detect([one]))[0]) == 1


def test_a_large_face_is_found_where_none_is_expected(mtcnn):
    image = np.full((720, 1280, 3), 90, np.uint8)
    image[60:660, 300:900] = cv2.resize(PORTRAIT, (600, 600))
    [[face]], [[expected]] = mtcnn.follow([image], [[]]), mtcnn.detect([image])
    assert overlap(face.box, expected.box) > 0.95


def test_small_known_faces_are_followed(mtcnn):
    _, two = two_sizes(80)
    expected = mtcnn.detect([two])
    assert sorted(face.box[2] < 40 for face in expected[0]) == [False, True]
    assert len(mtcnn.follow([two], expected)[0]) == 2


def test_landmarks_of_known_boxes(mtcnn):
    image = cv2.resize(data.astronaut(), (1536, 1536), interpolation=cv2.INTER_CUBIC)
    [[face]] = mtcnn.detect([image])
    boxes = np.stack([face.box, face.box + 6, [1000, 200, 200, 300]])
    landmarks, confidence = mtcnn.landmarks(image, boxes)
    assert landmarks.shape == (3, 5, 2) and landmarks.dtype == np.float32
    assert confidence.shape == (3,) and confidence.dtype == np.float32
    np.testing.assert_allclose(landmarks[0], face.landmarks, atol=0.02 * face.box[2])
    np.testing.assert_allclose(landmarks[1], face.landmarks, atol=0.03 * face.box[2])
    assert confidence[:2].min() > 0.99 and confidence[2] < 0.1


def test_landmarks_do_not_depend_on_the_number_of_boxes(mtcnn):
    image = data.astronaut()
    boxes = np.array([[170 + i, 60 + i, 90, 110] for i in range(19)], np.float32)
    landmarks, confidence = mtcnn.landmarks(image, boxes)
    alone = [mtcnn.landmarks(image, box[None]) for box in boxes]
    np.testing.assert_allclose(landmarks, np.concatenate([one for one, _ in alone]), atol=1e-3)
    np.testing.assert_allclose(confidence, np.concatenate([one for _, one in alone]), atol=1e-5)


def test_landmarks_of_no_boxes(mtcnn):
    landmarks, confidence = mtcnn.landmarks(PORTRAIT, np.empty((0, 4), np.float32))
    assert landmarks.shape == (0, 5, 2) and confidence.shape == (0,)


def test_altered_weights_are_refused(tmp_path):
    content = bytearray(WEIGHTS_PATH.read_bytes())
    content[100_000] ^= 1
    path = tmp_path / "mtcnn.npz"
    path.write_bytes(content)
    with pytest.raises(DetectorUnavailableError, match="damaged or altered"):
        load_weights(path)


def test_missing_weights_are_named(tmp_path):
    with pytest.raises(DetectorUnavailableError, match=r"nowhere\.npz"):
        load_weights(tmp_path / "nowhere.npz")


def test_detection_does_without_tensorflow():
    code = (
        "import sys, numpy as np\n"
        "from extractors import create_detector\n"
        "create_detector('mtcnn').detect([np.zeros((64, 64, 3), np.uint8)])\n"
        "print(sorted({'tensorflow', 'keras', 'joblib', 'mtcnn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.fixture(scope="module")
def reference():
    from extractors import create_detector

    return create_detector("mtcnn-reference")


@pytest.mark.slow
@pytest.mark.parametrize("size", [(360, 640), (333, 517), (1080, 1920), (200, 150), (100, 640)])
def test_finds_the_faces_of_the_reference(mtcnn, reference, size):
    rng = np.random.default_rng(size)
    images = [random_scene(rng, *size, portraits) for portraits in (0, 1, 1, 2, 2, 3, 4)]
    images += [cv2.resize(image, size[::-1]) for image in (data.astronaut(), data.chelsea())]
    images += [cv2.add(image, rng.integers(0, 16, image.shape, np.uint8)) for image in images[-3:]]
    images += [cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 40])[1], 1) for image in images[1:5]]
    found = 0
    for ours, theirs in zip(mtcnn.detect(images), reference.detect(images), strict=True):
        assert len(ours) == len(theirs)
        found += len(ours)
        for face in ours:
            other = max(theirs, key=lambda their: overlap(face.box, their.box))
            assert overlap(face.box, other.box) >= 0.95
            np.testing.assert_allclose(face.landmarks, other.landmarks, atol=0.02 * other.box[2])
            assert face.confidence == pytest.approx(other.confidence, abs=1e-3)
    assert found >= 5
