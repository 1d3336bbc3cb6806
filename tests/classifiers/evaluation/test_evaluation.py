"""Predictions of data sets, the figures and plots made of them, and the calibration fitted on them."""

from __future__ import annotations

import csv
import json
import logging
import math
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

pytest.importorskip("av", reason="re-encoding needs the extra 'train'")

from classifiers import find_model
from classifiers.calibration import METHODS, NEVER, UNCALIBRATED, Scores, Thresholds
from classifiers.datasets import DataError, PictureReader, Sample, face_shards
from classifiers.evaluation.calibration_fitting import calibrate, choose_thresholds, kind_weights
from classifiers.evaluation.evaluation import CALLED_REAL, CSV_COLUMNS, evaluate, to_csv, to_json
from classifiers.evaluation.plots import write_plots
from classifiers.evaluation.predictions import Predictions, Unscored, choose_split, predict
from classifiers.evaluation.robustness import CHANGES
from classifiers.evaluation.scored import MOST_SOURCES, Scored, bootstrap_groups, score_clips, score_crops, subsets
from extractors.align import CropGeometry, align_face
from tests.tiny_shards import FACE, FACE_LANDMARKS, write_shards

ALIGN = partial(align_face, geometry=CropGeometry(64))
READER = PictureReader()
SPEC = replace(find_model(), calibration=UNCALIBRATED, thresholds=Thresholds(0.7, 0.3, "made up"))


class BrightnessEngine:
    """An engine whose logits are the brightness of the crop, and its negative; remembers the sizes of its batches."""

    name, precision, weights_sha256 = "brightness", "f32", "0" * 64

    def __init__(self) -> None:
        self.batches: list[int] = []

    def predict(self, crops: np.ndarray) -> np.ndarray:
        assert crops.dtype == np.uint8 and crops.shape[1:] == (64, 64, 3)
        self.batches.append(len(crops))
        bright = crops.mean(axis=(1, 2, 3)) / 255
        return np.stack([bright, -bright], axis=1).astype(np.float32)


def sample(name: str, fake: bool = False, **facts: object) -> Sample:
    return Sample(Path(name), fake, **{"landmarks": FACE_LANDMARKS, **facts})


def pictures(folder: Path, count: int) -> list[Sample]:
    """Pictures of a face, each darker than the one before."""
    found = []
    for number in range(count):
        path = folder / f"{number}.png"
        cv2.imwrite(str(path), (FACE * (1 - number / count)).astype(np.uint8)[..., ::-1])
        found.append(sample(str(path), fake=number % 2 == 1))
    return found


# Predictions


def test_every_crop_gets_its_logits_in_batches(tmp_path):
    samples = pictures(tmp_path, 70)
    engine = BrightnessEngine()
    predictions = predict(engine, samples, READER, ALIGN)
    assert predictions.samples == samples
    assert engine.batches == [64, 6]
    expected = [BrightnessEngine().predict(ALIGN(READER.read(s), s.landmarks)[None])[0] for s in samples]
    np.testing.assert_array_equal(predictions.logits, expected)
    assert list(np.argsort(-predictions.logits[:, 0])) == list(range(70))


def test_crops_in_shards_are_read(tmp_path):
    samples = face_shards.samples(write_shards(tmp_path))
    predictions = predict(BrightnessEngine(), samples, READER, ALIGN)
    assert len(predictions.logits) == len(samples) == 20
    assert len(predictions.groups()) == 5 + 5


def test_unreadable_pictures_are_left_out_and_told(tmp_path):
    samples = pictures(tmp_path, 10)
    samples[3].path.write_bytes(samples[3].path.read_bytes()[:30])
    samples[8].path.unlink()
    predictions = predict(BrightnessEngine(), samples, READER, ALIGN, max_unreadable=0.2)
    assert predictions.samples == [s for place, s in enumerate(samples) if place not in (3, 8)]
    assert [(item.sample, item.status) for item in predictions.unscored] == [
        (samples[3], "unreadable"),
        (samples[8], "unreadable"),
    ]
    assert "8.png" in predictions.unscored[1].message


