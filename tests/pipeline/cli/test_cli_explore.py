"""`facewitness explore` as a user meets it."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

import pytest

from pipeline.cli import main
from tests.tiny_shards import write_shards

SAMPLES = Path(__file__).parents[3] / "sample_videos"


def run(*arguments: object) -> int:
    return main(["explore", *map(str, arguments)])


def test_pictures(tmp_path, capsys):
    data = tmp_path / "data"
    data.mkdir()
    write_shards(data)
    assert run(data, "-o", tmp_path / "out", "--sample", 6) == 0
    output = capsys.readouterr().out
    assert output.endswith(f"The report is {tmp_path / 'out' / 'explore.html'}\n")
    numbers = json.loads((tmp_path / "out" / "explore.json").read_text())
    assert (numbers["samples"], numbers["measured"], numbers["data"]) == (20, 6, str(data))
    assert all(finding["text"] in output for finding in numbers["findings"])


def test_a_library_that_is_not_installed_is_asked_for_before_anything_is_measured(tmp_path, capsys, monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "matplotlib" else find_spec(name))
    assert run(write_shards(tmp_path), "-o", tmp_path / "out") == 2
    assert "needs matplotlib; install it with" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_videos_are_told_apart_by_their_containers_alone(tmp_path, capsys):
    for place in ("real/real.mp4", "real/rotated.mp4", "fake/manipulated.mp4", "fake/broken.mp4"):
        (tmp_path / "data" / place).parent.mkdir(parents=True, exist_ok=True)
        if (SAMPLES / Path(place).name).exists():
            shutil.copy(SAMPLES / Path(place).name, tmp_path / "data" / place)
    (tmp_path / "data" / "fake" / "broken.mp4").write_bytes(b"no video")
    assert run(tmp_path / "data", "-o", tmp_path / "out") == 0
    output = capsys.readouterr().out
    assert "need `facewitness faces` first" in output
    numbers = json.loads((tmp_path / "out" / "explore.json").read_text())
    assert numbers["formats"] == {"real": {"mp4 h264": 2}, "fake": {"mp4 h264": 1}}
    assert numbers["properties"]["width"]["real"]["count"] == 2
    assert numbers["channels"] == {"real": {}, "fake": {}}
    assert [Path(item["file"]).name for item in numbers["unreadable"]] == ["broken.mp4"]


@pytest.mark.parametrize("options", [["--sample", "1"], ["--layout", "nonesuch"]])
def test_wrong_usage_is_one_sentence_and_writes_nothing(tmp_path, capsys, options):
    data = tmp_path / "data"
    data.mkdir()
    write_shards(data)
    assert run(data, "-o", tmp_path / "out", *options) == 2
    error = capsys.readouterr().err
    assert error.startswith("facewitness explore: ") and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_output_that_cannot_be_written(tmp_path, capsys):
    data = tmp_path / "data"
    data.mkdir()
    write_shards(data)
    (tmp_path / "out").write_text("")
    assert run(data, "-o", tmp_path / "out") == 1
    assert "cannot write the report" in capsys.readouterr().err
