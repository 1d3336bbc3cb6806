"""Measuring and calibrating a model from the command line."""

from __future__ import annotations

import argparse
import csv
import importlib.util
import json
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import cv2
import pytest
from PIL import Image

pytest.importorskip("av", reason="re-encoding needs the extra 'train'")

from classifiers import create_engine, find_model
from classifiers.evaluation.evaluation import CALLED_REAL
from classifiers.model_spec import write_manifest
from pipeline.cli import main
from pipeline.cli.labelled_data import add_measuring_options, open_data
from pipeline.media import open_frames, probe
from pipeline.media.ffmpeg import find_binary
from pipeline.media.sampling import SamplingPlan
from pipeline.workbench.degraded_clips import write_degraded
from tests.tiny_shards import FACE, FACE_LANDMARKS, write_shards

SAMPLES = Path(__file__).parents[3] / "sample_videos"
VIDEOS = {
    "real.mp4": ("real", "", "one"),
    "manipulated.mp4": ("fake", "faceswap", "one"),
    "no_face.mp4": ("fake", "faceswap", "two"),
}


def run(*arguments: object) -> int:
    """Run evaluate or calibrate."""
    return main([str(argument) for argument in arguments])


def report(folder: Path) -> dict:
    """The figures of the only model."""
    (model,) = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))["models"]
    return model


def sections(model: dict) -> dict[tuple[str, str], dict]:
    return {(section["level"], section["subset"]): section for section in model["sections"]}


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stills and clips, real and fake."""
    return write_shards(tmp_path_factory.mktemp("shards"))


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sample videos, a portrait and a damaged video, with their labels."""
    folder = tmp_path_factory.mktemp("media")
    for name in VIDEOS:
        (folder / name).symlink_to(SAMPLES / name)
    cv2.imwrite(str(folder / "portrait.png"), cv2.resize(FACE, None, fx=2, fy=2)[..., ::-1])
    (folder / "damaged.mp4").write_bytes((SAMPLES / "real.mp4").read_bytes()[:900])
    facts = {**VIDEOS, "portrait.png": ("real", "", "one"), "damaged.mp4": ("real", "", "two")}
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([("file", "label", "family", "source"), *((name, *row) for name, row in facts.items())])
    return folder


