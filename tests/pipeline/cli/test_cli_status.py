"""`facewitness status`, and two scans that want one folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.batch.ledger import Ledger
from pipeline.batch.output import Output
from pipeline.cli import main
from pipeline.results.input import Input
from pipeline.results.summary import Summary

ROOT = Path(__file__).parents[3]
REAL = ROOT / "sample_videos" / "real.mp4"


def test_a_scan_that_has_ended(tmp_path, capsys):
    (tmp_path / "in").mkdir()
    shutil.copy(REAL, tmp_path / "in")
    (tmp_path / "in/broken.mp4").write_bytes(REAL.read_bytes()[:900])
    arguments = ["scan", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--frames", "2"]
    assert main(arguments) == 1
    capsys.readouterr()
    assert main(["status", str(tmp_path / "out")]) == 1
    first, *counts = capsys.readouterr().out.splitlines()
    assert first == "2 of 2 files done, 2 scanned by this run: ended"
    assert [line.split() for line in counts] == [["1", "likely_real"], ["1", "undecodable"]]
    (tmp_path / "in/broken.mp4").unlink()
    assert main(arguments) == 0
    capsys.readouterr()
    assert main(["status", str(tmp_path / "out")]) == 0
    assert "1 of 1 file done, 0 scanned by this run: ended" in capsys.readouterr().out


def test_a_scan_that_goes_on(tmp_path, capsys):
    inputs = [Input(Path(f"{number}.mp4"), Path(f"{number}.mp4")) for number in range(10)]
    with Output(tmp_path) as output:
        output.expect(inputs)
        output.ledger.begin(inputs[0])
        output.ledger.finish(inputs[0], Summary("0.mp4", "ok", "likely_real", 0.1))
        output.ledger.list_input(inputs[0])
        output.ledger.begin(inputs[1])
        assert main(["status", str(tmp_path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "1 of 10 files done, 1 scanned by this run: scanning"
    assert "left at this rate" in lines[2] and lines[3] == "now: 1.mp4"


def test_a_scan_that_was_killed(tmp_path, capsys):
    ledger = Ledger(tmp_path)
    ledger.expect([Input(Path("a.mp4"), Path("a.mp4"))])
    ledger.close()
    assert main(["status", str(tmp_path)]) == 1
    assert capsys.readouterr().out == "0 of 1 file done, 0 scanned by this run: was killed; the same command goes on\n"


@pytest.mark.parametrize("made", [True, False])
def test_a_folder_that_nothing_was_scanned_into(tmp_path, capsys, made):
    folder = tmp_path if made else tmp_path / "none"
    assert main(["status", str(folder)]) == 2
    assert "no scan wrote to" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_second_scan_into_a_folder_is_refused_and_changes_nothing(tmp_path, capsys):
    holder = (
        "import sys; from pathlib import Path; from pipeline.batch.output import Output\n"
        "with Output(Path(sys.argv[1]), 'jsonl'): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holder, tmp_path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:
        assert process.stdout.readline() == b"held\n"
        before = sorted(tmp_path.iterdir())
        assert main(["scan", str(REAL), "-o", str(tmp_path), "--format", "jsonl"]) == 1
        assert "another scan is writing to" in capsys.readouterr().err
        assert sorted(tmp_path.iterdir()) == before
        process.stdin.close()
    assert main(["scan", str(REAL), "-o", str(tmp_path), "--format", "jsonl", "--frames", "2"]) == 0


def test_of_many_files_the_verdicts_are_counted(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("pipeline.cli.scan._MOST_ROWS", 1)
    shutil.copy(REAL, tmp_path)
    shutil.copy(ROOT / "sample_videos" / "no_face.mp4", tmp_path)
    assert main(["scan", str(tmp_path), "--frames", "2"]) == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [["1", "likely_real"], ["1", "no_face"]]
