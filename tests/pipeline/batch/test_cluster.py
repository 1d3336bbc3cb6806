"""Scanning on a cluster of Ray, here of this machine alone."""

from __future__ import annotations

import contextlib
import importlib.util
import ipaddress
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import threading
import time
import types
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from classifiers.extras import install_command
from pipeline.batch.batch_scanner import ScannerSettings
from pipeline.batch.cluster import ClusterError, ClusterScanner
from pipeline.batch.cluster_node import NodeScanner
from pipeline.batch.output import Output
from pipeline.batch.scan_batch import scan_batch
from pipeline.batch.scanner_processes import ScannerProcesses
from pipeline.cli import main
from pipeline.media.sampling import SamplingPlan
from pipeline.results.input import Input
from pipeline.results.verdict import Verdict
from tests.pipeline.batch.servers import WebServer

SAMPLES = Path(__file__).parents[3] / "sample_videos"
SETTINGS = ScannerSettings(None, "auto", "mtcnn", SamplingPlan.spread(3))


@pytest.fixture(scope="module")
def token() -> Iterator[None]:
    """Ray is installed, and what a test starts is for that test alone."""
    if importlib.util.find_spec("ray") is None:
        pytest.skip("Ray is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ADDRESS", "local")
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
        yield


@pytest.fixture(scope="module")
def machines(token: None) -> Iterator[Any]:
    """A cluster of one machine of one core, which others may join and ask."""
    from ray.cluster_utils import Cluster

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    head = {"num_cpus": 1, "include_dashboard": False, "ray_client_server_port": port}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("RAY_ADDRESS", cluster.address)
            cluster.client_address = f"ray://{cluster.address.rpartition(':')[0]}:{port}"
            yield cluster
    finally:
        cluster.shutdown()


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> list[Input]:
    """Videos of which no two have equal bytes, and one that cannot be read."""
    folder = tmp_path_factory.mktemp("inputs")
    sources = []
    for number in range(5):
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
        with contextlib.suppress(psutil.Error):
            if process.cmdline()[:1] and process.cmdline()[0].startswith("ray::NodeScanner"):
                yield process


def run(inputs: Sequence[Input]) -> list[Verdict]:
    with ClusterScanner(SETTINGS) as scanner, Output(None) as output:
        output.expect(inputs)
        return [finished.verdict for finished in scan_batch(output, scanner)]


def documents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.glob("[!.]*.json")}


def untimed(found: dict[str, str]) -> dict[str, dict]:
    return {name: {**json.loads(text), "timing_s": None} for name, text in found.items()}


def listening(processes: Iterable[psutil.Process]) -> set[str]:
    """Give the addresses at which processes can be reached."""
    found = set()
    for process in processes:
        with contextlib.suppress(psutil.Error):
            connections = process.net_connections("inet")
            found |= {each.laddr.ip for each in connections if each.status == psutil.CONN_LISTEN}
    return found


@pytest.mark.slow
@pytest.mark.usefixtures("token")
@pytest.mark.skipif(sys.platform != "linux", reason="only there processes end with the one that started them")
def test_a_cluster_of_this_machine_changes_nothing_even_if_the_command_is_killed(inputs, tmp_path, capfd):
    web = WebServer()
    web.files["/plain/clip.mp4"] = (SAMPLES / "rotated.mp4").read_bytes()
    sources = [str(inputs[0].path.parent), str(tmp_path / "missing.mp4"), f"{web.address}/plain/clip.mp4"]
    here, there = tmp_path / "here", tmp_path / "there"
    assert main(["scan", *sources, "--frames", "3", "-o", str(here)]) == 1
    plain = capfd.readouterr()
    options = ["--frames", "3", "-o", str(there), "--cluster", "auto", "--workers", "2"]
    command = [sys.executable, "-m", "facewitness", "scan", *sources, *options]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    paths = os.pathsep.join((str(SAMPLES.parent / "scripts"), str(SAMPLES.parent)))
    environment = {**kept, "PYTHONPATH": paths, "HOME": str(tmp_path), "RAY_ADDRESS": "local"}

    killed = psutil.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not documents(there) and killed.poll() is None:
        time.sleep(0.05)
    started = killed.children(recursive=True)
    addresses = listening([killed, *started])
    killed.kill()
    killed.wait()
    assert addresses and all(ipaddress.ip_address(each.removeprefix("::ffff:")).is_loopback for each in addresses)
    assert not psutil.wait_procs(started, 10)[1], "all of it goes with the command"
    before = documents(there)
    assert 0 < len(before) < len(inputs) + 2

    again = subprocess.run(command, env=environment, capture_output=True, text=True)
    web.close()
    assert again.returncode == 1
    assert again.stderr == plain.err, "Ray says nothing"
    assert len(again.stdout.splitlines()) == len(plain.out.splitlines())
    after = documents(there)
    assert len(after) == len(inputs) + 2
    assert untimed(after) == untimed(documents(here))
    assert all(after[name] == text for name, text in before.items() if json.loads(text)["status"] != "error")
    assert not (tmp_path / ".ray").exists()