@pytest.fixture(scope="module")
def crops(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The evaluation of the face crops, with degraded copies."""
    out = tmp_path_factory.mktemp("crops")
    assert run("evaluate", shards, "--split", "train", "-o", out, "--bootstrap", 20, "--robustness") == 0
    return out


@pytest.fixture(scope="module")
def scanned(media: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The evaluation of the videos and pictures."""
    out = tmp_path_factory.mktemp("scanned")
    assert run("evaluate", media, "--split", "all", "-o", out, "--frames", 4, "--bootstrap", 20) == 0
    return out


def test_help_loads_nothing_heavy():
    code = (
        "import sys, argparse; from pipeline.cli import evaluate, calibrate\n"
        "subparsers = argparse.ArgumentParser().add_subparsers()\n"
        "evaluate.add_parser(subparsers), calibrate.add_parser(subparsers)\n"
        "print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "cv2", "openvino", "scipy", "matplotlib", "tensorflow", "tqdm"} & set(loaded)


def test_face_crops_are_measured_as_stills_frames_and_clips(crops):
    model = report(crops)
    assert model["inputs"] == {
        "video": {"real": {"ok": 3}, "fake": {"ok": 2}},
        "image": {"real": {"ok": 3}, "fake": {"ok": 2}},
        "frame": {"real": {"ok": 9}, "fake": {"ok": 6}},
    }
    found = sections(model)
    assert found["frame", "family:reenactment"]["fakes"] == 3
    assert found["image", "family:gan"]["figures"]["auc"]["value"] is not None
    assert {("video", f"pooling:{name}") for name in ("track_max", "mean", "top_k", "frame_max")} <= set(found)


def test_what_computed_is_told(crops, scanned, shards, tmp_path):
    spec, engine = find_model(), create_engine("auto", find_model(), precision="auto")
    arguments = ("--split", "train", "--bootstrap", 0, "--precision", "f32", "-o", tmp_path)
    assert run("evaluate", shards, *arguments) == 0
    for folder, precision, weights in (
        (crops, engine.precision, engine.weights_sha256),
        (scanned, engine.precision, engine.weights_sha256),
        (tmp_path, "f32", spec.files["openvino_weights"].sha256),
    ):
        model = report(folder)
        assert (model["engine"], model["precision"], model["device"]) == ("openvino", precision, "CPU")
        assert (model["weights_sha256"], model["engine_weights_sha256"]) == (spec.sha256, weights)
    identity = json.loads((scanned / find_model().name / "scans" / "real.mp4.json").read_text())["model"]
    assert identity["precision"] == engine.precision and identity["weights_sha256"] == engine.weights_sha256


def test_degraded_copies_are_measured(crops):
    found = sections(report(crops))
    degraded = [name for level, name in found if level == "frame" and name.startswith("robustness:")]
    assert {"robustness:jpeg 30", "robustness:h264 crf 40", "robustness:scale 1/4"} <= set(degraded)
    losses = {found["frame", name]["figures"]["log_loss"]["value"] for name in ("all", *degraded)}
    assert len(losses) == 1 + len(degraded), "every change must change the scores"


@pytest.mark.slow
def test_videos_are_measured_as_worse_copies(tmp_path, capsys):
    data, out = tmp_path / "data", tmp_path / "out"
    data.mkdir()
    for name in ("real.mp4", "manipulated.mp4"):
        (data / name).symlink_to(SAMPLES / name)
    # ffmpeg may not read animations, so there is no worse copy of this one.
    pictures = [Image.fromarray(cv2.resize(FACE, None, fx=2, fy=2)).rotate(angle) for angle in range(4)]
    pictures[0].save(data / "animation.gif", save_all=True, append_images=pictures[1:], duration=200)
    facts = [("real.mp4", "real"), ("manipulated.mp4", "fake"), ("animation.gif", "real")]
    (data / "labels.csv").write_text("file,label\n" + "".join(f"{name},{label}\n" for name, label in facts))
    arguments = ("--split", "all", "--frames", 4, "--bootstrap", 0, "--robustness")
    assert run("evaluate", data, *arguments, "-o", out) == 0
    found = sections(report(out))
    losses = {name: section["figures"]["log_loss"]["value"] for (_, name), section in found.items()}
    changes = ("encoded at crf 40", "240 lines", "dark")
    printed = capsys.readouterr().out
    for change in changes:
        worse = found["video", f"robustness:{change}"]
        assert (worse["reals"], worse["fakes"]) == (1, 1)
        assert losses[f"robustness:{change}"] != losses["all"]
        (lost,) = report(out)["lost_copies"][change]
        assert (Path(lost["name"]).name, lost["label"], lost["status"]) == ("animation.gif", "real", "unsupported")
        assert f"lost when {change}: 1 real unsupported" in printed
    # Nobody looks aside in the sample videos.
    assert ("video", "robustness:turned away") not in found


def test_a_clip_of_ten_bits_is_grey_in_the_dark(tmp_path):
    grey, dark = tmp_path / "grey.mp4", tmp_path / "dark.mp4"
    command = ["-f", "lavfi", "-i", "color=gray:s=64x64:d=1", "-pix_fmt", "yuv420p10le", "-c:v", "libx264", grey]
    subprocess.run([find_binary().path, *map(str, command)], check=True, capture_output=True)
    write_degraded(grey, "dark", dark)
    with open_frames(probe(dark), SamplingPlan.spread(1)) as frames:
        red, green, blue = next(iter(frames)).pixels[:64, :64].reshape(-1, 3).mean(axis=0)
    assert 20 < green < 70
    assert max(red, green, blue) - min(red, green, blue) < 3


def test_plots_are_written(crops, scanned):
    assert {"video_roc.png", "frame_reliability.png", "image_scores.png", "video_robustness.png"} <= {
        path.name for path in crops.glob("*.png")
    }
    assert (scanned / "image_confusion.png").is_file()


@pytest.mark.slow
def test_the_same_command_writes_the_same_files(shards, crops, tmp_path):
    assert run("evaluate", shards, "--split", "train", "-o", tmp_path, "--bootstrap", 20, "--robustness") == 0
    names = sorted(path.name for path in crops.iterdir())
    assert names == sorted(path.name for path in tmp_path.iterdir())
    assert all((crops / name).read_bytes() == (tmp_path / name).read_bytes() for name in names)


def test_scans_count_what_has_no_face(scanned):
    model = report(scanned)
    assert model["inputs"]["video"] == {"real": {"ok": 1, "undecodable": 1}, "fake": {"no_face": 1, "ok": 1}}
    assert model["inputs"]["image"] == {"real": {"ok": 1}, "fake": {}}
    assert {Path(item["name"]).name: item["status"] for item in model["unscored"]} == {
        "no_face.mp4": "no_face",
        "damaged.mp4": "undecodable",
    }
    found = sections(model)
    assert found["video", "all"]["figures"]["auc"]["value"] == 1.0
    assert found["video", CALLED_REAL]["figures"]["auc"]["value"] < 1.0
    assert (found["video", CALLED_REAL]["reals"], found["video", CALLED_REAL]["fakes"]) == (2, 2)


def test_scans_score_as_scanning_does(scanned, media):
    outcome = json.loads((scanned / find_model().name / "scans" / "real.mp4.json").read_text())
    brier = {pooling: sections(report(scanned))["video", f"pooling:{pooling}"] for pooling in ("track_max", "mean")}
    fake = json.loads((scanned / find_model().name / "scans" / "manipulated.mp4.json").read_text())
    expected = (outcome["score"] ** 2 + (1 - fake["score"]) ** 2) / 2
    assert brier["track_max"]["figures"]["brier"]["value"] == pytest.approx(expected, abs=2e-4)
    seen = [[o["score"] for track in one["tracks"] for o in track["observations"]] for one in (outcome, fake)]
    real_mean, fake_mean = (sum(scores) / len(scores) for scores in seen)
    expected = (real_mean**2 + (1 - fake_mean) ** 2) / 2
    assert brier["mean"]["figures"]["brier"]["value"] == pytest.approx(expected, abs=2e-4)
    assert sections(report(scanned))["frame", "all"]["reals"] == 4


def test_scans_are_not_done_twice(scanned, media, monkeypatch):
    from pipeline.batch.scanner_processes import ScannerProcesses

    looked_at = []
    scan = ScannerProcesses.scan
    monkeypatch.setattr(
        ScannerProcesses, "scan", lambda self, each: looked_at.append(each.path.name) or scan(self, each)
    )
    before = (scanned / "evaluation.json").read_bytes()
    stored = scanned / find_model().name / "scans" / "real.mp4.json"
    # As an earlier version wrote it.
    outcome = json.loads(stored.read_text()) | {"schema": "facewitness/verdict/1"}
    for seen in (seen for track in outcome["tracks"] for seen in track["observations"]):
        del seen["logits"]
    stored.write_text(json.dumps(outcome))
    assert run("evaluate", media, "--split", "all", "-o", scanned, "--frames", 4, "--bootstrap", 20) == 0
    # What logits are missing of is scanned again.
    assert looked_at == ["real.mp4"]
    assert (scanned / "evaluation.json").read_bytes() == before


@pytest.mark.slow
def test_several_processes_measure_the_same(scanned, media, tmp_path):
    options = ("--split", "all", "--frames", 4, "--bootstrap", 20, "--workers", 2)
    assert run("evaluate", media, *options, "-o", tmp_path) == 0
    assert (tmp_path / "evaluation.json").read_bytes() == (scanned / "evaluation.json").read_bytes()


def test_the_table_shows_the_main_figures(media, capsys):
    assert run("evaluate", media, "--split", "all", "--frames", 4, "--bootstrap", 0, "--sources", "o*") == 0
    output = capsys.readouterr().out
    assert "video fake: 1 no_face, 1 ok" in output
    line = next(line for line in output.splitlines() if line.startswith("video family:faceswap"))
    assert line.split()[2:5] == ["1", "1", "1.000"]
    assert "video sources:o*" in output


def test_several_models_stand_side_by_side(shards, tmp_path, capsys):
    model = find_model()
    manifest = str(model.folder / "manifest.json")
    arguments = ("--split", "train", "--model", model.name, "--model", manifest, "-o", tmp_path, "--bootstrap", 0)
    assert run("evaluate", shards, *arguments) == 0
    with (tmp_path / "evaluation.csv").open(encoding="utf-8", newline="") as file:
        assert {row["model"] for row in csv.DictReader(file)} == {model.name, f"{model.name}-2"}


def options_for(*arguments: object) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_measuring_options(parser, "test")
    return parser.parse_args([str(argument) for argument in arguments])


@pytest.mark.parametrize("official", ["train", ""])
@pytest.mark.parametrize("part", ["test", "val"])
def test_nothing_is_measured_on_what_train_learned_from(shards, tmp_path, capsys, official, part):
    """The split that `facewitness train` makes is made again."""
    from classifiers.datasets import open_dataset
    from classifiers.datasets.splitting import split_by_group

    data = shutil.copytree(shards, tmp_path / "data")
    for index in data.glob("*.csv"):
        index.write_text(index.read_text().replace(",train,", f",{official},"))
    expected = {s.name for s in split_by_group(open_dataset(data)) if s.split == part}
    for options in (options_for(data), options_for(data, "--split", part)):
        assert {s.name for s in open_data(options, part).samples} == expected
        assert f"{len(expected)} of 20 samples taken: the part {part} " in capsys.readouterr().out
    assert len(open_data(options_for(data, "--split", "all"), part).samples) == 20
    assert not capsys.readouterr().out


@pytest.mark.parametrize("official", ["test", "dev"])
def test_a_data_set_for_testing_is_taken_whole(shards, tmp_path, capsys, official):
    data = shutil.copytree(shards, tmp_path / "data")
    for index in data.glob("*.csv"):
        index.write_text(index.read_text().replace(",train,", f",{official},"))
    assert len(open_data(options_for(data), "test").samples) == 20
    assert not capsys.readouterr().out


def test_inputs_that_gave_no_face_crop_are_counted(tmp_path, capsys):
    points = " ".join(f"{x},{y}" for x, y in FACE_LANDMARKS)
    rows = ["file,label,split,family,source,clip,person,landmarks"]
    for number, split in enumerate(("train", "train", "test", "test")):
        cv2.imwrite(str(tmp_path / f"{number}.png"), FACE[..., ::-1] // (number + 1))
        rows.append(f'{number}.png,{("real", "fake")[number % 2]},{split},,,clip {number},,"{points}"')
    (tmp_path / "faces.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "faces.json").write_text('{"complete": true}')
    (tmp_path / "no_face.csv").write_text(
        "file,label,split,status,message\nin/a.mp4,fake,test,no_face,none\nb.jpg,real,test,undecodable,damaged\n"
        "c.mp4,real,train,no_face,none\n"
    )
    expected = {
        "default": ({"fake": {"no_face": 1}, "real": {}}, {"real": {"undecodable": 1}, "fake": {}}),
        "all": ({"fake": {"no_face": 1}, "real": {"no_face": 1}}, {"real": {"undecodable": 1}, "fake": {}}),
    }
    for name, (videos, images) in expected.items():
        split = ("--split", "all") if name == "all" else ()
        assert run("evaluate", tmp_path, *split, "-o", tmp_path / name, "--bootstrap", 0) == 0
        inputs = report(tmp_path / name)["inputs"]
        lost = {k: {s: n for s, n in v.items() if s == "no_face"} for k, v in inputs["video"].items()}
        assert (lost, inputs["image"]) == (videos, images)
        assert ("1 input without a face crop" in capsys.readouterr().out) is (name == "default")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["evaluate", "SHARDS", "--split", "nonesuch"], "no split 'nonesuch'"),
        (["evaluate", "MEDIA"], "--split all takes everything"),
        (["evaluate", "SHARDS", "--split", "all", "--model", "nonesuch"], "nonesuch"),
        (["evaluate", "SHARDS", "--split", "all", "--engine", "nonesuch"], "no engine is called 'nonesuch'"),
        (["evaluate", "SHARDS", "--bootstrap", "-1"], "--bootstrap"),
        (["evaluate", "MEDIA/nonesuch"], "nonesuch"),
        (["calibrate", "SHARDS", "--split", "dev", "-o", "OUT"], "no split 'dev'"),
        (["calibrate", "SHARDS/real.csv", "-o", "OUT"], "holds real samples only (3 of them)"),
        (["calibrate", "SHARDS", "--split", "train", "--fpr", "2", "-o", "OUT"], "between 0 and 1"),
        (["calibrate", "SHARDS", "-o", "MODEL"], "folder of the model itself"),
        (["calibrate", "SHARDS", "--model", "vgg16", "-o", "OTHER"], "already holds other weights of a model called"),
        (["evaluate", "SHARDS", "--split", "train", "--sources", "nonesuch*"], "no source fits --sources 'nonesuch*'"),
    ],
)
def test_what_cannot_be_used_is_told_in_one_sentence(shards, media, tmp_path, capsys, arguments, words):
    places = {"SHARDS": shards, "MEDIA": media, "OUT": tmp_path, "MODEL": find_model().folder, "OTHER": tmp_path}
    write_manifest(tmp_path / "manifest.json", [replace(find_model(), name="vgg16", folder=tmp_path)])
    for name, place in places.items():
        arguments = [argument.replace(name, str(place)) for argument in arguments]
    assert run(*arguments) == 2
    message = capsys.readouterr().err
    assert message.startswith(f"facewitness {arguments[0]}: ")
    assert words in message
    assert message.count("\n") == 1


@pytest.mark.parametrize(("library", "option"), [("matplotlib", ["-o", "out"]), ("av", ["--robustness"])])
def test_a_library_that_is_not_installed_is_asked_for_before_anything_is_done(
    shards, capsys, monkeypatch, library, option
):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == library else find_spec(name))
    assert run("evaluate", shards, *option) == 2
    assert f"needs {library}; install it with" in capsys.readouterr().err


