"""The benchmark measures what it says: all processes, the same frames, the same clips each time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.media import open_frames, probe
from pipeline.media.sampling import SamplingPlan

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))

from benchmarks.clips import ClipSpec, make_clips
from benchmarks.figure import draw
from benchmarks.instructions import find_counter
from benchmarks.processes import Cost, MeasurementError, run_command, run_workload
from benchmarks.results import Results, floor_cpu_s
from benchmarks.subjects import Row

SCRIPT = Path(__file__).parents[1] / "scripts" / "benchmark.py"
_BURN = "import time\nwhile time.process_time() < 0.5: pass\n"


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clips([ClipSpec(width=320, height=180, seconds=1)], tmp_path_factory.mktemp("clips"))[0]


def _row(subject: str, cpu_s: float, result: dict | None = None, scenario: str = "warm") -> Row:
    costs = tuple(Cost(cpu_s * factor, 0.0, cpu_s, 100.0, result or {}) for factor in (2, 1, 9))
    return Row(scenario, "2 clips", 32, subject, 2, costs)


def _verdicts(*pairs: tuple[str, float]) -> dict:
    verdicts = [{"file": f"{n}", "status": "ok", "verdict": v, "score": s} for n, (v, s) in enumerate(pairs)]
    return {"precision": "f32", "verdicts": verdicts, "frames": 64, "crops": 64, "stages_wall_s": {"decode": 1.0}}


class TestClips:
    def test_a_clip_has_the_asked_form_and_sound(self, head: Path):
        media = probe(head)
        assert (media.width, media.height, media.frame_count, media.has_audio) == (320, 180, 30, True)

    def test_the_same_seed_makes_the_same_clip_and_another_one_another(self, head: Path, tmp_path: Path):
        same, other = make_clips([ClipSpec(seed, width=320, height=180, seconds=1) for seed in (0, 1)], tmp_path)
        assert same.read_bytes() == head.read_bytes()
        assert other.read_bytes() != head.read_bytes()

    def test_a_repeated_clip_is_as_much_longer(self, tmp_path: Path):
        long = make_clips([ClipSpec(width=320, height=180, seconds=1, loops=3)], tmp_path)[0]
        assert probe(long).frame_count == 90

    def test_people_move_and_are_as_many_as_asked_for(self, tmp_path: Path):
        from extractors import create_detector

        clip = make_clips([ClipSpec(width=960, height=360, seconds=1, faces=3)], tmp_path)[0]
        with open_frames(probe(clip), SamplingPlan.spread(2)) as reader:
            first, last = (frame.image for frame in reader)
        assert [len(faces) for faces in create_detector("mtcnn").detect([first, last])] == [3, 3]
        assert np.abs(first.astype(int) - last).mean() > 2


class TestProcesses:
    def test_a_command_costs_what_its_children_cost_too(self):
        child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {_BURN!r}])"
        cost = run_command([sys.executable, "-c", child])
        assert 0.5 <= cost.cpu_s < 5

    def test_memory_is_that_of_all_processes(self):
        hold = "import time; block = b'x' * (100 << 20); time.sleep(1)"
        child = f"import subprocess, sys; block = b'x' * (100 << 20); subprocess.run([sys.executable, '-c', {hold!r}])"
        assert 200 < run_command([sys.executable, "-c", child]).peak_mib < 300

    def test_a_command_that_fails_says_why(self):
        with pytest.raises(MeasurementError, match="status 3: no such clip"):
            run_command([sys.executable, "-c", "import sys; print('no such clip', file=sys.stderr); sys.exit(3)"])

    def test_a_scan_tells_its_decoder_from_the_rest_and_what_it_saw(self, head: Path):
        job = {"paths": [str(head)]}
        cost, again = run_workload("scan", {"frames": 4}, job, [job, job])
        assert 0 < cost.children_cpu_s < cost.cpu_s
        assert cost.peak_mib > 50
        assert cost.outcome["frames"] == 4
        assert cost.outcome["crops"] == 4
        assert cost.outcome["verdicts"] == again.outcome["verdicts"]
        assert cost.outcome["verdicts"][0]["status"] == "ok"

    def test_a_workload_that_fails_says_why(self):
        with pytest.raises(MeasurementError, match=r"nothing\.mp4"):
            run_workload("read_frames", {"frames": 4}, {"paths": ["nothing.mp4"]}, [])

    def test_instructions_are_those_of_the_work_and_of_children(self):
        try:
            counter = find_counter()
        except MeasurementError as error:
            pytest.skip(str(error))
        # The very same command alone and as a child, in an empty environment: what a shell spends on a loop follows
        # from what stands around it.
        shell = ["env", "-i", "sh", "-c"]
        none, loop = "exit 0", "i=0; while [ $i -lt 10000 ]; do i=$((i+1)); done; exit 0"
        own, childs = (
            counter.count([*shell, form.format(loop)], {}, "") - counter.count([*shell, form.format(none)], {}, "")
            for form in ("{}", "sh -c '{}'; exit 0")
        )
        assert own > 100_000
        assert childs == pytest.approx(own, rel=0.1)


@pytest.mark.slow
def test_the_usual_stack_scores_the_faces_of_the_frames_it_is_given(head: Path):
    job = {"wanted": {str(head): [1, 4, 9]}}
    cost = run_workload("usual_stack", {}, job, [job])[0]
    assert cost.outcome["crops"] == 3


class TestResults:
    def test_ratios_and_agreement_follow_from_medians(self):
        full = _verdicts(("likely_real", 0.1), ("likely_fake", 0.9))
        fewer = _verdicts(("likely_real", 0.1), ("inconclusive", 0.7))
        rows = [_row("scan", 1.5, full), _row("adaptive", 1.0, fewer)]
        rows += [_row("decode", 0.75), _row("classify", 0.25), _row("usual", 20)]
        ratios = dict(Results({}, 3, rows).ratios())
        assert floor_cpu_s(rows) == 1.0
        assert ratios["warm: scan / floor, CPU"] == 1.5
        assert ratios["warm: usual stack / adaptive scan, CPU"] == 20
        assert ratios["warm: adaptive against full sampling, share of equal verdicts"] == 0.5
        assert ratios["warm: adaptive against full sampling, mean absolute difference of scores"] == pytest.approx(0.1)

    def test_what_was_written_is_read_and_compared(self, tmp_path: Path):
        before = Results({"cores": 2}, 3, [_row("scan", 3.0, _verdicts(("likely_real", 0.1)))], {"warm scan": 400})
        before.write(tmp_path / "before.json")
        now = Results({"cores": 2}, 3, [_row("scan", 1.5, _verdicts(("likely_real", 0.2)))], {"warm scan": 100})
        now.machine["counter"] = "perf"
        table = now.table(Results.read(tmp_path / "before.json"))
        assert "0.50x" in table
        assert "0.2500 x what it was" in table
        assert "mean absolute difference of scores 0.1" in table

    def test_another_file_is_no_result(self, tmp_path: Path):
        (tmp_path / "other.json").write_text("{}")
        with pytest.raises(ValueError, match="no result of this benchmark"):
            Results.read(tmp_path / "other.json")

    def test_the_figure_needs_something_to_show(self, tmp_path: Path):
        machine = {"processor": "a processor", "cores": 2}
        rows = [_row(name, 1.0, {"precision": "f32"}) for name in ("usual", "scan", "decode", "classify")]
        assert not draw(Results(machine, 3, [_row("scan", 1.0, scenario="length")]), tmp_path / "figure.png")
        assert draw(Results(machine, 3, rows), tmp_path / "figure.png")
        assert (tmp_path / "figure.png").stat().st_size > 10_000


@pytest.mark.slow
def test_one_command_measures_compares_and_draws(tmp_path: Path):
    command = [sys.executable, str(SCRIPT), "--quick", "--scenarios", "warm", "--out", str(tmp_path)]
    table = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    data = json.loads((tmp_path / "benchmark.json").read_text())
    costs = {row["subject"]: row["cpu_s_per_clip"] for row in data["rows"]}
    assert costs.keys() == {"scan", "adaptive", "command", "decode", "classify", "read", "usual"}
    # By far, on any machine and however busy it is.
    assert costs["usual"] > costs["scan"] > costs["read"] > 0
    assert data["ratios"]["warm: usual stack / scan, CPU"] == pytest.approx(costs["usual"] / costs["scan"])
    assert "usual stack" in table
    assert (tmp_path / "benchmark.png").exists()
