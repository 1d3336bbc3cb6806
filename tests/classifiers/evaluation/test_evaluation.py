"""The figures of a model, as data and as pictures."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import replace

import cv2
import numpy as np
import pytest

from classifiers import find_model
from classifiers.calibration import UNCALIBRATED, Thresholds
from classifiers.evaluation.evaluation import CALLED_REAL, CSV_COLUMNS, evaluate
from classifiers.evaluation.evaluation_report import to_csv, to_json, write_report
from classifiers.evaluation.plots import write_plots
from classifiers.evaluation.predictions import Unscored
from classifiers.evaluation.scored import Scored
from tests.bright_faces import sample

SPEC = replace(find_model(), calibration=UNCALIBRATED, thresholds=Thresholds(0.7, 0.3, "made up"))


def table(level: str = "video", seed: int = 0, shift: float = 0.2, count: int = 40) -> Scored:
    """Scores of as many reals as fakes of two families, in eight sources."""
    rng = np.random.default_rng(seed)
    samples = [
        sample(
            f"{n}.mp4",
            n % 2 == 1,
            family=("", "faceswap", "", "gan")[n % 4],
            source=f"source {n % 8}",
            clip=f"{n}" if level != "image" else "",
        )
        for n in range(count)
    ]
    scores = np.clip(rng.normal([[0.5 + shift * (1 if s.fake else -1)] * 3 for s in samples], 0.2), 0, 1)
    return Scored(level, samples, scores)


LOST = [
    ("video", Unscored(sample("dark.mp4", True), "no_face", "no face was found in 32 frames")),
    ("video", Unscored(sample("broken.mp4"), "undecodable", "the file is damaged")),
]


@pytest.fixture(scope="module")
def evaluation():
    return evaluate(
        "mine",
        SPEC,
        "openvino",
        [table("frame", 1), table()],
        unscored=LOST,
        poolings={"mean": table(seed=2), "track_max": table()},
        robustness={name: [table(seed=3, shift=0.1)] for name in ("jpeg 90", "jpeg 30")},
        source_patterns=["source [01]"],
        draws=50,
    )


def test_everything_is_measured(evaluation):
    parts = {(section.level, section.subset) for section in evaluation.sections}
    for level in ("video", "frame"):
        assert {(level, name) for name in ("all", "family:faceswap", "family:gan", "source:source 3")} <= parts
    expected = {"pooling:mean", "pooling:track_max", "robustness:jpeg 30", CALLED_REAL, "sources:source [01]"}
    assert {("video", name) for name in expected} <= parts
    assert ("frame", CALLED_REAL) not in parts
    assert evaluation.main_level == "video"


def test_figures_are_those_of_their_part(evaluation):
    from sklearn.metrics import roc_auc_score

    videos = table()
    chosen = np.array([not s.fake or s.family == "gan" for s in videos.samples])
    section = evaluation.section("video", "family:gan")
    assert (section.reals, section.fakes, section.against) == (20, 10, "all reals")
    auc = section.figures["auc"]
    assert auc.value == pytest.approx(roc_auc_score(videos.labels[chosen], videos.scores[chosen, 0]))
    assert section.figures["auc_generated"].value == pytest.approx(
        roc_auc_score(videos.labels[chosen], videos.scores[chosen, 2])
    )
    assert auc.low < auc.value < auc.high
    assert section.confusion.sum() == 30
    called = videos.scores[chosen & videos.labels, 0] >= 0.7
    assert section.confusion[1].tolist() == [int((~called).sum()), int(called.sum())]
    assert section.verdicts["fake"]["likely_fake"] == called.sum()
    assert sum(section.verdicts["real"].values()) == 20


def test_inputs_without_a_score_are_counted_and_called_real(evaluation):
    assert evaluation.inputs["video"] == {"real": {"ok": 20, "undecodable": 1}, "fake": {"no_face": 1, "ok": 20}}
    before, after = evaluation.section("video"), evaluation.section("video", CALLED_REAL)
    assert (after.reals, after.fakes) == (21, 21)
    assert after.confusion.tolist() == (before.confusion + np.array([[1, 0], [1, 0]])).tolist()


def test_json_and_csv_say_the_same(evaluation):
    content = json.loads(json.dumps(to_json([evaluation], "clips", "test", 50, "1.0"), allow_nan=False))
    rows = list(csv.DictReader(to_csv([evaluation]).splitlines()))
    assert tuple(rows[0]) == CSV_COLUMNS
    model = content["models"][0]
    assert {item["status"] for item in model["unscored"]} == {"no_face", "undecodable"}
    for section in model["sections"]:
        same = {r["metric"]: r for r in rows if (r["level"], r["subset"]) == (section["level"], section["subset"])}
        assert int(same["auc"]["n"]) == section["reals"] + section["fakes"]
        for name, figure in section["figures"].items():
            assert [float(same[name][key]) if same[name][key] else None for key in ("value", "low", "high")] == [
                figure[key] for key in ("value", "low", "high")
            ]
        assert int(same["fake_called_real"]["value"]) == section["confusion"]["fake"]["called_real"]
    counted = {(r["subset"], r["metric"]): r["value"] for r in rows if r["metric"].startswith("status_")}
    assert counted[("fake", "status_no_face")] == "1"


def test_data_of_one_class_have_the_figures_that_need_no_other():
    reals = table()
    chosen = np.flatnonzero(~reals.labels)
    only = Scored("video", [reals.samples[n] for n in chosen], reals.scores[chosen])
    evaluation = evaluate("mine", SPEC, "openvino", [only], draws=20)
    figures = evaluation.section("video").figures
    assert math.isnan(figures["auc"].value) and math.isnan(figures["balanced_accuracy"].value)
    assert figures["accuracy"].value == 1 - figures["fpr"].value
    json.dumps(to_json([evaluation], "clips", "test", 20, "1.0"), allow_nan=False)


def test_nothing_scored_still_counts_the_inputs(tmp_path):
    evaluation = evaluate("mine", SPEC, "openvino", [], unscored=LOST, draws=20)
    assert evaluation.sections == []
    assert evaluation.inputs["video"]["fake"] == {"no_face": 1}
    assert write_plots([evaluation], tmp_path) == []


def test_report_is_written_whole_into_a_new_folder(evaluation, tmp_path):
    files = write_report([evaluation], "data \udcff", "test", 20, "1.0", tmp_path / "new" / "folder")
    assert sorted(files) == sorted((tmp_path / "new" / "folder").iterdir())
    assert [file.name for file in files[:2]] == ["evaluation.json", "evaluation.csv"]
    assert json.loads(files[0].read_text().replace("\\", "/"))["dataset"] == "data /udcff"
    assert files[1].read_text() == to_csv([evaluation])


def test_plots_are_pictures_and_equal_for_equal_evaluations(evaluation, tmp_path):
    other = evaluate("other", SPEC, "openvino", [table(seed=5)], draws=20)
    names = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        folder.mkdir()
        names.append([path.name for path in write_plots([evaluation, other], folder)])
    assert names[0] == names[1]
    kinds = ["roc", "precision_recall", "reliability", "scores", "confusion"]
    assert {f"video_{kind}.png" for kind in kinds} <= set(names[0])
    for name in names[0]:
        picture = cv2.imread(str(tmp_path / "one" / name))
        assert min(picture.shape[:2]) > 300 and picture.std() > 10
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_robustness_is_drawn_where_it_was_measured(evaluation, tmp_path):
    assert tmp_path / "video_robustness.png" in write_plots([evaluation], tmp_path)
    assert tmp_path / "frame_robustness.png" not in write_plots([evaluation], tmp_path)