def test_too_many_unreadable_pictures_are_an_error_that_names_one(tmp_path):
    samples = pictures(tmp_path, 10)
    samples[3].path.write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"more than 5\.0% of 10 pictures .*3\.png.* --max-unreadable"):
        predict(BrightnessEngine(), samples, READER, ALIGN, max_unreadable=0.05)


def test_a_face_without_landmarks_is_an_error_that_says_what_to_do(tmp_path):
    with pytest.raises(DataError, match="facewitness faces"):
        predict(BrightnessEngine(), [sample("video.mp4", landmarks=None)], READER, ALIGN)


def test_landmarks_in_one_point_make_a_crop_unusable_not_the_run(tmp_path):
    samples = pictures(tmp_path, 4)
    samples[0] = replace(samples[0], landmarks=np.zeros((5, 2), np.float32))
    predictions = predict(BrightnessEngine(), samples, READER, ALIGN, max_unreadable=0.5)
    assert [item.sample for item in predictions.unscored] == samples[:1]


@pytest.mark.parametrize(
    "splits, wanted, expected",
    [
        (["train", "test", "test"], None, ["test", "test"]),
        (["train", "test"], "train", ["train"]),
        (["train", "test"], "all", ["train", "test"]),
        (["", ""], None, ["", ""]),
        (["dev", "dev"], None, ["dev", "dev"]),
    ],
)
def test_split_that_is_taken(splits, wanted, expected):
    chosen = choose_split([sample(str(n), split=name) for n, name in enumerate(splits)], wanted, "test")
    assert [s.split for s in chosen] == expected


@pytest.mark.parametrize("splits, wanted", [(["train", "val"], None), (["train", "test"], "val"), ([""], "test")])
def test_split_that_is_not_there(splits, wanted):
    with pytest.raises(DataError, match=r"has no split '(test|val)', only .*--split"):
        choose_split([sample(str(n), split=name) for n, name in enumerate(splits)], wanted, "test")


def test_empty_data_set():
    with pytest.raises(DataError, match="empty"):
        choose_split([], None, "test")


# Degraded copies


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
@pytest.mark.parametrize("shape", [FACE.shape, (151, 97, 3)])
def test_change_is_repeatable_and_keeps_the_face_where_it_is(change, shape):
    image = cv2.resize(FACE, shape[1::-1])
    changed = change(image, 1)
    np.testing.assert_array_equal(changed, change(image, 1))
    assert changed.dtype == np.uint8
    assert not np.array_equal(changed, image)
    back = cv2.resize(changed, shape[1::-1]).astype(float)
    assert np.abs(back - image).mean() < 20


@pytest.mark.parametrize("series", ["jpeg", "h264", "scale", "blur", "noise"])
def test_changes_of_a_series_grow_stronger(series):
    def loss(change) -> float:
        return float(((cv2.resize(change(FACE, 1), FACE.shape[1::-1]).astype(float) - FACE) ** 2).mean())

    losses = [loss(change) for name, change in CHANGES.items() if name.startswith(series)]
    assert len(losses) >= 2
    assert losses == sorted(losses)


def test_noise_is_not_the_same_in_all_pictures():
    assert not np.array_equal(CHANGES["noise 10"](FACE, 1), CHANGES["noise 10"](FACE, 2))


