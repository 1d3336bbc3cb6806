"""Several detectors on the same faces: the figures of `evaluate` side by side, and on which terms."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import cv2
import pytest

from classifiers import find_model
from classifiers.crop_box import CropBox
from classifiers.errors import SettingsError
from classifiers.evaluation.model_benchmark import CSV_COLUMNS, SHOWN
from classifiers.model_spec import ModelError, write_manifest
from classifiers.published.library import add_model
from classifiers.published.recipe import InputRecipe, OutputRecipe, Recipe, ThresholdRecipe
from pipeline import workbench
from pipeline.cli import main
from pipeline.workbench.model_benchmark import ModelBenchmark, chosen_models
from tests.classifiers.published.small_networks import SIDE, mean_colour
from tests.media_files import SAMPLES
from tests.tiny_shards import FACE, FACE_LANDMARKS, write_shards

SMALL = ("theirs", "undecided")
OPTIONS = {"split": "all", "frames": 3, "bootstrap": 20}
RECIPE = Recipe(
    name="small",
    title="A small network",
    paper="nobody, 2020",
    repository="https://example.org/small",
    licence="for <b>research</b>",
    commercial_use=False,
    input=InputRecipe(SIDE),
    crop=CropBox(),
    output=OutputRecipe(("fake",)),
    threshold=ThresholdRecipe(0.6, "the paper"),
)


@pytest.fixture(scope="module", autouse=True)
def added(tmp_path_factory):
    """Two added networks: one with a limit, and one of another licence that nobody has put limits to."""
    folder = tmp_path_factory.mktemp("added")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("FACEWITNESS_MODELS", str(folder / "models"))
        add_model(mean_colour(folder / "theirs.onnx", scale=4), RECIPE, "theirs")
        free = replace(RECIPE, threshold=None, licence="CC0", commercial_use=None, output=OutputRecipe(("real",)))
        add_model(mean_colour(folder / "undecided.onnx", scale=2), free, "undecided")
        yield


@pytest.fixture(scope="module")
def shards(tmp_path_factory) -> Path:
    return write_shards(tmp_path_factory.mktemp("shards"))


@pytest.fixture(scope="module")
def found(shards, tmp_path_factory) -> ModelBenchmark:
    """The benchmark of the added models on face crops, and its files."""
    return workbench.benchmark_models(shards, SMALL, tmp_path_factory.mktemp("out"), **OPTIONS)


def text(found: ModelBenchmark, name: str) -> str:
    return next(file for file in found.files if file.name == name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", SMALL)
def test_figures_are_those_of_an_evaluation(found, shards, name):
    alone = workbench.evaluate(shards, model=name, **OPTIONS)
    (mine,) = [each.evaluation for each in found.models if each.name == name]
    assert found.levels == ["video", "image"]
    for section in mine.sections:
        # As text: intervals of too few data have no ends, which are unequal to themselves.
        assert repr(section.figures) == repr(alone.section(section.level, section.subset).figures)


@pytest.mark.slow
def test_files_of_all_kinds_are_looked_at_once_for_all_models(tmp_path, monkeypatch):
    from pipeline.batch.scanner_processes import ScannerProcesses

    looked_at = []
    scan = ScannerProcesses.scan
    monkeypatch.setattr(
        ScannerProcesses, "scan", lambda self, each: looked_at.append(each.path.name) or scan(self, each)
    )
    points = " ".join(f"{x},{y}" for x, y in FACE_LANDMARKS)
    rows = [
        "file,label,family,clip,landmarks",
        "real.mp4,real,,,",
        "manipulated.mp4,fake,faceswap,,",
        "face.png,real,,,",
    ]
    for name in ("real.mp4", "manipulated.mp4"):
        (tmp_path / name).symlink_to(SAMPLES / name)
    cv2.imwrite(str(tmp_path / "face.png"), cv2.resize(FACE, None, fx=2, fy=2)[..., ::-1])
    for number, label in enumerate(("real", "fake", "fake")):
        cv2.imwrite(str(tmp_path / f"{number}.png"), FACE[..., ::-1] // (number + 1))
        rows.append(f'{number}.png,{label},,{"clip" if number == 2 else ""},"{points}"')
    (tmp_path / "labels.csv").write_text("\n".join(rows) + "\n")
    benchmark = workbench.benchmark_models(tmp_path, SMALL, **OPTIONS)
    assert sorted(looked_at) == ["face.png", "manipulated.mp4", "real.mp4"]
    for model in benchmark.models:
        alone = workbench.evaluate(tmp_path, model=model.name, **OPTIONS)
        for level, counts in {"video": (1, 2), "image": (2, 1)}.items():
            section = model.evaluation.section(level)
            assert (section.reals, section.fakes) == counts
            for name, figure in section.figures.items():
                assert figure.value == pytest.approx(alone.section(level).figures[name].value, abs=1e-4, nan_ok=True)


def test_terms_limits_and_speed_are_told(found):
    theirs, undecided = (next(each for each in found.models if each.name == name) for name in SMALL)
    assert (theirs.licence, theirs.commercial_use, theirs.recipe) == ("for <b>research</b>", False, "small")
    assert (undecided.licence, undecided.commercial_use) == ("CC0", None)
    section = theirs.evaluation.section("video")
    verdicts = theirs.firm_verdicts(section)
    scores, fake = theirs.evaluation.tables["video"].scores[:, 0], theirs.evaluation.tables["video"].labels
    assert (verdicts.firm, verdicts.total) == (5, 5)
    assert verdicts.right == ((scores >= 0.6) == fake).sum()
    assert undecided.firm_verdicts(section) is None
    assert all(each.crops_per_second > 0 and each.score_kind == "raw" for each in found.models)


def test_calibration_is_measured_on_the_other_half(found):
    assert found.apart == "source"
    for model in found.models:
        assert set(model.cross_fitted_ece) == {"video", "image"}
        assert model.cross_fitted_ece["video"].value != model.evaluation.section("video").figures["ece_balanced"].value


def test_the_table_has_a_row_for_each_part_and_model(found):
    rows = list(csv.DictReader(io.StringIO(text(found, "benchmark.csv"))))
    assert tuple(rows[0]) == CSV_COLUMNS
    parts = {(row["level"], row["part"]) for row in rows}
    assert {("video", "all"), ("video", "family:faceswap"), ("video", "source:talks"), ("image", "all")} <= parts
    assert len(rows) == len(parts) * len(SMALL)
    for row in rows:
        (model,) = [each for each in found.models if each.name == row["model"]]
        for figure in SHOWN:
            value = model.evaluation.section(row["level"], row["part"]).figures[figure].value
            assert float(row[figure]) == pytest.approx(value, abs=1e-6)


def test_the_record_has_everything(found):
    record = json.loads(text(found, "benchmark.json"))
    assert [model["name"] for model in record["models"]] == [model.name for model in found.models]
    assert {model["licence"] for model in record["models"]} == {"CC0", "for <b>research</b>"}
    assert record["cores"] >= 1 and record["halves_apart_by"] == "source"
    aucs = [model.evaluation.section("video").figures["auc"].value for model in found.models]
    assert aucs == sorted(aucs, reverse=True)


def test_the_page_says_it_all_and_takes_no_text_for_code(found):
    page = text(found, "benchmark.html")
    assert "for &lt;b&gt;research&lt;/b&gt;" in page and "<b>research</b>" not in page
    assert "theirs may not be used commercially" in page and "undecided may not be usable commercially" in page
    assert "Only 3 real clips and 2 forged clips" in page
    assert "scores of undecided are fakes" in page and "are raw" in page
    assert "faceswap" in page and "talks" in page
    assert "http" not in page.replace("http-equiv", "")


def test_all_stands_for_shipped_and_added_models(tmp_path):
    every = chosen_models(["all", "fast", "theirs"])
    assert every[0] == find_model().name and set(SMALL) < set(every) and len(every) == len(set(every))
    other = replace(find_model("theirs"), heat_maps=False, folder=tmp_path)
    write_manifest(tmp_path / "manifest.json", [other])
    with pytest.raises(SettingsError, match="two of these models are called 'theirs'"):
        chosen_models(["theirs", str(tmp_path / "manifest.json")])
    with pytest.raises(ModelError, match="nonesuch"):
        chosen_models(["nonesuch"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["SHARDS"], "there are no models to measure"),
        (["SHARDS", "--models", "nonesuch"], "nonesuch"),
        (["SHARDS/real.csv", "--models", "theirs"], "holds real samples only"),
        (["LOST", "--models", "theirs", "--split", "all"], "gave a score (1 no_face, 1 undecodable)"),
        pytest.param(
            ["HALF", "--models", "theirs", "--split", "all", "--frames", "3"],
            "only real videos gave a score",
            marks=pytest.mark.slow,
        ),
        (["SHARDS", "--models", "theirs", "--bootstrap", "-1"], "--bootstrap"),
        (["SHARDS", "--models", "theirs", "--split", "all", "--sources", "none*"], "no source fits"),
    ],
)
def test_what_cannot_be_used_is_told_in_one_sentence(shards, tmp_path, capsys, arguments, words):
    for folder, real in (("LOST", ""), ("HALF", "real.mp4")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "fake.mp4").symlink_to(SAMPLES / "no_face.mp4")
        (tmp_path / folder / "real.mp4").write_bytes((SAMPLES / real).read_bytes() if real else b"")
        (tmp_path / folder / "labels.csv").write_text("file,label\nfake.mp4,fake\nreal.mp4,real\n")
    for name, place in {"SHARDS": shards, "LOST": tmp_path / "LOST", "HALF": tmp_path / "HALF"}.items():
        arguments = [argument.replace(name, str(place)) for argument in arguments]
    assert main(["benchmark-models", *arguments]) == 2
    message = capsys.readouterr().err
    assert message.startswith("facewitness benchmark-models: ") and message.count("\n") == 1
    assert words in message


def test_the_command_prints_the_table_and_gives_the_same_figures(found, shards, tmp_path, capsys):
    arguments = ["--models", *SMALL, "--split", "all", "--bootstrap", "20", "-o", str(tmp_path)]
    assert main(["benchmark-models", str(shards), *arguments]) == 0
    printed = capsys.readouterr().out
    line = next(line for line in printed.splitlines() if "theirs (raw)" in line)
    assert line.endswith("for <b>research</b> (not commercial)") and " 16  " in line
    assert next(line for line in printed.splitlines() if line.startswith("family:faceswap")).split()[1:3] == ["3", "1"]
    assert "video: 3 real, 2 fake" in printed and "image: 3 real, 2 fake" in printed
    assert str(tmp_path / "benchmark.html") in printed

    def figures(table: str) -> list[dict[str, str]]:
        rows = csv.DictReader(io.StringIO(table))
        return [{name: value for name, value in row.items() if name != "crops_per_second"} for row in rows]

    assert figures((tmp_path / "benchmark.csv").read_text()) == figures(text(found, "benchmark.csv"))


@pytest.mark.slow
def test_the_page_fits_narrow_and_wide_screens(found):
    browser = pytest.importorskip("tests.browser")
    page = next(file for file in found.files if file.suffix == ".html")
    with browser.launched() as chromium:
        for width, scheme in ((390, "light"), (1200, "dark")):
            size = {"width": width, "height": 900}
            with browser.visit(chromium, page, viewport=size, color_scheme=scheme) as opened:
                assert opened.page.evaluate("document.documentElement.scrollWidth") == width
                assert not opened.complaints and not opened.requests
                assert not browser.violations(opened.page)
