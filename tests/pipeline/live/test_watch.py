"""A real watch of a sample that plays in real time: what it tells, shows and keeps."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from http.client import HTTPConnection
from pathlib import Path

import cv2
import jsonschema
import numpy as np
import pytest

from pipeline.cli import main
from pipeline.live.page import Page
from pipeline.media import probe
from pipeline.results.schema import schema
from pipeline.results.verdict import read_verdict
from tests.media_files import SAMPLES, number_frames, write_video

EVENT_FIELDS = {"event", "time_s", "at", "delay_s", "person", "score", "label", "message"}


def watch(capfd, *arguments: object) -> tuple[int, list[dict], str]:
    """Watch, and give the exit status, the events and what was said beside them."""
    status = main(["watch", *map(str, arguments), "--json"])
    output, errors = capfd.readouterr()
    return status, [json.loads(line) for line in output.splitlines()], errors


def test_the_manipulated_person_is_named_within_seconds_and_the_watch_is_kept(tmp_path, capfd):
    target = tmp_path / "kept.mp4"
    status, events, errors = watch(capfd, SAMPLES / "two_people.mp4", "--seconds", 3, "--record", target)
    assert status == 0 and str(target) in errors
    kinds = [event["event"] for event in events]
    assert kinds[0] == "began" and kinds[-1] == "ended" and kinds.count("appears") == 2
    assert all(set(event) >= EVENT_FIELDS for event in events)
    labels = {event["person"]: event for event in events if event["event"] == "label"}
    assert {who: event["label"] for who, event in labels.items()} == {1: "likely_fake", 2: "likely_real"}
    assert labels[1]["score"] > 0.9 and labels[1]["time_s"] < 3 and labels[1]["delay_s"] >= 0
    looked_at = events[-1]["frames_looked_at"]
    assert 3 <= looked_at <= 31 < events[-1]["frames_came"]

    document = json.loads((tmp_path / "kept.mp4.json").read_text())
    jsonschema.validate(document, schema())
    verdict = read_verdict(json.dumps(document))
    assert (verdict.status, verdict.label, verdict.sampling.frames) == ("ok", "likely_fake", looked_at)
    assert probe(target).frame_count == looked_at
    assert main(["watch", str(SAMPLES / "real.mp4"), "--record", str(target)]) == 1
    assert "is there already" in capfd.readouterr().err


def test_black_pictures_and_other_sizes_are_told_once_and_it_goes_on(tmp_path, capfd):
    path = tmp_path / "changes.ts"
    black = [np.zeros((120, 160, 3), np.uint8)] * 20
    parts = [
        write_video(tmp_path / "1.ts", black),
        write_video(tmp_path / "2.ts", list(number_frames(5, (320, 240)))),
    ]
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    status, events, _ = watch(capfd, path)
    assert status == 0
    kinds = [event["event"] for event in events]
    assert kinds == ["began", "dark", "size", "light", "ended"]


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["missing.mp4"], 1, "'missing.mp4' does not exist"),
        ([Path(__file__)], 1, "it sends no video that can be read"),
        (["http://127.0.0.1:9/"], 2, "--allow-private"),
        (["http://127.0.0.1:9/", "--allow-private"], 1, "it refuses the connection"),
        (["udp://127.0.0.1:9"], 2, "of no kind that is watched"),
        (["real.mp4", "--record", "a.avi"], 1, "name it .mp4"),
    ],
)
def test_what_cannot_be_watched_is_said_in_a_sentence(arguments, status, said, capfd, monkeypatch):
    monkeypatch.chdir(SAMPLES)
    given, events, errors = watch(capfd, *arguments)
    (line,) = errors.splitlines()
    assert (given, events) == (status, [])
    assert line.startswith("facewitness watch: ") and said in line


class TestPage:
    @pytest.fixture
    def page(self):
        with Page(0) as page:
            yield page

    def status(self, page: Page, path: str = "/", **headers: str) -> int:
        connection = HTTPConnection("127.0.0.1", page.port, timeout=10)
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("GET", path, headers=headers)
        return connection.getresponse().status

    def test_it_loads_nothing_from_elsewhere(self, page):
        with urllib.request.urlopen(page.address) as answer:
            html = answer.read().decode()
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "<script" not in html and "//" not in html.replace("<!DOCTYPE html>", "")

    def test_only_its_own_address_shows_it(self, page):
        assert self.status(page) == 200
        assert self.status(page, Host=f"localhost:{page.port}") == 200
        assert self.status(page, Host="camera.example") == 421
        assert self.status(page, Host=f"camera.example:{page.port}", path="/stream") == 421
        assert self.status(page, Sec_Fetch_Site="cross-site", path="/stream") == 403
        assert self.status(page, "/etc/passwd") == 404

    def test_pictures_arrive_and_a_viewer_who_leaves_is_forgotten(self, page):
        assert not page.is_watched
        connection = HTTPConnection("127.0.0.1", page.port, timeout=10)
        connection.request("GET", "/stream")
        answer = connection.getresponse()
        image = np.full((48, 64, 3), (200, 30, 30), np.uint8)
        page.show(image)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += answer.read(1)
        data = answer.read(int(head.rpartition(b"Content-Length: ")[2]))
        shown = cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        assert np.abs(shown.astype(int) - image).max() < 12
        assert page.is_watched
        answer.close()
        connection.close()
        end = time.monotonic() + 10
        while page.is_watched:
            assert time.monotonic() < end
            page.show(image)
            time.sleep(0.02)

    def test_it_ends_while_somebody_looks(self):
        with Page(0) as page:
            connection = HTTPConnection("127.0.0.1", page.port, timeout=10)
            connection.request("GET", "/stream")
            answer = connection.getresponse()
            threading.Timer(0.2, page.show, [np.zeros((8, 8, 3), np.uint8)]).start()
            assert answer.read(10)
        connection.close()

    def test_a_port_that_is_taken_is_said(self, page, capfd):
        assert main(["watch", str(SAMPLES / "real.mp4"), "--page", str(page.port)]) == 1
        assert "--page PORT" in capfd.readouterr().err
