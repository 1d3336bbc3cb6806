"""Many files: order, resuming, files that fail, several processes, stopping early."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.batch.batch_scanner import ScannerSettings
from pipeline.batch.ledger import LEDGER, Ledger
from pipeline.batch.output import Output
from pipeline.batch.scan_batch import Reuse, scan_batch
from pipeline.batch.scanner_processes import ScannerProcesses
from pipeline.media.limits import Limits
from pipeline.media.probing import file_sha256
from pipeline.media.sampling import SamplingPlan
from pipeline.results.input import Input
from pipeline.results.verdict import Verdict

SAMPLES = Path(__file__).parents[3] / "sample_videos"
SETTINGS = ScannerSettings(None, "auto", "mtcnn", SamplingPlan.spread(3))


@pytest.fixture(scope="module")
def scanner() -> Iterator[ScannerProcesses]:
    with ScannerProcesses(SETTINGS) as scanner:
        yield scanner


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
    """Names of the files that are given to the processes."""
    names: list[str] = []
    scan = ScannerProcesses.scan
    monkeypatch.setattr(ScannerProcesses, "scan", lambda self, each: names.append(each.path.name) or scan(self, each))
    return names


def run(inputs: list[Input], scanner: ScannerProcesses, folder: Path | None, **reuse: bool) -> list[Verdict]:
    with Output(folder) as output:
        output.expect(inputs)
        return [finished.verdict for finished in scan_batch(output, scanner, Reuse(**reuse))]


def facts(verdict: Verdict) -> dict:
    return {name: value for name, value in verdict.to_json().items() if name != "timing_s"}


def test_verdicts_come_in_order_and_a_file_that_fails_costs_only_itself(inputs, scanner, tmp_path):
    verdicts = run(inputs, scanner, tmp_path)
    assert [Path(verdict.input.path).name for verdict in verdicts] == [source.relative.name for source in inputs]
    assert [verdict.status for verdict in verdicts] == ["ok", "undecodable", "ok", "no_face"]
    stored = [json.loads((tmp_path / f"{source.relative}.json").read_text()) for source in inputs]
    assert stored == [verdict.to_json() for verdict in verdicts]


def test_a_second_run_scans_only_what_changed(inputs, scanner, tmp_path, scanned):
    before = run(inputs, scanner, tmp_path)
    scanned.clear()
    again = run(inputs, scanner, tmp_path)
    assert scanned == []
    assert [facts(verdict) for verdict in again] == [facts(verdict) for verdict in before]
    run(inputs[2:], scanner, tmp_path, overwrite=True)
    assert sorted(scanned) == ["no_face.mp4", "real.mp4"]


def test_what_failed_is_tried_again_when_asked_for_or_when_it_may_be_different(inputs, scanner, tmp_path, scanned):
    run(inputs[1:3], scanner, tmp_path)
    scanned.clear()
    run(inputs[1:3], scanner, tmp_path, retry_failed=True)
    assert scanned == ["damaged.mp4"]
    scanned.clear()
    with ScannerProcesses(replace(SETTINGS, limits=Limits(timeout_s=500.0))) as other:
        run(inputs[1:3], other, tmp_path)
    assert scanned == ["damaged.mp4"], "it may have failed for its limits; what was scanned did not depend on them"


def test_what_could_not_be_got_at_is_tried_again(inputs, scanner, tmp_path, scanned):
    missing = Input(tmp_path / "clip.mp4", Path("clip.mp4"))
    assert [verdict.status for verdict in run([missing], scanner, tmp_path / "out")] == ["error"]
    shutil.copy(inputs[2].path, missing.path)
    assert [verdict.status for verdict in run([missing], scanner, tmp_path / "out")] == ["ok"]
    missing.path.unlink()
    assert [verdict.status for verdict in run([missing], scanner, tmp_path / "out")] == ["error"]


@pytest.mark.parametrize("change", ["bytes", "time", "result removed", "ledger removed"])
def test_what_tells_that_a_result_is_of_the_file(inputs, scanner, tmp_path, scanned, change):
    clip, out = tmp_path / "clip.mp4", tmp_path / "out"
    shutil.copy(inputs[2].path, clip)
    before = run([Input(clip, Path("clip.mp4"))], scanner, out)
    scanned.clear()
    if change == "bytes":
        shutil.copy(inputs[3].path, clip)
    elif change == "time":
        os.utime(clip, (0, 0))
    elif change == "result removed":
        (out / "clip.mp4.json").unlink()
    else:
        (out / LEDGER).unlink()
    again = run([Input(clip, Path("clip.mp4"))], scanner, out)
    assert scanned == (["clip.mp4"] if change in ("bytes", "result removed") else [])
    assert again[0].status == ("no_face" if change == "bytes" else before[0].status)
    assert again[0].input.sha256 == file_sha256(clip)
    scanned.clear()
    run([Input(clip, Path("clip.mp4"))], scanner, out)
    assert not scanned


def test_bytes_that_changed_under_an_equal_size_and_time_are_met_by_verify(inputs, scanner, tmp_path, scanned):
    clip, out = Input(tmp_path / "clip.mp4", Path("clip.mp4")), tmp_path / "out"
    shutil.copy(inputs[2].path, clip.path)
    run([clip], scanner, out)
    status = clip.path.stat()
    with clip.path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"x")
    os.utime(clip.path, ns=(status.st_atime_ns, status.st_mtime_ns))
    scanned.clear()
    run([clip], scanner, out)
    assert not scanned
    run([clip], scanner, out, verify=True)
    assert scanned == ["clip.mp4"]
    scanned.clear()
    run([clip], scanner, out, verify=True)
    assert not scanned, "its bytes are those that were scanned"


def test_equal_bytes_are_scanned_once_and_reported_for_each_path(inputs, scanner, tmp_path, scanned):
    copies = [tmp_path / name for name in ("first.mp4", "second.mp4", "sub/third.mp4")]
    for copy in copies:
        copy.parent.mkdir(exist_ok=True)
        shutil.copy(inputs[2].path, copy)
    other = tmp_path / "other.mp4"  # of the same size
    other.write_bytes(copies[0].read_bytes()[:-1] + b"x")
    sources = [Input(path, path.relative_to(tmp_path)) for path in (*copies, other)]
    verdicts = run(sources, scanner, tmp_path / "out")
    # Which of the equal ones comes first is for the threads to settle.
    assert len(scanned) == 2 and "other.mp4" in scanned
    assert [verdict.input.path for verdict in verdicts] == [str(path) for path in (*copies, other)]
    first, *others = [facts(verdict) for verdict in verdicts[:3]]
    for each in others:
        assert {**each, "input": {**each["input"], "path": first["input"]["path"]}} == first
    for path in copies:
        document = json.loads((tmp_path / f"out/{path.relative_to(tmp_path)}.json").read_text())
        assert document["input"]["path"] == str(path)
    scanned.clear()
    run(sources, scanner, tmp_path / "out")
    assert not scanned


@pytest.mark.parametrize("attempts", [1, 2])
def test_a_file_that_ended_the_program_twice_is_left_alone(inputs, scanner, tmp_path, scanned, attempts):
    """The ledger is as such a program leaves it."""
    with Output(tmp_path) as output:
        output.expect(inputs[2:3])
    ledger = Ledger(tmp_path)
    for _ in range(attempts):
        ledger.begin(inputs[2])
    ledger.close()
    (verdict,) = run(inputs[2:3], scanner, tmp_path)
    if attempts < 2:
        assert verdict.status == "ok" and scanned
        return
    assert verdict.status == "error" and "ended the whole program twice" in verdict.message and not scanned
    assert run(inputs[2:3], scanner, tmp_path)[0].message == verdict.message
    assert not scanned
    assert run(inputs[2:3], scanner, tmp_path, retry_failed=True)[0].status == "ok"


def test_results_without_logits_are_kept_unless_logits_are_needed(inputs, scanner, tmp_path, scanned):
    run(inputs[2:3], scanner, tmp_path)
    (tmp_path / LEDGER).unlink()
    file = tmp_path / "real.mp4.json"
    document = json.loads(file.read_text()) | {"schema": "facewitness/verdict/1"}
    for seen in (seen for track in document["tracks"] for seen in track["observations"]):
        del seen["logits"]
    file.write_text(json.dumps(document))
    scanned.clear()
    for _ in range(2):
        (kept,) = run(inputs[2:3], scanner, tmp_path)
        assert not scanned and kept.tracks[0].track.observations[0].logits is None
    (new,) = run(inputs[2:3], scanner, tmp_path, needs_logits=True)
    assert scanned == ["real.mp4"] and new.tracks[0].track.observations[0].logits is not None


def test_several_processes_give_the_same(inputs, scanner, tmp_path):
    alone = run(inputs, scanner, tmp_path / "alone")
    with ScannerProcesses(SETTINGS, 2) as both:
        together = run(inputs, both, tmp_path / "together")
    assert [facts(verdict) for verdict in together] == [facts(verdict) for verdict in alone]


def test_the_processes_scan_as_a_scanner_in_this_one_does(inputs, scanner):
    own = SETTINGS.scanner()
    expected = [facts(own.scan(source.path)) for source in inputs]
    assert [facts(verdict) for verdict in run(inputs, scanner, None)] == expected


def test_a_file_is_not_to_blame_for_a_scanner_that_is_lost(inputs, scanner, tmp_path, monkeypatch):
    def lose(self: ScannerProcesses, source: Input) -> Verdict:
        raise ConnectionError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(ScannerProcesses, "scan", lose)
        patch.setattr(ScannerProcesses, "stop", lambda self: None)
        with pytest.raises(ConnectionError, match="gone"):
            run(inputs[2:3], scanner, tmp_path)
    ledger = Ledger(tmp_path)
    entry = ledger.entry(inputs[2])
    ledger.close()
    assert (entry.state, entry.attempts) == ("waiting", 0)


@pytest.mark.parametrize("workers", [1, 2])
def test_what_was_finished_when_a_run_stops_is_kept(inputs, tmp_path, workers):
    many = []
    for number, source in enumerate(inputs * 6):
        many.append(Input(tmp_path / f"{number}-{source.relative}", Path(f"{number}-{source.relative}")))
        # So that no two have equal bytes.
        many[-1].path.write_bytes(source.path.read_bytes() + bytes(number))
    out = tmp_path / "out"
    with Output(out) as output, ScannerProcesses(SETTINGS, workers) as scanner:
        output.expect(many)
        finished = scan_batch(output, scanner)
        first = next(finished).verdict
        finished.close()
    written = [json.loads(file.read_text()) for file in out.glob("*.json")]
    assert first.to_json() in written
    assert len(written) < len(many)
    assert all(document["status"] != "error" for document in written), "what was broken off is no result"
    ledger = Ledger(out)
    assert not ledger.run().running and ledger.run().done >= 1
    ledger.close()


def test_a_script_that_does_its_work_as_it_is_imported_may_scan(inputs, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import sys; from pathlib import Path\n"
        "from tests.pipeline.batch.test_scan_batch import SETTINGS, Input, Output, ScannerProcesses, scan_batch\n"
        "with Output(None) as output, ScannerProcesses(SETTINGS) as scanner:\n"
        "    output.expect([Input(Path(sys.argv[1]), Path('clip'))])\n"
        "    print([finished.summary.status for finished in scan_batch(output, scanner)])\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(SAMPLES.parent)}
    run = subprocess.run([sys.executable, script, inputs[2].path], env=environment, capture_output=True, text=True)
    assert run.stdout == "['ok']\n", run.stderr
