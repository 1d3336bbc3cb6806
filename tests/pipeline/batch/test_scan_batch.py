"""Many files: order, resuming, files that fail, several processes, stopping early."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from pipeline.analysis.scan import Scanner
from pipeline.batch.scan_batch import ScannerSettings, scan_batch
from pipeline.media.sampling import SamplingPlan
from pipeline.results.input import Input
from pipeline.results.verdict import Verdict
from pipeline.results.writers import ResultWriter

SAMPLES = Path(__file__).parents[3] / "sample_videos"
SETTINGS = ScannerSettings(None, "auto", "mtcnn", SamplingPlan.spread(3))


@pytest.fixture(scope="module")
def scanner() -> Scanner:
    return SETTINGS.scanner()


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> list[Input]:
    """A long file before short ones, and one that cannot be read."""
    folder = tmp_path_factory.mktemp("inputs")
    for name in ("two_people.mp4", "real.mp4", "no_face.mp4"):
        shutil.copy(SAMPLES / name, folder)
    (folder / "damaged.mp4").write_bytes((SAMPLES / "real.mp4").read_bytes()[:900])
    names = ("two_people.mp4", "damaged.mp4", "real.mp4", "no_face.mp4")
    return [Input(folder / name, Path(name)) for name in names]


@pytest.fixture
def scanned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that this process scans."""
    names: list[str] = []
    scan = Scanner.scan
    monkeypatch.setattr(Scanner, "scan", lambda self, path, *more: names.append(path.name) or scan(self, path, *more))
    return names


def run(inputs: list[Input], scanner: Scanner, folder: Path, **options: object) -> list[Verdict]:
    with ResultWriter(folder) as writer:
        return list(scan_batch(inputs, scanner, SETTINGS, writer, **options))


def facts(verdict: Verdict) -> dict:
    return {name: value for name, value in verdict.to_json().items() if name != "timing_s"}


def test_verdicts_come_in_order_and_a_file_that_fails_costs_only_itself(inputs, scanner, tmp_path):
    verdicts = run(inputs, scanner, tmp_path)
    assert [Path(verdict.input.path).name for verdict in verdicts] == [source.relative.name for source in inputs]
    assert [verdict.status for verdict in verdicts] == ["ok", "undecodable", "ok", "no_face"]
    stored = [json.loads((tmp_path / f"{source.relative}.json").read_text()) for source in inputs]
    assert stored == [verdict.to_json() for verdict in verdicts]


def test_a_second_run_scans_only_what_failed_or_changed(inputs, scanner, tmp_path, scanned):
    before = run(inputs, scanner, tmp_path)
    scanned.clear()
    again = run(inputs, scanner, tmp_path)
    assert scanned == ["damaged.mp4"]
    assert [facts(verdict) for verdict in again] == [facts(verdict) for verdict in before]
    scanned.clear()
    run(inputs[2:], scanner, tmp_path, overwrite=True)
    assert sorted(scanned) == ["no_face.mp4", "real.mp4"]


def test_results_without_logits_are_kept_unless_logits_are_needed(inputs, scanner, tmp_path, scanned):
    run(inputs[2:3], scanner, tmp_path)
    file = tmp_path / "real.mp4.json"
    document = json.loads(file.read_text()) | {"schema": "facewitness/verdict/1"}
    for seen in (seen for track in document["tracks"] for seen in track["observations"]):
        del seen["logits"]
    file.write_text(json.dumps(document))
    scanned.clear()
    (kept,) = run(inputs[2:3], scanner, tmp_path)
    assert not scanned and kept.tracks[0].track.observations[0].logits is None
    (new,) = run(inputs[2:3], scanner, tmp_path, needs_logits=True)
    assert scanned == ["real.mp4"] and new.tracks[0].track.observations[0].logits is not None


def test_several_processes_give_the_same(inputs, scanner, tmp_path, scanned):
    alone = run(inputs, scanner, tmp_path / "alone")
    scanned.clear()
    together = run(inputs, scanner, tmp_path / "together", workers=2)
    assert not scanned, "the processes scan, not this one"
    assert [facts(verdict) for verdict in together] == [facts(verdict) for verdict in alone]


@pytest.mark.parametrize("workers", [1, 2])
def test_what_was_finished_when_a_run_stops_is_kept(inputs, scanner, tmp_path, workers):
    many = [Input(source.path, Path(f"{number}-{source.relative}")) for number, source in enumerate(inputs * 8)]
    with ResultWriter(tmp_path) as writer:
        verdicts = scan_batch(many, scanner, SETTINGS, writer, workers=workers)
        first = next(verdicts)
        verdicts.close()
    written = [json.loads(file.read_text()) for file in tmp_path.glob("*.json")]
    assert first.to_json() in written
    assert len(written) < len(many)
    assert all(document["status"] != "error" for document in written), "what was broken off is no result"
