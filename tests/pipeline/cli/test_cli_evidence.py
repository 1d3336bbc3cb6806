"""`facewitness scan` with pages, annotated copies and heat maps."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.cli import main

SAMPLES = Path(__file__).parents[3] / "sample_videos"


def test_one_scan_leaves_the_page_the_annotated_copy_and_the_heat_maps(tmp_path):
    inputs = [str(SAMPLES / "two_people.mp4"), str(SAMPLES / "README.md")]
    assert main(["scan", *inputs, "-o", str(tmp_path), "--report", "--annotate", "--heatmaps", "--frames", "8"]) == 1
    made = {path.name for path in tmp_path.iterdir()}
    assert {"index.html", "two_people.mp4.html", "two_people.mp4.annotated.mp4", "two_people.mp4.heatmaps"} <= made
    # What could not be scanned has a page that says so, and nothing to draw on.
    assert "README.md.html" in made and "README.md.annotated.mp4" not in made
    persons = {path.name.split("_")[0] for path in (tmp_path / "two_people.mp4.heatmaps").glob("*_manipulated.png")}
    assert persons == {"person-1", "person-2"}
    assert "data:image" in (tmp_path / "two_people.mp4.html").read_text()


@pytest.mark.slow
def test_what_was_drawn_is_kept_until_the_result_is_newer(tmp_path, capsys):
    arguments = ["scan", str(SAMPLES / "real.mp4"), "-o", str(tmp_path), "--annotate", "--heatmaps", "--frames", "3"]
    assert main(arguments) == 0
    drawn = [tmp_path / "real.mp4.annotated.mp4", tmp_path / "real.mp4.heatmaps"]
    before = [path.stat().st_mtime_ns for path in drawn]
    assert main(arguments) == 0
    assert [path.stat().st_mtime_ns for path in drawn] == before
    for path in drawn:
        os.utime(path, (1, 1))
    assert main(arguments) == 0
    assert all(path.stat().st_mtime > 1 for path in drawn)


def test_pages_that_cannot_be_made_cost_no_table(tmp_path, capsys):
    (tmp_path / "index.html").mkdir()
    arguments = ["scan", str(SAMPLES / "no_face.mp4"), "-o", str(tmp_path), "--report", "--frames", "2"]
    assert main(arguments) == 1
    output, errors = capsys.readouterr()
    assert "no_face.mp4" in output and "Results are in" in output
    assert "the report could not be made: cannot write" in errors


@pytest.mark.parametrize("option", ["--annotate", "--heatmaps"])
def test_files_that_are_named_after_json_files_need_them(tmp_path, capsys, option):
    out = tmp_path / "out"
    assert main(["scan", str(SAMPLES / "real.mp4"), option, "--format", "jsonl", "-o", str(out)]) == 2
    error = capsys.readouterr().err
    assert option in error and "--format jsonl" in error and error.count("\n") == 1
    assert not out.exists()


def test_heat_maps_that_would_show_nothing_are_not_drawn(tmp_path, capsys):
    inputs = ["scan", str(SAMPLES / "real.mp4"), "-o", str(tmp_path)]
    arguments = [*inputs, "--model", "inception_resnet_v2", "--frames", "3"]
    assert main([*arguments, "--heatmaps"]) == 2
    error = capsys.readouterr().err
    assert "there are no heat maps: those of model 'inception_resnet_v2' would not show what was altered" in error
    assert error.count("\n") == 1 and not list(tmp_path.iterdir())
    assert main([*arguments, "--report"]) == 0
    page = tmp_path / "real.mp4.html"
    shown = page.read_text(encoding="utf-8")
    assert "There are no heat maps: those of model" in shown and "Where the model looked" not in shown
    # The page lacks nothing that another run could add.
    os.utime(page, (1, 1))
    assert main(["report", str(tmp_path)]) == 0
    assert page.stat().st_mtime == 1


@pytest.mark.parametrize("option", ["--report", "--annotate", "--heatmaps"])
@pytest.mark.parametrize("output", [[], ["-o", "-"]])
def test_files_need_a_folder(capsys, option, output):
    assert main(["scan", str(SAMPLES / "real.mp4"), option, *output]) == 2
    assert f"{option} writes files: name their folder with -o DIR" in capsys.readouterr().err
