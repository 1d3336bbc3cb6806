"""A server scans what it is sent, as the command does, and tells of it."""

from __future__ import annotations

import threading

import httpx
import jsonschema
import pytest

from pipeline.batch.batch_scanner import ScannerSettings
from pipeline.media.sampling import SLACK, SamplingPlan
from pipeline.results.schema import schema
from tests.media_files import SAMPLES
from tests.pipeline.server.clients import begin, client, events, patch, scan_of, send, wait_for
from tests.pipeline.server.conftest import FRAMES

CLIP = SAMPLES / "two_people.mp4"


@pytest.fixture(scope="module")
def scan(server):
    """A scan of the clip, done."""
    with client(server.address) as asked:
        return wait_for(asked, send(asked, CLIP.read_bytes(), "../../two people.mp4")["id"])


def test_a_result_is_that_of_a_scan(scan):
    settings = ScannerSettings((), "auto", "mtcnn", SamplingPlan.spread(int(FRAMES), SLACK))
    expected = settings.scanner().scan(CLIP).to_json()
    result = dict(scan["result"])
    jsonschema.validate(result, schema())
    assert set(result.pop("timing_s")) == set(expected.pop("timing_s"))
    assert result.pop("input") == {**expected.pop("input"), "path": "two people.mp4"}
    assert result == expected
    assert result["verdict"] == "likely_fake"
    assert scan["size"] == scan["received"] == CLIP.stat().st_size
    assert scan["created_at"] < scan["finished_at"] < scan["expires_at"]


def test_the_page_and_the_copy_are_made_and_may_not_do_much(scan, asked):
    page = asked.get(f"/v1/scans/{scan['id']}/report")
    assert "two people.mp4" in page.text and "data:image/jpeg" in page.text
    policy = page.headers["Content-Security-Policy"]
    assert "frame-ancestors 'self'" in policy and "sandbox allow-scripts" in policy and "default-src 'none'" in policy
    copy = asked.get(f"/v1/scans/{scan['id']}/annotated", headers={"Range": "bytes=4-7"})
    assert (copy.status_code, copy.content, copy.headers["Content-Type"]) == (206, b"ftyp", "video/mp4")
    assert "two%20people.mp4.annotated.mp4" in copy.headers["Content-Disposition"]


def test_no_answer_tells_where_the_server_keeps_things(scan, server, asked, data):
    sick = wait_for(asked, send(asked, b"<html>" * 99, "page.mp4")["id"])
    assert sick["result"]["status"] in ("unsupported", "undecodable")
    assert "'page.mp4'" in sick["result"]["message"]
    addresses = [f"/v1/scans/{each['id']}{part}" for each in (scan, sick) for part in ("", "/report", "/annotated")]
    answers = [asked.get(each) for each in (*addresses, "/v1/scans", "/metrics", "/openapi.json", "/nothing")]
    assert answers[5].status_code == 409
    for answer in answers:
        told = f"{answer.headers}{answer.content!r}"
        assert (
            str(data) not in told
            and data.parent.name not in told
            and "uploads/" not in told.replace("/v1/uploads/", "")
        )
        assert "uvicorn" not in told and answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../x", "x"),
        ("C:\\clips\\a.mp4", "a.mp4"),
        ("..", "unnamed"),
        ("", "unnamed"),
        ("a\x1b[2J\u202eb.mp4", "a[2Jb.mp4"),
        ("ü" * 300, "ü" * 200),
    ],
)
def test_of_a_name_only_what_can_be_shown_is_kept(asked, data, name, shown):
    path = begin(asked, 1, name)
    assert asked.get(f"/v1/scans/{scan_of(path)}").json()["name"] == shown
    assert (data / "uploads" / scan_of(path)).is_file()
    assert asked.delete(f"/v1/scans/{scan_of(path)}").status_code == 204


def test_equal_bytes_are_scanned_once(scan, asked):
    again = wait_for(asked, send(asked, CLIP.read_bytes(), "again.mp4")["id"])
    assert again["result"] == {**scan["result"], "input": {**scan["result"]["input"], "path": "again.mp4"}}


def test_scans_are_listed_searched_and_removed(scan, asked, data):
    first, second = (wait_for(asked, send(asked, b"no media", f"List {n} ÄRGER.mov")["id"]) for n in (1, 2))
    listed = asked.get("/v1/scans", params={"query": "ärger"}).json()
    assert [each["id"] for each in listed["scans"]] == [second["id"], first["id"]] and not listed["more"]
    page = asked.get("/v1/scans", params={"query": "ÄRGER", "limit": 1}).json()
    assert page == {"scans": [second], "more": True}
    older = asked.get("/v1/scans", params={"query": "ärger", "before": second["id"], "state": "done"}).json()
    assert older == {"scans": [first], "more": False}
    fakes = asked.get("/v1/scans", params={"label": "likely_fake"}).json()["scans"]
    assert scan["id"] in [each["id"] for each in fakes] and first["id"] not in [each["id"] for each in fakes]
    for each in (first, second):
        assert asked.delete(f"/v1/scans/{each['id']}").status_code == 204
        for address in ("", "/report", "/annotated", "/events"):
            assert asked.get(f"/v1/scans/{each['id']}{address}").status_code == 404
        assert not [file for file in data.rglob("*") if each["id"] in file.name]


def test_changes_are_told_until_the_end(asked, server):
    content = (SAMPLES / "real.mp4").read_bytes()
    path, seen = begin(asked, len(content)), []
    with client(server.address) as other, other.stream("GET", "/v1/events") as of_all:
        listening = threading.Thread(target=_until_gone, args=(of_all, scan_of(path), seen))
        listening.start()
        with asked.stream("GET", f"/v1/scans/{scan_of(path)}/events") as of_one:
            assert of_one.headers["Content-Type"].startswith("text/event-stream")
            told = events(of_one)
            assert next(told)[1]["state"] == "uploading"
            with client(server.address) as sender:
                patch(sender, path, 0, content)
            states = [data["state"] for kind, data in told if kind == "scan"]
        assert states[-1] == "done" and "scanning" in states
        with client(server.address) as remover:
            remover.delete(f"/v1/scans/{scan_of(path)}")
        listening.join(10)
    assert seen[-1] == ("deleted", None) and ("scan", "done") in seen


def _until_gone(answer: httpx.Response, scan_id: str, seen: list[tuple[str, str | None]]) -> None:
    for kind, data in events(answer):
        if data["id"] == scan_id:
            seen.append((kind, data.get("state")))
            if kind == "deleted":
                return


def test_operators_are_told_how_it_is(asked):
    assert asked.get("/healthz").json() == asked.get("/readyz").json() == {"status": "ok"}
    asked.get("/healthz", headers={"Host": "elsewhere.example"})
    counts = asked.get("/metrics").text
    assert 'facewitness_refused_total{reason="host"}' in counts and "facewitness_waiting 0.0" in counts