@pytest.mark.slow
def test_what_is_lost_costs_no_file(machines, inputs, expected, tmp_path, capfd):
    """First a process is killed, then a machine, or what Ray takes for one, goes away with its own."""
    lost = machines.add_node(num_cpus=1)
    verdicts: list[Verdict] = []
    with ClusterScanner(SETTINGS) as scanner, Output(tmp_path / "out") as output:
        assert scanner.at_a_time == 4
        output.expect(inputs)
        for finished in scan_batch(output, scanner):
            if not verdicts:
                victim = next(processes_on_nodes())
                victim.kill()
            if len(verdicts) == 4:
                machines.remove_node(lost, allow_graceful=False)
            verdicts.append(finished.verdict)
    assert not victim.is_running()
    assert [facts(verdict) for verdict in verdicts] == expected
    assert capfd.readouterr().out == "", "results may go there"


@pytest.mark.slow
@pytest.mark.usefixtures("machines")
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
        outcome = run([*inputs[:2], deadly, *inputs[2:4]])
    finally:
        ended.set()
        killer.join()
    assert len(set(killed)) == 2, "it is scanned alone after the first time"
    assert [facts(verdict) for verdict in outcome[:2] + outcome[3:]] == expected[:4]
    assert outcome[2].status == "error" and "was killed" in outcome[2].message


def open_files(pid: int) -> list[str]:
    try:
        return [str(each.readlink()) for each in Path(f"/proc/{pid}/fd").iterdir()]
    except OSError:
        return []


@pytest.mark.slow
def test_a_machine_outside_of_the_cluster_may_ask(machines, inputs, expected):
    with ClusterScanner(SETTINGS, machines.client_address) as scanner, Output(None) as output:
        output.expect(inputs[:4])
        verdicts = [finished.verdict for finished in scan_batch(output, scanner)]
    assert [facts(verdict) for verdict in verdicts] == expected[:4]


@pytest.mark.slow
@pytest.mark.usefixtures("machines")
def test_what_is_wrong_with_the_model_is_told_as_without_a_cluster():
    with pytest.raises(Exception) as here, ScannerProcesses(ScannerSettings("none", "auto", "mtcnn", SETTINGS.plan)):
        pass
    with pytest.raises(type(here.value)) as there:
        ClusterScanner(ScannerSettings("none", "auto", "mtcnn", SETTINGS.plan))
    assert str(there.value) == str(here.value)


@pytest.mark.slow
@pytest.mark.usefixtures("machines")
def test_a_machine_with_another_version_is_refused(monkeypatch):
    """The processes of Ray read the version from the files, so it is this one's that is changed."""
    monkeypatch.setattr("pipeline.results.parts.Tool.__init__.__defaults__", ("facewitness", "0.0.9"))
    with pytest.raises(ClusterError, match=r"has facewitness \d.*, this one facewitness 0\.0\.9: install the same"):
        ClusterScanner(SETTINGS)


@pytest.mark.slow
@pytest.mark.usefixtures("machines")
def test_a_machine_that_lacks_the_program_is_refused(monkeypatch):
    """What it lacks here is the module of what runs there."""
    module = types.ModuleType("only_here")
    module.NodeScanner = type("NodeScanner", (NodeScanner,), {"__module__": "only_here"})
    monkeypatch.setitem(sys.modules, "only_here", module)
    monkeypatch.setattr("pipeline.batch.cluster.NodeScanner", module.NodeScanner)
    with pytest.raises(ClusterError, match=r"cannot import facewitness \d.*: install it on all"):
        ClusterScanner(SETTINGS)


def test_without_ray_a_sentence_says_how_to_get_it(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main(["scan", str(SAMPLES / "real.mp4"), "--cluster", "auto"]) == 2
    needed = f"scanning on a cluster needs Ray; install it with: {install_command('cluster')}"
    assert capsys.readouterr().err == f"facewitness scan: {needed}\n"


@pytest.mark.parametrize("address", ["head:6379", "ray://", "ray://head", "ray://head:99999", ""])
def test_an_address_that_is_none_is_refused(address, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["scan", str(SAMPLES), "--cluster", address])
    assert ended.value.code == 2
    assert f"{address!r} is neither auto nor an address" in capsys.readouterr().err


@pytest.mark.usefixtures("token")
@pytest.mark.parametrize("address", ["auto", "ray://{}"])
def test_an_address_where_no_cluster_listens_is_told(monkeypatch, capsys, address):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        there = f"127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setenv("RAY_ADDRESS", there)
        assert main(["scan", str(SAMPLES / "real.mp4"), "--cluster", address.format(there)]) == 2
    named = there if address == "auto" else address.format(there)
    told = capsys.readouterr().err
    assert told.startswith(f"facewitness scan: cannot join the cluster at {named} (")
    assert "refused" in told and told.count("\n") == 1
