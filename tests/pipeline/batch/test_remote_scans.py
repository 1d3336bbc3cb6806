"""Scans of what lies on servers of this machine: as of a file here, once only, and nothing secret is written."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.batch.batch_scanner import ScannerSettings
from pipeline.batch.folders import LeftOut
from pipeline.batch.inputs import expand_inputs
from pipeline.batch.ledger import LEDGER
from pipeline.batch.output import Output
from pipeline.batch.scan_batch import Reuse, scan_batch
from pipeline.batch.scanner_processes import ScannerProcesses
from pipeline.cli import main
from pipeline.media.limits import Limits
from pipeline.media.sampling import SamplingPlan
from pipeline.media.types import display_path
from pipeline.results.verdict import Verdict
from tests.pipeline.batch.servers import WebServer, texts_below, web_server

pytest.importorskip("fsspec")
pytest.importorskip("aiohttp")

SAMPLES = Path(__file__).parents[3] / "sample_videos"
REAL, NO_FACE = (SAMPLES / f"{name}.mp4" for name in ("real", "no_face"))
KEYS = (
    "clips/b.mp4", "clips/a.MOV", "clips/day 2/c.mp4", "clips/day 2/deep/d.png", "clips/.hidden.mp4",
    "clips/.hidden/e.mp4", "clips/notes.txt", "clips/sound.mp3", "clips/no ending", "clips/a.mp4.annotated.mp4",
    "clips/a.heatmaps/f.png", "clips/@eaDir/g.png", "clips//twice.mp4", "clips2/h.mp4", "empty/notes.txt",
)  # fmt: skip


@pytest.fixture(scope="module")
def environment() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("no_proxy", "127.0.0.1")
        yield patch


@pytest.fixture(scope="module")
def store(environment: pytest.MonkeyPatch) -> Iterator[Any]:
    """A bucket, and in `asked` what was asked of its server."""
    pytest.importorskip("s3fs")
    server_module = pytest.importorskip("moto.server")
    import boto3

    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_ACCESS_KEY_ID": "who", "AWS_SECRET_ACCESS_KEY": "geheim",
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
    }.items():  # fmt: skip
        environment.setenv(name, value)
    client = boto3.client("s3")
    client.create_bucket(Bucket="bucket")
    for key in ("clips/", "clips/day 2/"):  # which stores write whose users make folders by hand
        client.put_object(Bucket="bucket", Key=key, Body=b"")
    for key in KEYS:
        client.put_object(Bucket="bucket", Key=key, Body=NO_FACE.read_bytes())
    yield client
    server.stop()


@pytest.fixture(scope="module")
def scanner(environment: pytest.MonkeyPatch, store: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    environment.setenv("TMPDIR", str(tmp_path_factory.mktemp("temporary")))
    settings = ScannerSettings(None, "auto", "mtcnn", SamplingPlan.spread(3), most_fetched_bytes=1 << 20)
    with ScannerProcesses(settings, 1) as scanner:
        yield scanner


@pytest.fixture
def web() -> Iterator[WebServer]:
    with web_server() as server:
        for kind in ("plain", "signed", "locked", "untagged", "cut", "slow"):
            server.files[f"/{kind}/clip.mp4"] = REAL.read_bytes()
        server.files["/plain/damaged.mp4"] = REAL.read_bytes()[:900]
        server.files["/plain/page.html"] = b"<html>"
        server.files["/plain/empty.mp4"] = b""
        yield server


def scan(scanner: ScannerProcesses, folder: Path | None, *arguments: str, **reuse: bool) -> list[Verdict]:
    with Output(folder) as output:
        output.expect(expand_inputs(arguments))
        return [finished.verdict for finished in scan_batch(output, scanner, Reuse(**reuse))]


def facts(verdict: Verdict) -> dict[str, Any]:
    document = verdict.to_json()
    document["input"].pop("path")
    document.pop("timing_s")
    return document


def test_the_result_is_that_of_the_same_file_here(scanner, web, store, tmp_path):
    store.put_object(Bucket="bucket", Key="real.mp4", Body=REAL.read_bytes())
    here, over_http, in_store = scan(
        scanner, tmp_path / "out", str(REAL), f"{web.address}/plain/clip.mp4", "s3://bucket/real.mp4"
    )
    assert here.status == "ok"
    assert facts(over_http) == facts(here) and facts(in_store) == facts(here)
    assert over_http.input.path == f"{web.address}/plain/clip.mp4" and in_store.input.path == "s3://bucket/real.mp4"
    assert 0 < over_http.timing_s["fetch"] < over_http.timing_s["total"]


def test_sentences_name_the_address_and_no_copy_stays(scanner, web, tmp_path):
    names = ("damaged.mp4", "page.html", "empty.mp4")
    verdicts = scan(scanner, None, *(f"{web.address}/plain/{name}" for name in names), f"{web.address}/404/x.mp4")
    assert [verdict.status for verdict in verdicts] == ["undecodable"] * 3 + ["error"]
    for verdict in verdicts:
        assert verdict.message and verdict.message.startswith(f"'{verdict.input.path}' ")
        assert tempfile.gettempdir() not in verdict.message and "facewitness-fetched" not in verdict.message
    assert not list(Path(os.environ["TMPDIR"]).glob("facewitness-*"))


def test_a_second_run_fetches_only_what_changed(scanner, web, tmp_path):
    arguments = [
        f"{web.address}/plain/clip.mp4",
        f"{web.address}/plain/damaged.mp4",
        f"{web.address}/untagged/clip.mp4",
    ]
    before = scan(scanner, tmp_path, *arguments)
    assert len(web.fetched()) == 3
    web.asked.clear()
    again = scan(scanner, tmp_path, *arguments)
    assert web.fetched() == ["/untagged/clip.mp4"], "its server does not tell whether it is the same"
    assert [facts(verdict) for verdict in again] == [facts(verdict) for verdict in before]
    web.asked.clear()
    web.files["/plain/clip.mp4"] = NO_FACE.read_bytes()
    assert scan(scanner, tmp_path, *arguments[:2])[0].status == "no_face"
    assert web.fetched() == ["/plain/clip.mp4"]
    web.asked.clear()
    scan(scanner, tmp_path, arguments[0], verify=True)
    assert web.fetched() == ["/plain/clip.mp4"]


def test_from_another_folder_the_same_results_are_met(scanner, web, tmp_path, monkeypatch):
    scan(scanner, tmp_path / "out", f"{web.address}/plain/clip.mp4")
    web.asked.clear()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    scan(scanner, tmp_path / "out", f"{web.address}/plain/clip.mp4")
    assert not web.fetched()
    assert [path.name for path in (tmp_path / "out").glob("*.json")] == ["clip.mp4.json"]


def test_a_removed_ledger_makes_no_second_row(scanner, web, tmp_path):
    scan(scanner, tmp_path, f"{web.address}/plain/clip.mp4")
    (tmp_path / LEDGER).unlink()
    scan(scanner, tmp_path, f"{web.address}/plain/clip.mp4")
    assert len((tmp_path / "results.csv").read_text().splitlines()) == 2


def test_a_file_that_is_signed_anew_meets_its_result(scanner, web, tmp_path):
    address = f"{web.address}/signed/clip.mp4?Signature=rechtens"
    (verdict,) = scan(scanner, tmp_path, f"{address}&X-Amz-Date=1")
    assert verdict.status == "ok"
    web.asked.clear()
    scan(scanner, tmp_path, f"{address}&X-Amz-Date=2")
    assert not web.fetched()


def test_a_folder_of_a_store_is_searched_as_one_here(store, tmp_path):
    for key in KEYS:
        if "//" not in key:
            (tmp_path / key).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / key).write_bytes(b"x")
    here, there = LeftOut(), LeftOut()
    found = list(expand_inputs(["s3://bucket/clips"], left_out=there))
    assert [each.relative for each in found] == [
        each.relative for each in expand_inputs([str(tmp_path / "clips")], left_out=here)
    ]
    assert [each.relative.as_posix() for each in found] == ["a.MOV", "b.mp4", "day 2/c.mp4", "day 2/deep/d.png"]
    assert str(there) == str(here) != ""
    assert all(each.address == display_path(each.path) == f"s3://bucket/clips/{each.relative}" for each in found)
    assert list(expand_inputs(["s3://bucket/clips/"])) == found
    assert [each.relative.as_posix() for each in expand_inputs(["-"], io.BytesIO(b"s3://bucket/clips/day 2\n"))] == [
        "c.mp4", "deep/d.png",
    ]  # fmt: skip
    assert len(list(expand_inputs(["s3://bucket"]))) >= 5
    assert [each.address for each in expand_inputs(["s3://"])] == ["s3://"]


@pytest.mark.parametrize(
    "address",
    ["s3://bucket/missing.mp4", "s3://bucket/empty", "s3://bucket/empty/", "s3://no-such/a.mp4", "s3://bucket/*.mp4"],
)
def test_what_is_not_in_a_store(scanner, store, address):
    (verdict,) = scan(scanner, None, address)
    assert verdict.status == "error" and verdict.input.path == address.rstrip("/")
    assert "does not exist, and no video or picture lies below it" in (verdict.message or "")


def test_a_second_run_over_a_store_fetches_nothing(scanner, store, tmp_path, monkeypatch):
    before = scan(scanner, tmp_path, "s3://bucket/clips/day 2")
    assert [verdict.status for verdict in before] == ["no_face", "no_face"]
    scanned: list[object] = []
    monkeypatch.setattr(ScannerProcesses, "scan", lambda self, source: scanned.append(source))
    again = scan(scanner, tmp_path, "s3://bucket/clips/day 2")
    assert not scanned and [facts(verdict) for verdict in again] == [facts(verdict) for verdict in before]


def test_what_is_too_large_cut_off_or_slow(scanner, web, tmp_path):
    web.files["/plain/large.mp4"] = REAL.read_bytes() + bytes(2 << 20)
    large, cut = scan(scanner, tmp_path, f"{web.address}/plain/large.mp4", f"{web.address}/cut/clip.mp4")
    assert large.status == cut.status == "error"
    assert "larger than 1 MB" in (large.message or "") and "breaks off" in (cut.message or "")
    assert large.input.sha256 is cut.input.sha256 is None


def told_by(out: Path, *arguments: str, status: int) -> bytes:
    """Scan in a process of its own, and give all that it printed, logged and wrote."""
    code = "import sys; from pipeline.cli import main; sys.exit(main(sys.argv[1:]))"
    options = ("-o", str(out), "--frames", "2", "--debug", "--workers", "1")
    run = subprocess.run([sys.executable, "-c", code, "scan", *arguments, *options], capture_output=True)
    assert run.returncode == status and b"DEBUG" in run.stderr
    return run.stdout + run.stderr + texts_below(out)


@pytest.mark.parametrize("options", [(), ("--format", "jsonl"), ("--format", "csv", "--report")], ids=" ".join)
def test_no_secret_is_written_anywhere(web, tmp_path, options):
    host = web.address.removeprefix("http://")
    addresses = [
        f"http://me:geheim@{host}/locked/clip.mp4",
        f"http://me:geheim@{host}/404/clip.mp4",
        f"{web.address}/signed/clip.mp4?v=geheim1&Signature=rechtens",
        f"{web.address}/signed/clip.mp4?v=geheim2&Signature=rechtens",
        f"{web.address}/signed/clip.mp4?Signature=geheim",
    ]
    told = told_by(tmp_path / "out", *addresses, *options, status=1)
    assert f"{web.address}/locked/clip.mp4".encode() in told
    assert b"geheim" not in told and b"rechtens" not in told
    rows = (tmp_path / "out" / "results.csv").read_text().splitlines()[1:]
    assert sum(",ok," in row for row in rows) == 3 and len(rows) == 5


def test_no_key_of_a_store_is_written_anywhere(store, tmp_path):
    told = told_by(tmp_path / "out", "s3://bucket/clips/day 2", status=0)
    assert b"s3://bucket/clips/day 2/c.mp4" in told
    assert b"geheim" not in told and b"AWS4-HMAC" not in told


def test_pictures_of_what_is_not_here(web, tmp_path, capsys):
    out = tmp_path / "out"
    command = ["scan", f"{web.address}/plain/clip.mp4", "-o", str(out), "--frames", "2", "--annotate", "--report"]
    assert main(command) == 0
    assert "no pictures were drawn of 1 file at an address" in capsys.readouterr().err
    assert not list(out.glob("*.annotated.*")) and "was fetched from an address" in (out / "clip.mp4.html").read_text()


def test_a_time_limit_counts_fetching(web, tmp_path):
    settings = ScannerSettings(None, "auto", "mtcnn", SamplingPlan.spread(3), limits=Limits(timeout_s=8.0))
    with ScannerProcesses(settings, 1) as scanner:
        (verdict,) = scan(scanner, tmp_path, f"{web.address}/slow/clip.mp4")
        assert verdict.status == "timeout" and "takes longer than 8 s to fetch" in (verdict.message or "")
        web.pause_s = 0.0
        assert scan(scanner, tmp_path, f"{web.address}/slow/clip.mp4")[0].status == "ok", "it is tried again"


def test_results_are_not_written_to_addresses(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["scan", str(REAL), "-o", "s3://who:geheim@bucket/out"]) == 2
    said = capsys.readouterr().err
    assert "name one with -o DIR, not 's3://bucket/out'" in said
    assert list(tmp_path.iterdir()) == []