def test_landmarks_follow_a_picture_that_shrinks(tmp_path):
    samples = pictures(tmp_path, 2)
    seen = []

    def align(image: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        seen.append((image.shape[:2], landmarks))
        return ALIGN(image, landmarks)

    predict(BrightnessEngine(), samples, READER, align, change=CHANGES["scale 1/2"])
    for shape, landmarks in seen:
        assert shape == (92, 92)
        np.testing.assert_allclose(landmarks, FACE_LANDMARKS / 2)


# Levels and parts


CLIPS = [
    sample("a1", clip="a"),
    sample("b1", True, clip="b", family="faceswap"),
    sample("a2", clip="a"),
    sample("still"),
    sample("b2", True, clip="b", family="faceswap"),
]


def test_crops_are_scored_as_frames_of_clips_and_as_stills():
    logits = np.float32([[0, 0], [1, 0], [2, 0], [3, 0], [4, 0]])
    image, frame = score_crops(Predictions(CLIPS, logits), UNCALIBRATED)
    assert (image.level, [s.path.name for s in image.samples]) == ("image", ["still"])
    assert (frame.level, [s.path.name for s in frame.samples]) == ("frame", ["a1", "b1", "a2", "b2"])
    assert frame.labels.tolist() == [False, True, False, True]
    assert frame.scores[2, 1] == pytest.approx(1 / (1 + math.exp(-2)))


def test_clips_are_scored_by_all_of_their_crops():
    logits = np.float32([[0, 0], [1, 0], [2, 0], [3, 0], [4, 0]])

    def mean(samples: list[Sample], logits: np.ndarray) -> Scores | None:
        if samples[0].clip == "b":
            return None
        assert [s.path.name for s in samples] == ["a1", "a2"]
        return Scores(float(logits[:, 0].mean()), 0.25, 0.125)

    table, unscored = score_clips(Predictions(CLIPS, logits), mean)
    assert table.scores.tolist() == [[1.0, 0.25, 0.125]]
    assert [(item.sample.clip, item.status) for item in unscored] == [("b", "insufficient_evidence")]


def test_parts_set_fakes_against_reals():
    samples = [
        sample("0", source="news"),
        sample("1", source="talks"),
        sample("2", True, source="talks", family="faceswap"),
        sample("3", True, source="puppets", family="reenactment"),
        sample("4", True, source="puppets"),
    ]
    rows = {subset.name: (subset.rows.tolist(), subset.against) for subset in subsets(samples, ["t*", "n*"])}
    assert rows == {
        "all": ([0, 1, 2, 3, 4], ""),
        "family:faceswap": ([0, 1, 2], "all reals"),
        "family:reenactment": ([0, 1, 3], "all reals"),
        "sources:t*,n*": ([0, 1, 2], ""),
        "source:news": ([0, 2, 3, 4], "all fakes"),
        "source:puppets": ([0, 1, 3, 4], "all reals"),
        "source:talks": ([1, 2], ""),
    }


def test_only_the_largest_sources_are_parts_of_their_own():
    samples = [sample(f"{n}", source=f"{n:03}") for n in range(MOST_SOURCES + 20)]
    samples += [sample("again", source=f"{MOST_SOURCES + 19:03}"), sample("fake", True, source="zz")]
    names = [subset.name for subset in subsets(samples)]
    assert len(names) == 1 + MOST_SOURCES
    assert f"source:{MOST_SOURCES + 19:03}" in names


def test_a_real_and_a_fake_clip_of_one_name_are_two():
    samples = [sample(f"{n}", n % 2 == 1, clip="a") for n in range(4)]
    rows = Predictions(samples, np.zeros((4, 2), np.float32)).groups()
    assert [found.tolist() for found in rows] == [[0, 2], [1, 3]]


def test_parts_without_samples_are_left_out():
    assert [s.name for s in subsets([sample("0", source="news")], ["x*"])] == ["all"]


def test_groups_are_sources_only_where_there_are_several_of_each_class():
    few = [sample(f"{n}", n % 2 == 1, source=f"{n % 4}", clip=f"clip {n // 2}") for n in range(8)]
    assert bootstrap_groups(few) == ("clip", [s.clip for s in few])
    many = [sample(f"{n}", n % 2 == 1, source=f"{n % 6}") for n in range(12)] + [sample("alone", person="someone")]
    assert bootstrap_groups(many) == ("source", [*(s.source for s in many[:-1]), "someone"])


# Evaluations


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


# Calibration


def clips(reals: int, manipulated: int, generated: int, apart: float = 2.0, seed: int = 0) -> Predictions:
    """Three crops of each clip; forgeries stand `apart` in their own output."""
    rng = np.random.default_rng(seed)
    samples, logits = [], []
    for kind, count, family, shift in (
        ("real", reals, "", (0, 0)),
        ("swap", manipulated, "faceswap", (apart, 0)),
        ("drawn", generated, "gan", (0, apart)),
    ):
        for number in range(count):
            middle = rng.normal(0, 1, 2) + shift
            for crop in range(3):
                samples.append(sample(f"{kind}{number}-{crop}", kind != "real", family=family, clip=f"{kind}{number}"))
                logits.append(middle + rng.normal(0, 0.2, 2))
    return Predictions(samples, np.float32(logits))


def scores_of(spec, predictions: Predictions) -> tuple[np.ndarray, np.ndarray]:
    rows = predictions.groups()
    means = [predictions.logits[r].astype(float).mean(axis=0) for r in rows]
    scores = np.array([spec.calibration.scores(*row).fake for row in means])
    return np.array([predictions.samples[r[0]].fake for r in rows]), scores


@pytest.mark.parametrize("method", METHODS)
def test_thresholds_keep_what_they_promise(method):
    predictions = clips(400, 100, 50)
    spec = calibrate(SPEC, predictions, method, fpr=0.05)
    fake, scores = scores_of(spec, predictions)
    scores = scores.round(4)
    thresholds = spec.thresholds
    assert (scores[~fake] >= thresholds.likely_fake).mean() <= 0.05
    assert (scores[fake] >= thresholds.likely_fake).mean() > 0.3
    assert (scores[fake] <= thresholds.likely_real).mean() < 0.15
    assert 0 < thresholds.likely_real < thresholds.likely_fake < 1
    assert "400 real clips (at most 5.0% wanted)" in thresholds.operating_point
    assert "400 real, 100 manipulated and 50 generated" in spec.calibration.fitted_on


@pytest.mark.parametrize("method", METHODS)
def test_calibrated_scores_are_chances_on_clips_of_the_same_kind(method):
    from classifiers.evaluation.metrics import balanced_weights, expected_calibration_error

    spec = calibrate(SPEC, clips(1000, 400, 400, seed=1), method)
    fake, scores = scores_of(spec, clips(1000, 400, 400, seed=2))
    assert expected_calibration_error(fake, scores, balanced_weights(fake)) < 0.07


def test_a_lower_false_positive_rate_takes_a_higher_threshold():
    predictions = clips(400, 100, 100)
    strict, lax = (calibrate(SPEC, predictions, fpr=fpr).thresholds.likely_fake for fpr in (0.01, 0.2))
    assert strict > lax


def test_the_id_changes_with_the_numbers_and_only_with_them():
    predictions = clips(40, 10, 10)
    ids = [calibrate(SPEC, p, fpr=f).calibration.id for p, f in ((predictions, 0.05), (predictions, 0.05))]
    assert ids[0] == ids[1]
    others = [calibrate(SPEC, predictions, fpr=0.3), calibrate(SPEC, clips(40, 10, 10, seed=9))]
    assert len({ids[0], *(spec.calibration.id for spec in others)}) == 3


@pytest.mark.parametrize("kind, unknown", [("manipulated", "generated"), ("generated", "manipulated")])
def test_output_without_forgeries_of_its_kind_takes_no_part_and_says_so(kind, unknown):
    counts = {"manipulated": 0, "generated": 0, kind: 30}
    spec = calibrate(SPEC, clips(60, **counts))
    assert getattr(spec.calibration, unknown) == NEVER
    assert getattr(spec.calibration, kind) != NEVER
    assert f"none was {unknown}, so that output is not calibrated" in spec.calibration.fitted_on
    wild = {"manipulated": (0.3, 50.0), "generated": (50.0, 0.3)}[kind]
    assert spec.calibration.scores(*wild).fake == pytest.approx(spec.calibration.scores(0.3, 0.3).fake)


def without_family(predictions: Predictions, family: str) -> Predictions:
    samples = [replace(s, family="") if s.family == family else s for s in predictions.samples]
    return Predictions(samples, predictions.logits)


def test_forgeries_of_unknown_kind_count_for_the_score_alone():
    known = clips(60, 30, 30)
    spec = calibrate(SPEC, without_family(clips(60, 30, 30, seed=0), "gan"))
    assert spec.calibration.manipulated == calibrate(SPEC, clips(60, 30, 0)).calibration.manipulated
    assert spec.calibration.generated == NEVER
    assert spec.calibration.joint != calibrate(SPEC, known).calibration.joint
    assert "60 real, 30 manipulated and 0 generated clips or stills and 30 forged in an unknown way" in (
        spec.calibration.fitted_on
    )
    assert "60 forged clips" in spec.thresholds.operating_point


@pytest.mark.parametrize("method", METHODS)
def test_outputs_stay_where_no_kind_of_forgery_is_known(method):
    predictions = without_family(clips(60, 30, 0), "faceswap")
    spec = calibrate(SPEC, predictions, method)
    assert (spec.calibration.manipulated, spec.calibration.generated) == (
        UNCALIBRATED.manipulated,
        UNCALIBRATED.generated,
    )
    assert spec.calibration.joint not in (NEVER, UNCALIBRATED.joint)
    assert "no kind of forgery was known" in spec.calibration.fitted_on
    fake, scores = scores_of(spec, predictions)
    assert scores[fake].mean() > 0.5 > scores[~fake].mean()


@pytest.mark.parametrize(
    "counts, missing", [((5, 0, 0), "forged"), ((0, 3, 2), "real"), ((0, 0, 0), "nothing to calibrate on")]
)
def test_one_class_cannot_be_calibrated_on(counts, missing):
    predictions = clips(*counts) if sum(counts) else Predictions([], np.empty((0, 2), np.float32))
    with pytest.raises(DataError, match=missing):
        calibrate(SPEC, predictions)


def test_wrong_options_are_told():
    with pytest.raises(ValueError, match="platt, temperature, isotonic"):
        calibrate(SPEC, clips(3, 3, 3), "beta")
    with pytest.raises(ValueError, match="between 0 and 1"):
        calibrate(SPEC, clips(3, 3, 3), fpr=1.5)


@given(
    st.sampled_from(sorted(METHODS)),
    st.integers(1, 4),
    st.integers(0, 3),
    st.integers(0, 3),
    st.sampled_from([-5.0, 0.0, 1.0, 50.0]),
    st.sampled_from([0.001, 0.05, 0.5]),
)
def test_tiny_and_separable_data_give_ordered_thresholds(method, reals, manipulated, generated, apart, fpr):
    if not manipulated + generated:
        manipulated = 1
    predictions = clips(reals, manipulated, generated, apart)
    spec = calibrate(SPEC, predictions, method, fpr)
    assert 0 <= spec.thresholds.likely_real < spec.thresholds.likely_fake <= 1
    _, scores = scores_of(spec, predictions)
    assert np.isfinite(scores).all()


shares = st.lists(st.integers(0, 10_000).map(lambda n: n / 10_000), min_size=1, max_size=30)


@given(shares, shares, st.floats(0.01, 0.5))
@example([0.0068], [0.0269], 0.5)
def test_thresholds_leave_a_band_and_keep_both_promises(reals, fakes, fpr):
    reals, fakes = np.array(reals), np.array(fakes)
    likely_fake, likely_real = choose_thresholds(reals, fakes, np.ones(len(fakes)), fpr)
    assert 0 <= likely_real < likely_fake <= 1
    assert likely_fake - likely_real >= 0.02 - 1e-9
    # Where scores are certain there is nothing above or below them.
    if reals.max() < 0.98:
        assert (reals >= likely_fake).mean() <= fpr + 1e-9
    if fakes.min() > 0.02:
        assert (fakes <= likely_real).mean() <= 0.10 + 1e-9


def test_clips_that_do_not_overlap_leave_the_gap_inconclusive_with_a_warning(caplog):
    with caplog.at_level(logging.WARNING):
        likely_fake, likely_real = choose_thresholds(
            np.array([0.1, 0.2, 0.3]), np.array([0.7, 0.8, 0.9]), np.ones(3), 0.05
        )
    assert (likely_fake, likely_real) == (0.6999, 0.3001)
    assert "hardly overlap" in caplog.text


def test_few_real_clips_are_told(caplog):
    with caplog.at_level(logging.WARNING):
        calibrate(SPEC, clips(10, 10, 10), fpr=0.05)
    assert "10 real clips are too few" in caplog.text


def test_kinds_weigh_alike_however_many_there_are():
    weights = kind_weights(np.array(["a", "a", "a", "b"]))
    assert weights[:3].sum() == pytest.approx(weights[3])
