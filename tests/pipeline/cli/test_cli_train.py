"""`facewitness train` and `compare`, from the command line."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from classifiers.model_spec import find_model, write_manifest
from classifiers.stored_network import load_network
from classifiers.training.config import presets
from pipeline.cli import main
from tests.tiny_shards import FACE, FACE_LANDMARKS, write_shards

pytest.importorskip("av", reason="training needs the extra 'train'")
pytest.importorskip("yaml", reason="training needs the extra 'train'")

RUN = "from pipeline.cli import main; import sys; sys.exit(main(sys.argv[1:]))"
WITHOUT_TENSORFLOW = """
import sys
from importlib.machinery import PathFinder

class WithoutTensorFlow(PathFinder):
    # Finds what is installed, but for TensorFlow.
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name == "tensorflow" else PathFinder.find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = WithoutTensorFlow
"""
TWO_DEVICES = "--xla_force_host_platform_device_count=2"
SMALL = [
    "--input-size", "64", "--steps", "4", "--steps-per-epoch", "2", "--batch-size", "4", "--warmup-steps", "1",
    "--split-by", "clip",
]  # fmt: skip


@pytest.fixture(scope="module")
def shards(tmp_path_factory) -> Path:
    return write_shards(tmp_path_factory.mktemp("shards"))


def facewitness(*arguments: object, backend: str = "tensorflow", before: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", before + RUN, *map(str, arguments)],
        # With JAX the batches are shared among two devices.
        env={**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3", "XLA_FLAGS": TWO_DEVICES},
        capture_output=True,
        text=True,
        timeout=280,
    )


@pytest.mark.slow
def test_trained_model_scans(shards, tmp_path):
    run = facewitness("train", shards, "-o", tmp_path / "run", "--architecture", "cnn", *SMALL)
    assert run.returncode == 0, run.stderr
    assert "waiting for data" in run.stdout and "best epoch" in run.stdout
    manifest = tmp_path / "run" / "manifest.json"
    (model,) = json.loads(manifest.read_text())["models"]
    assert model["crop_size"] == 64 and {"keras", "openvino_graph"} <= set(model["files"])
    video = Path(__file__).parents[3] / "sample_videos" / "real.mp4"
    assert main(["scan", str(video), "-o", str(tmp_path / "out"), "--model", str(manifest)]) == 0
    outcome = json.loads((tmp_path / "out" / "real.mp4.json").read_text())
    assert outcome["status"] == "ok" and 0 <= outcome["score"] <= 1
    assert main(["report", str(tmp_path / "run")]) == 0
    assert "data:image/webp" in (tmp_path / "run" / "report.html").read_text()

    # Another setting must not go on with the weights of this run.
    again = facewitness("train", shards, "-o", tmp_path / "run", "--architecture", "cnn", *SMALL, "--seed", "7")
    assert again.returncode == 2
    assert "seed 1, not 7" in again.stderr.splitlines()[-1] and "Traceback" not in again.stderr
    fewer = shutil.copytree(shards, tmp_path / "fewer")
    rows = (fewer / "real.csv").read_text().splitlines(keepends=True)
    (fewer / "real.csv").write_text("".join(rows[:-1]))
    other = facewitness("train", fewer, "-o", tmp_path / "run", "--architecture", "cnn", *SMALL)
    assert other.returncode == 2 and "a run on other samples or splits" in other.stderr
    # The same command again changes nothing: the model keeps its identity.
    same = facewitness("train", shards, "-o", tmp_path / "run", "--architecture", "cnn", *SMALL)
    assert same.returncode == 0, same.stderr
    assert json.loads(manifest.read_text())["models"][0]["files"] == model["files"]


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "torch", "jax"])
def test_network_learns_from_a_teacher_and_from_batches_that_are_kept(shards, tmp_path, backend):
    pytest.importorskip(backend)
    kept = ["--batch-folder", tmp_path / "kept", "--kept-batches", "3", "--teacher", "mobilenet_v2"]
    longer = ["--steps", "60", "--steps-per-epoch", "20", "--learning-rate", "3e-3"]
    learn = ["train", shards, "--architecture", "cnn", *SMALL, *longer, *kept]
    run = facewitness(*learn, "-o", tmp_path / "run", backend=backend)
    assert run.returncode == 0, run.stderr
    with (tmp_path / "run" / "epochs.csv").open(newline="") as file:
        losses = [float(row["teacher_loss"]) for row in csv.DictReader(file)]
    assert losses[-1] < 0.8 * losses[0]
    files = {file: file.stat().st_mtime_ns for file in (tmp_path / "kept").rglob("*.npz")}
    assert sorted(file.name for file in files) == ["000000.npz", "000001.npz", "000002.npz"]
    if backend != "tensorflow":
        return

    # A network with other cells learns from the same batches, one that asks for others does not.
    learn[learn.index("cnn")] = "mesonet"
    again = facewitness(*learn, "-o", tmp_path / "again", "--steps", "2", "--steps-per-epoch", "2")
    assert again.returncode == 0, again.stderr
    assert files == {file: file.stat().st_mtime_ns for file in (tmp_path / "kept").rglob("*.npz")}
    other = facewitness(*learn, "-o", tmp_path / "other", "--augment", "0.5", "--steps", "2", "--steps-per-epoch", "2")
    assert other.returncode == 0, other.stderr
    assert len(list((tmp_path / "kept").rglob("*.npz"))) > len(files)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "torch", "jax"])
def test_layers_within_a_network_learn_from_hints(shards, tmp_path, backend):
    pytest.importorskip(backend)
    learn = ["train", shards, "-o", tmp_path / "run", "--architecture", "vgg16", *SMALL, "--input-size", "32"]
    hints = ["--teacher", "mobilenet_v2", "--hint-weight", "1", "--steps", "30", "--steps-per-epoch", "10"]
    run = facewitness(*learn, *hints, "--learning-rate", "3e-4", backend=backend)
    assert run.returncode == 0, run.stderr
    with (tmp_path / "run" / "epochs.csv").open(newline="") as file:
        epochs = list(csv.DictReader(file))
    (model,) = json.loads((tmp_path / "run" / "manifest.json").read_text())["models"]
    assert (model["crop_size"], model["crop_cut_size"]) == (32, 224)
    for layer in ("block3_conv3", "block4_conv3", "block5_conv3"):
        losses = [float(row[f"hint_{layer}_loss"]) for row in epochs]
        assert losses[-1] < 0.9 * losses[0]


def test_hints_that_nobody_gives_are_told_before_training(shards, capsys, tmp_path):
    learn = ["train", str(shards), "-o", str(tmp_path / "run"), "--split-by", "clip", *SMALL, "--hint-weight", "1"]
    assert main([*learn, "--architecture", "vgg16"]) == 2
    assert "hint_weight and teacher_share need a teacher" in capsys.readouterr().err
    assert main([*learn, "--architecture", "cnn", "--teacher", "mobilenet_v2"]) == 2
    assert "cnn has no layers that learn from hints" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_teacher_that_cannot_teach_is_told_before_training(shards, capsys, tmp_path):
    learn = ["train", str(shards), "-o", str(tmp_path / "run"), "--split-by", "clip", "--architecture", "xception"]
    for teacher, sentence in (("no_such_model", "no model"), ("mobilenet_v2", "take input_size 224")):
        assert main([*learn, "--teacher", teacher]) == 2
        assert sentence in capsys.readouterr().err
        assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_training_starts_from_a_model(shards, tmp_path):
    shipped = find_model("vgg16")
    for file in shipped.files.values():
        shutil.copy(shipped.folder / file.file, tmp_path)
    write_manifest(tmp_path / "start.json", [replace(shipped, heat_maps=False, folder=tmp_path)])
    start = ["--architecture", "vgg16", "--start", tmp_path / "start.json"]
    run = facewitness(
        "train", shards, "-o", tmp_path / "run", *start, *SMALL, "--input-size", "32", "--learning-rate", "0"
    )
    assert run.returncode == 0, run.stderr
    model = find_model(str(tmp_path / "run" / "manifest.json"))
    assert model.heat_maps is False
    shipped, trained = load_network(shipped), load_network(model)
    assert trained.input_shape[1] == 32
    for old, new in zip(shipped.get_weights(), trained.get_weights(), strict=True):
        np.testing.assert_allclose(new, old, atol=1e-6)


def test_start_that_cannot_be_is_told_before_training(shards, capsys, tmp_path):
    learn = ["train", str(shards), "-o", str(tmp_path / "run"), "--split-by", "clip", "--architecture", "cnn"]
    for start, sentence in (
        ("vgg16", "cnn cannot start from vgg16, which is a vgg16"),
        ("fast", "cnn cannot start from fast, which is a mobilenet_v2"),
        ("none.json", "no model and no manifest is called 'none.json'"),
    ):
        assert main([*learn, "--start", start]) == 2
        assert sentence in capsys.readouterr().err
        assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends_train_and_evaluate_without_tensorflow(shards, tmp_path, backend):
    pytest.importorskip(backend)
    folder = tmp_path / "run"
    options = [
        "--architecture",
        "mesonet",
        "--recipe",
        "self_blending",
        "--precision",
        "mixed_bfloat16",
        *SMALL,
        "--batch-size",
        "8",
    ]
    run = facewitness("train", shards, "-o", folder, *options, backend=backend, before=WITHOUT_TENSORFLOW)
    assert run.returncode == 0, run.stderr
    run = facewitness(
        "evaluate", shards, "--split", "all", "--model", folder / "manifest.json", "--bootstrap", "20",
        "-o", tmp_path / "figures", backend=backend, before=WITHOUT_TENSORFLOW,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    (model,) = json.loads((tmp_path / "figures" / "evaluation.json").read_text())["models"]
    assert model["architecture"] == "mesonet" and model["sections"]


@pytest.mark.slow
def test_comparison(shards, tmp_path):
    shipped = ["--model", "mobilenet_v2", "--bootstrap", "20"]
    run = facewitness("compare", shards, "-o", tmp_path, "--architectures", "cnn,mesonet", *shipped, *SMALL)
    assert run.returncode == 0, run.stderr
    with (tmp_path / "compare.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["model"] for row in rows] == ["cnn", "mesonet", "mobilenet_v2"]
    assert [row["best"] for row in rows].count("1") == 1
    assert all(float(row["crops_per_second"]) > 0 and int(row["parameters"]) > 1000 for row in rows)
    page = (tmp_path / "compare.html").read_text()
    assert "mesonet" in page and "data:image/png;base64," in page and "http:" not in page and "https:" not in page
    assert (tmp_path / "compare.png").stat().st_size > 5000


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["train", "nowhere", "-o", "run"], "there is no file and no folder nowhere"),
        (["train", "nowhere", "-o", "run", "--steps", "5"], "multiples of steps_per_epoch"),
        (["train", "nowhere", "-o", "run", "--config", "none.yaml"], "cannot read the configuration none.yaml"),
        (["train", "nowhere", "-o", "run", "--preset", "none"], "no preset is called 'none'; choose from: dfdc"),
        (["compare", "nowhere", "-o", "run"], "nothing to compare"),
        (["compare", "nowhere", "-o", "run", "--architectures", "cnn,nn"], "no architecture is called 'nn'"),
        (["compare", "nowhere", "-o", "run", "--architectures", "cnn,xception", "--input-size", "64"], "at least 71"),
        (["compare", "nowhere", "-o", "run", "--architectures", "vgg16,cnn", "--start", "vgg16"], "cannot start from"),
    ],
)
def test_wrong_usage_is_told_in_one_sentence(capsys, monkeypatch, tmp_path, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    errors = capsys.readouterr().err
    assert sentence in errors and errors.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_presets_are_listed_without_a_data_set(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["train", "--preset", "list"])
    lines = [line for line in capsys.readouterr().out.splitlines() if not line.startswith(" ")]
    assert ended.value.code == 0 and [line.split()[0] for line in lines] == list(presets())


def test_faces_without_landmarks_are_sent_through_the_detector_first(capsys, tmp_path):
    write_pictures(tmp_path)
    assert main(["train", str(tmp_path), "-o", str(tmp_path / "run")]) == 2
    assert "facewitness faces" in capsys.readouterr().err


def test_damaged_pictures_are_told_before_training(capsys, tmp_path):
    write_pictures(tmp_path)
    landmarks = " ".join(f"{x},{y}" for x, y in FACE_LANDMARKS)
    rows = [f"{label}/{number}.png,{label},{landmarks}" for label in ("real", "fake") for number in range(6)]
    table = tmp_path / "faces.csv"
    table.write_text("file,label,landmarks\n" + "\n".join(row.replace(landmarks, f'"{landmarks}"') for row in rows))
    (tmp_path / "real" / "0.png").write_bytes(b"no picture")
    assert main(["train", str(table), "-o", str(tmp_path / "run")]) == 2
    assert "1 of 12 pictures cannot be read, more than --max-unreadable 0.01 allows" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def write_pictures(folder: Path) -> None:
    """Write a data set of pictures in which nobody has looked for faces yet."""
    for name, picture in (("real", FACE), ("fake", FACE[:, ::-1])):
        (folder / name).mkdir()
        for number in range(6):
            cv2.imwrite(str(folder / name / f"{number}.png"), np.uint8(picture * (1 - number / 9)))