def test_unreadable_pictures_are_counted_up_to_a_limit(tmp_path, capsys):
    (tmp_path / "data").mkdir()
    shards = write_shards(tmp_path / "data")
    rows = (shards / "real.csv").read_text().splitlines()
    (shards / "real.csv").write_text("\n".join([*rows, rows[-1].replace("real2.jpg", "broken.jpg")]) + "\n")
    with zipfile.ZipFile(shards / "real-00.zip", "a") as shard:
        shard.writestr("broken.jpg", b"no picture")
    assert run("evaluate", shards, "--split", "all", "--bootstrap", 0) == 2
    assert "broken.jpg is not a picture that can be decoded" in capsys.readouterr().err
    arguments = ("--split", "all", "--bootstrap", 0, "--max-unreadable", 0.1, "-o", tmp_path / "out")
    assert run("evaluate", shards, *arguments) == 0
    assert report(tmp_path / "out")["inputs"]["image"]["real"] == {"ok": 3, "unreadable": 1}


def test_nothing_that_could_be_scored(tmp_path, capsys):
    (tmp_path / "no_face.mp4").symlink_to(SAMPLES / "no_face.mp4")
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "labels.csv").write_text("file,label\nno_face.mp4,fake\nempty.mp4,real\n")
    assert run("evaluate", tmp_path, "--split", "all", "--frames", 2) == 1
    output = capsys.readouterr().out
    assert "video fake: 1 no_face" in output and "video real: 1 undecodable" in output
    assert run("calibrate", tmp_path, "--split", "all", "--frames", 2, "-o", tmp_path / "out") == 2
    assert "nothing to calibrate on" in capsys.readouterr().err


