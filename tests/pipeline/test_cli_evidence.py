"""`facewitness scan` with pages, annotated copies and heat maps."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cli import main

SAMPLES = Path(__file__).parents[2] / "sample_videos"


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


@pytest.mark.parametrize("option", ["--report", "--annotate", "--heatmaps"])
@pytest.mark.parametrize("output", [[], ["-o", "-"]])
def test_files_need_a_folder(capsys, option, output):
    assert main(["scan", str(SAMPLES / "real.mp4"), option, *output]) == 2
    assert f"{option} writes files: name their folder with -o DIR" in capsys.readouterr().err
