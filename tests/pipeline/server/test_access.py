"""Who may ask: with the token, from pages of the server, by its own name; and how much of whom is taken."""

from __future__ import annotations

import os
import signal

import pytest
from serving.running import Server

from pipeline.cli import main
from tests.pipeline.server.clients import TUS, begin, bytes_in, client, scan_of, send, soon, wait_for
from tests.pipeline.server.conftest import FRAMES

TOKEN = "a-token-that-nobody-guesses"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("guarded") / "data"


@pytest.fixture(scope="module")
def guarded(folder):
    """A server with a token that keeps things for seconds, and takes three files at a time and eight a minute."""
    options = (
        "--frames",
        FRAMES,
        "--keep",
        "3s",
        "--max-waiting",
        "3",
        "--rate",
        "8",
        "--allowed-host",
        "Films.example",
    )
    with Server(folder, *options, FACEWITNESS_TOKEN=TOKEN) as running:
        yield running


def test_only_who_shows_the_token_is_answered(guarded):
    with client(guarded.address) as stranger:
        for path in ("/v1/scans", "/v1/scans/x", "/v1/events", "/metrics", "/nothing", "/v1/uploads"):
            answer = stranger.get(path)
            assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer"), path
        assert stranger.get("/v1/scans", headers={"Authorization": f"Bearer {TOKEN}x"}).status_code == 401
        assert stranger.get("/v1/scans", headers=BEARER).status_code == 200
        assert stranger.get("/metrics", headers=BEARER).status_code == 200
        assert stranger.get("/healthz").status_code == stranger.get("/readyz").status_code == 200
        assert stranger.get("/openapi.json").json()["security"]


def test_a_browser_shows_it_once(guarded):
    own = {"Origin": guarded.address}
    with client(guarded.address) as browser:
        assert browser.post("/session", json={"token": "wrong"}, headers=own).status_code == 401
        assert browser.post("/session", content=b'{"token": "\\ud800"}', headers=own).status_code == 415
        answer = browser.post("/session", json={"token": TOKEN}, headers=own)
        assert answer.status_code == 204
        cookie = answer.headers["Set-Cookie"].lower()
        assert "httponly" in cookie and "samesite=strict" in cookie and TOKEN not in cookie
        assert browser.get("/v1/scans").status_code == 200
        assert browser.delete("/v1/scans/x").status_code == 403
        assert browser.delete("/v1/scans/x", headers=own).status_code == 404
        browser.delete("/session", headers=own)
        assert browser.get("/v1/scans").status_code == 401


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://["])
def test_pages_of_others_change_nothing(server, origin):
    with client(server.address) as asked:
        answer = asked.post("/v1/scans", files={"file": ("a", b"a")}, headers={"Origin": origin})
        assert answer.status_code == 403


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost:1234", 200),
        ("[::1]", 200),
        ("films.EXAMPLE", 200),
    ],
)
def test_the_server_answers_to_its_own_names_alone(guarded, host, status):
    with client(guarded.address) as asked:
        assert asked.get("/healthz", headers={"Host": host}).status_code == status


def test_what_is_too_much_is_told_when_to_come_back_and_goes_in_time(guarded, folder):
    with client(guarded.address, headers=BEARER) as asked:
        paths = [begin(asked, 1) for _ in range(3)]
        full = asked.post("/v1/scans", files={"file": ("a", b"a")})
        assert (full.status_code, full.headers["Retry-After"]) == (429, "5")
        assert "queue is full" in full.json()["detail"]
        for path in paths:
            assert asked.delete(path, headers=TUS).status_code == 204
        done = [wait_for(asked, send(asked, b"no media")["id"]) for _ in range(4)]
        unfinished = begin(asked, 1)
        fast = asked.post("/v1/uploads", headers={**TUS, "Upload-Length": "1"})
        assert fast.status_code == 429 and 1 <= int(fast.headers["Retry-After"]) <= 61
        assert "8 uploads" in fast.json()["detail"]
        for scan_id in (done[0]["id"], scan_of(unfinished)):
            assert soon(lambda scan_id=scan_id: asked.get(f"/v1/scans/{scan_id}").status_code == 404, 15)
    assert soon(lambda: not bytes_in(folder))


@pytest.fixture
def run(capsys, monkeypatch):
    """Give a function that starts a server which must not start: its status, and what it says."""
    monkeypatch.delenv("FACEWITNESS_TOKEN", raising=False)

    def start(folder, *options: str) -> tuple[int, str]:
        try:
            status = main(["serve", "--data", str(folder), "--port", "0", *options])
        except SystemExit as error:
            status = error.code
        return status, capsys.readouterr().err

    return start


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--host", "0.0.0.0"], "give a token"),
        (["--host", "192.0.2.1"], "give a token"),
        (["--keep", "7"], "is no time"),
        (["--token-file", os.devnull, "--host", "0.0.0.0"], "too short"),
    ],
)
def test_wrong_usage_is_said(tmp_path, run, options, said):
    status, error = run(tmp_path, *options)
    assert status == 2 and said in error


def test_two_servers_do_not_share_a_folder(server, data, run):
    status, error = run(data)
    assert status == 1 and "another server or scan uses" in error and "\n" not in error.strip()


def test_a_port_that_is_taken_is_said(server, tmp_path, run):
    status, error = run(tmp_path, "--port", server.address.rpartition(":")[2])
    assert status == 1 and "cannot listen on port" in error


@pytest.mark.slow
def test_it_ends_in_order(tmp_path):
    with Server(tmp_path / "data", "--frames", FRAMES) as running, client(running.address) as asked:
        with asked.stream("GET", "/v1/events") as stream:
            lines = stream.iter_lines()
            assert next(lines) == ": listening"
            assert running.end(signal.SIGTERM) == 0
            assert not any(lines)
        assert running.errors == ""