@pytest.mark.parametrize("method", ["platt", "isotonic"])
def test_a_calibrated_model_is_a_model(shards, tmp_path, capsys, method):
    arguments = ("--split", "train", "-o", tmp_path / "model", "--method", method, "--fpr", 0.2)
    assert run("calibrate", shards, *arguments) == 0
    output = capsys.readouterr().out
    assert "before" in output and "after" in output
    before, after = find_model(), find_model(str(tmp_path / "model" / "manifest.json"))
    assert after.sha256 == before.sha256
    assert all(after.read(file_format) == before.read(file_format) for file_format in before.files)
    assert after.calibration.id != before.calibration.id
    # The int8 files were compared in scores of the other calibration.
    assert "openvino_int8_graph" in after.files and before.agreement and after.agreement is None
    assert method in after.calibration.fitted_on
    assert "at most 20.0% wanted" in after.thresholds.operating_point
    arguments = ("--split", "all", "--model", tmp_path / "model" / "manifest.json", "--bootstrap", 0)
    assert run("evaluate", shards, *arguments) == 0
    assert f"likely_fake from {after.thresholds.likely_fake}" in capsys.readouterr().out


def test_videos_can_be_calibrated_on(media, tmp_path, capsys):
    assert run("calibrate", media, "--split", "all", "-o", tmp_path, "--frames", 4) == 0
    assert "2 inputs gave no score" in capsys.readouterr().out
    fitted_on = find_model(str(tmp_path / "manifest.json")).calibration.fitted_on
    assert fitted_on.startswith("2 real, 1 manipulated and 0 generated")
    assert "none was generated" in fitted_on
