"""How detectors are built by name, and the options of those of dlib."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

import pytest

from extractors import DetectorUnavailableError, create_detector
from tests.extractors.scenes import assert_is_face, scene


def test_unknown_name_lists_the_choices():
    with pytest.raises(ValueError, match=r"haar.*mtcnn, mtcnn-reference, dlib-hog, dlib-cnn"):
        create_detector("haar")


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
