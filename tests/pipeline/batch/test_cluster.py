"""Scanning on a cluster of Ray, here of this machine alone."""

from __future__ import annotations

import importlib.util
import json
import secrets
import shutil
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil
import pytest

from classifiers.extras import install_command
from pipeline.batch.batch_scanner import ScannerSettings
from pipeline.batch.cluster import ClusterError, ClusterScanner
from pipeline.batch.output import Output
from pipeline.batch.scan_batch import scan_batch
from pipeline.batch.scanner_processes import ScannerProcesses
from pipeline.cli import main
from pipeline.media.sampling import SamplingPlan
from pipeline.results.input import Input
from pipeline.results.verdict import Verdict

SAMPLES = Path(__file__).parents[3] / "sample_videos"
SETTINGS = ScannerSettings(None, "auto", "mtcnn", SamplingPlan.spread(3))


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Ray is installed, and no cluster is there that a test would join."""
    if importlib.util.find_spec("ray") is None:
        pytest.skip("Ray is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ADDRESS", "local")
        # Else Ray would keep a token in the home folder.
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
        yield


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> list[Input]:
    """Videos of which no two have equal bytes, and one that cannot be read."""
    folder = tmp_path_factory.mktemp("inputs")
    sources = []
    for number in range(8):
        for name in ("real.mp4", "no_face.mp4"):
            source = Input(folder / f"{number}-{name}", Path(f"{number}-{name}"))
            source.path.write_bytes((SAMPLES / name).read_bytes() + bytes(number))
            sources.append(source)
    damaged = Input(folder / "damaged.mp4", Path("damaged.mp4"))
    damaged.path.write_bytes((SAMPLES / "real.mp4").read_bytes()[:900])
    return [*sources[:3], damaged, *sources[3:]]


@pytest.fixture(scope="module")
def expected(inputs: list[Input]) -> list[dict]:
    """What a scan on this machine gives."""
    with ScannerProcesses(SETTINGS, 1) as scanner, Output(None) as output:
        output.expect(inputs)
        return [facts(finished.verdict) for finished in scan_batch(output, scanner)]


def facts(verdict: Verdict) -> dict:
    return {name: value for name, value in verdict.to_json().items() if name != "timing_s"}


def processes_on_nodes() -> Iterator[psutil.Process]:
    for process in psutil.Process().children(recursive=True):
        try:
            if process.cmdline()[:1] and process.cmdline()[0].startswith("ray::NodeScanner"):
                yield process
        except psutil.Error:
            continue


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_the_command_gives_what_it_gives_without_a_cluster(inputs, tmp_path, capfd):
    folder = inputs[0].path.parent
    arguments = ["scan", str(folder), str(folder / "missing.mp4"), "--frames", "3", "-o"]
    assert main([*arguments, str(tmp_path / "plain")]) == 1
    plain = capfd.readouterr()
    assert main([*arguments, str(tmp_path / "cluster"), "--cluster", "auto", "--workers", "2"]) == 1
    printed = capfd.readouterr()
    assert printed.err == plain.err, "Ray says nothing"
    assert len(printed.out.splitlines()) == len(plain.out.splitlines())
    results = sorted(path.name for path in (tmp_path / "plain").glob("*.json"))
    assert len(results) == len(inputs) + 1
    for name in results:
        there, here = (json.loads((tmp_path / each / name).read_text()) for each in ("cluster", "plain"))
        assert {**there, "timing_s": None} == {**here, "timing_s": None}


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize("workers", [1, 2])
def test_a_process_that_is_killed_changes_nothing(inputs, expected, workers, tmp_path, capfd):
    verdicts: list[Verdict] = []
    with ClusterScanner(SETTINGS, workers=workers) as scanner, Output(tmp_path / "out") as output:
        output.expect(inputs)
        for finished in scan_batch(output, scanner):
            if not verdicts:
                victim = next(processes_on_nodes())
                victim.kill()
            verdicts.append(finished.verdict)
    assert not victim.is_running()
    assert [facts(verdict) for verdict in verdicts] == expected
    assert capfd.readouterr().out == "", "results may go there"


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
@pytest.mark.skipif(sys.platform != "linux", reason="only there it can be seen who has a file open")
def test_a_file_that_kills_its_process_costs_no_other(inputs, expected, tmp_path):
    """What kills it here is a thread that looks for whoever has the file open."""
    deadly = Input(tmp_path / "deadly.mp4", Path("deadly.mp4"))
    shutil.copy(SAMPLES / "two_people.mp4", deadly.path)
    ended, killed = threading.Event(), []

    def kill() -> None:
        while not ended.wait(0.005):
            for process in processes_on_nodes():
                if str(deadly.path) in open_files(process.pid):
                    process.kill()
                    killed.append(process.pid)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        outcome = run([*inputs[:4], deadly, *inputs[4:8]])
    finally:
        ended.set()
        killer.join()
    assert len(set(killed)) == 2, "it is scanned alone after the first time"
    assert [facts(verdict) for verdict in outcome[:4] + outcome[5:]] == expected[:8]
    assert outcome[4].status == "error" and "was killed" in outcome[4].message


def open_files(pid: int) -> list[str]:
    try:
        return [str(each.readlink()) for each in Path(f"/proc/{pid}/fd").iterdir()]
    except OSError:
        return []


def run(inputs: Sequence[Input]) -> list[Verdict]:
    with ClusterScanner(SETTINGS) as scanner, Output(None) as output:
        output.expect(inputs)
        return [finished.verdict for finished in scan_batch(output, scanner)]


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_a_machine_that_is_lost_costs_no_file(inputs, expected, monkeypatch):
    """Each machine is one that Ray takes for one."""
    from ray.cluster_utils import Cluster

    machines = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        lost = machines.add_node(num_cpus=1)
        machines.add_node(num_cpus=1)
        monkeypatch.setenv("RAY_ADDRESS", machines.address)
        verdicts: list[Verdict] = []
        with ClusterScanner(SETTINGS) as scanner, Output(None) as output:
            assert scanner.at_a_time == 4
            output.expect(inputs)
            for finished in scan_batch(output, scanner):
                if not verdicts:
                    machines.remove_node(lost, allow_graceful=False)
                verdicts.append(finished.verdict)
    finally:
        machines.shutdown()
    assert [facts(verdict) for verdict in verdicts] == expected


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_what_is_wrong_with_the_model_is_told_as_without_a_cluster():
    with pytest.raises(Exception) as here, ScannerProcesses(ScannerSettings("none", "auto", "mtcnn", SETTINGS.plan)):
        pass
    with pytest.raises(type(here.value)) as there:
        ClusterScanner(ScannerSettings("none", "auto", "mtcnn", SETTINGS.plan))
    assert str(there.value) == str(here.value)


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_a_machine_with_another_version_is_refused(monkeypatch):
    """The processes of Ray read the version from the files, so it is this one's that is changed."""
    monkeypatch.setattr("pipeline.results.parts.Tool.__init__.__defaults__", ("facewitness", "0.0.9"))
    with pytest.raises(ClusterError, match=r"has facewitness \d.*, this one facewitness 0\.0\.9: install the same"):
        ClusterScanner(SETTINGS)


def test_without_ray_a_sentence_says_how_to_get_it(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main(["scan", str(SAMPLES / "real.mp4"), "--cluster", "auto"]) == 2
    needed = f"scanning on a cluster needs Ray; install it with: {install_command('cluster')}"
    assert capsys.readouterr().err == f"facewitness scan: {needed}\n"


def test_an_address_that_is_none_is_refused(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["scan", str(SAMPLES), "--cluster", "head:6379"])
    assert ended.value.code == 2
    assert "'head:6379' is neither auto nor an address" in capsys.readouterr().err
