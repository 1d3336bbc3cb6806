"""A scan tells what a file says of its origin, and judges it as if it said nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from pipeline.cli import main
from tests.media_files import run_ffmpeg

SAMPLES = Path(__file__).parents[3] / "sample_videos"


def results(folder: Path) -> dict[str, dict]:
    return {path.name.removesuffix(".json"): json.loads(path.read_text()) for path in folder.glob("*.json")}


def test_a_note_of_a_generator_is_told_and_moves_no_score(tmp_path, capsys):
    shutil.copy(SAMPLES / "real.mp4", tmp_path / "plain.mp4")
    tag = ("-metadata", "comment=Made with Sora")
    run_ffmpeg("-i", SAMPLES / "real.mp4", "-c", "copy", *tag, tmp_path / "tagged.mp4")
    assert main(["scan", str(tmp_path), "-o", str(tmp_path / "out"), "--frames", "4"]) == 0
    plain, tagged = (results(tmp_path / "out")[name] for name in ("plain.mp4", "tagged.mp4"))
    assert plain["provenance"]["declares"] is None and tagged["provenance"]["declares"] == "generated"
    assert plain["score"] == tagged["score"] and plain["tracks"] == tagged["tracks"]
    lines = capsys.readouterr().out.splitlines()
    assert [line.endswith("declares AI generation") for line in lines if ".mp4" in line] == [False, True]


@pytest.mark.slow
def test_a_signed_file_is_told_from_a_changed_one_and_neither_moves_a_score(tmp_path):
    pytest.importorskip("c2pa", reason="Content Credentials need the extra `c2pa`")
    from tests.signed_media import AI, Authority, sign, with_changed_pixel

    authority = Authority()
    (tmp_path / "anchors.pem").write_text(authority.pem)
    clips = tmp_path / "clips"
    clips.mkdir()
    shutil.copy(SAMPLES / "real.mp4", clips / "plain.mp4")
    sign(SAMPLES / "real.mp4", clips / "signed.mp4", authority, source_type=AI)
    with_changed_pixel(clips / "signed.mp4", clips / "changed.mp4")
    command = ["scan", str(clips), "-o", str(tmp_path / "out"), "--frames", "4"]
    assert main([*command, "--trust", str(tmp_path / "anchors.pem")]) == 0
    found = results(tmp_path / "out")
    states = {name: each["provenance"]["credentials"]["state"] for name, each in found.items()}
    assert states == {"plain.mp4": "none", "signed.mp4": "valid", "changed.mp4": "invalid"}
    assert found["plain.mp4"]["score"] == found["signed.mp4"]["score"]
    assert found["signed.mp4"]["provenance"]["credentials"]["trusted"] is True
    # With another list the file must be looked at again.
    assert main(command) == 0
    credentials = results(tmp_path / "out")["signed.mp4"]["provenance"]["credentials"]
    assert credentials["state"] == "valid" and credentials["trusted"] is None


@pytest.mark.parametrize("content", [None, b"no certificate"])
def test_a_trust_list_that_cannot_be_used_is_wrong_usage(tmp_path, capsys, content):
    file = tmp_path / "anchors.pem"
    if content is not None:
        file.write_bytes(content)
    assert main(["scan", str(SAMPLES / "real.mp4"), "--trust", str(file)]) == 2
    error = capsys.readouterr().err
    assert "trust list" in error and "anchors.pem" in error and error.count("\n") == 1
