"""Scans that are killed, with what they started, and given again; the study does this longer."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from scripts.study_kills import make_clips, results_of, scan, study

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc"),
]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kills") / "clips"
    make_clips(folder, 10)
    return folder


@pytest.fixture(scope="module")
def undisturbed(clips: Path) -> dict:
    results = results_of(scan(clips, clips.parent / "undisturbed"))
    assert sorted(result["status"] for result in results.values()) == ["ok"] * 9 + ["undecodable"]
    return results


@pytest.mark.parametrize("way", [("--annotate",)], ids=" ".join)
def test_reruns_end_as_if_nothing_had_been_killed(clips, undisturbed, tmp_path, way):
    faults, kills = study(clips, tmp_path / "out", way, 2, len(" ".join(way)), undisturbed)
    assert not faults
    assert any(kill.target != "nothing" for kill in kills)
