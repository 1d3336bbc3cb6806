"""Uploads that are too large, too many, too slow, cut off or resumed: refused or taken, and nothing is left behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from tests.media_files import SAMPLES
from tests.pipeline.server.clients import (
    PATCH,
    TUS,
    Raw,
    begin,
    bytes_in,
    client,
    patch,
    scan_of,
    send,
    soon,
    wait_for,
)

LARGE = 3 << 20
CLIP = (SAMPLES / "real.mp4").read_bytes()


@pytest.fixture
def level(data, server):
    """Asserts at the end that uploads and results are what they were before."""
    before = bytes_in(data)
    yield
    assert soon(lambda: bytes_in(data) == before), bytes_in(data)


def pieces(size: int) -> Iterator[bytes]:
    for _ in range(size >> 16):
        yield bytes(1 << 16)


def form(*names: str) -> Iterator[bytes]:
    """Give a form of files with one byte each."""
    for name in names:
        yield f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n1\r\n'.encode()
    yield b"--x--\r\n"


FORM = {"Content-Type": "multipart/form-data; boundary=x"}


def test_what_is_too_large_is_refused(asked, level):
    declared = asked.post("/v1/scans", files={"file": ("film.mp4", bytes(LARGE))})
    assert declared.status_code == 413
    assert declared.json() == {"detail": "The upload is larger than 1 MiB, the most that is taken."}
    head = next(form("film.mp4")).removesuffix(b"1\r\n")
    chunked = asked.post("/v1/scans", headers=FORM, content=iter([head, *pieces(LARGE)]))
    assert (chunked.status_code, chunked.json()) == (413, declared.json())
    tus = asked.post("/v1/uploads", headers={**TUS, "Upload-Length": str(2 << 30)})
    assert (tus.status_code, tus.json()) == (413, declared.json())


def test_more_than_was_announced_is_refused_and_nothing_of_it_kept(asked, level):
    path = begin(asked, 10)
    assert patch(asked, path, 0, bytes(11)).status_code == 413
    assert patch(asked, path, 0, iter([bytes(5), bytes(6)])).status_code == 413
    assert int(asked.head(path, headers=TUS).headers["Upload-Offset"]) <= 5
    assert asked.delete(path, headers=TUS).status_code == 204


def test_ten_thousand_files_are_refused(asked, level):
    began = time.monotonic()
    answer = asked.post("/v1/scans", headers=FORM, content=form(*(f"{n}.mp4" for n in range(10_000))))
    assert answer.status_code == 413
    assert answer.json() == {"detail": "At most 50 files are taken in one request."}
    assert time.monotonic() - began < 5


def test_several_files_are_taken_at_once(asked):
    answer = asked.post("/v1/scans", headers=FORM, content=form("a.mp4", "b.mp4"))
    assert [each["name"] for each in answer.json()["scans"]] == ["a.mp4", "b.mp4"]
    for each in answer.json()["scans"]:
        assert wait_for(asked, each["id"])["size"] == 1


@pytest.mark.parametrize(
    ("headers", "content", "status"),
    [
        ({"Content-Type": "text/plain"}, b"", 415),
        ({"Content-Type": "multipart/form-data"}, b"", 415),
        (FORM, b"", 422),
        (FORM, b"--y--\r\n", 422),
        (FORM, b"--x--\r\n", 422),
        (FORM, b'--x\r\nContent-Disposition: form-data; name="file"; filename="cut.mp4"\r\n\r\nabc', 422),
        (FORM, b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nno name\r\n--x--\r\n', 422),
        (FORM, b'--x\r\nContent-Disposition: form-data; name="other"; filename="a"\r\n\r\n1\r\n--x--\r\n', 422),
        (FORM, b"--x\r\nContent-Disposition: " + b"a" * 20_000 + b"\r\n\r\n1\r\n--x--\r\n", 422),
    ],
)
def test_a_form_that_is_none_is_refused(asked, level, headers, content, status):
    answer = asked.post("/v1/scans", headers=headers, content=content)
    assert answer.status_code == status
    assert list(answer.json()) == ["detail"] and answer.json()["detail"].endswith(".")


def test_a_client_that_leaves_in_the_middle_leaves_nothing(server, data, level):
    with Raw(
        server.address, f"POST /v1/scans HTTP/1.1\nContent-Type: {FORM['Content-Type']}\nContent-Length: 900000"
    ) as raw:
        raw.send(next(form("clip.mp4")) + bytes(100_000))
        assert soon(lambda: any(".part-" in name for name in bytes_in(data)))


def test_a_client_that_sends_nothing_more_is_let_go(server, level):
    with Raw(
        server.address, f"POST /v1/scans HTTP/1.1\nContent-Type: {FORM['Content-Type']}\nContent-Length: 900000"
    ) as raw:
        raw.send(next(form("clip.mp4")))
        assert " 408 " in raw.answer().splitlines()[0]


def test_an_upload_that_was_cut_is_resumed(server, asked, data):
    path = begin(asked, len(CLIP), "resumed.mp4")
    head = "\n".join(f"{name}: {value}" for name, value in PATCH.items())
    with Raw(server.address, f"PATCH {path} HTTP/1.1\nUpload-Offset: 0\nContent-Length: {len(CLIP)}\n{head}") as raw:
        raw.send(CLIP[:50_000])
        time.sleep(0.5)
        raw.send(CLIP[50_000:100_000])
        assert soon(lambda: _offset(asked, path) > 0)
        second = patch(asked, path, _offset(asked, path), CLIP[:10])
        assert (second.status_code, second.headers["Retry-After"]) == (423, "2")
    assert soon(lambda: _offset(asked, path) == 100_000)
    wrong = patch(asked, path, 0, CLIP)
    assert (wrong.status_code, wrong.json()) == (409, {"detail": "100000 bytes have come so far: go on from there."})
    assert asked.get(f"/v1/scans/{scan_of(path)}").json()["received"] == 100_000
    rest = patch(asked, path, 100_000, CLIP[100_000:])
    assert (rest.status_code, rest.headers["Upload-Offset"]) == (204, str(len(CLIP)))
    assert wait_for(asked, scan_of(path))["result"]["verdict"] == "likely_real"
    assert (data / "uploads" / scan_of(path)).read_bytes() == CLIP


def _offset(asked, path) -> int:
    return int(asked.head(path, headers=TUS).headers["Upload-Offset"])


def test_an_upload_that_goes_on_can_be_broken_off(server, asked, level):
    path = begin(asked, 900_000)

    def slowly() -> Iterator[bytes]:
        for _ in range(9):
            yield bytes(100_000)
            time.sleep(0.1)

    answers = []
    with client(server.address) as sender:
        sending = threading.Thread(target=lambda: answers.append(patch(sender, path, 0, slowly())))
        sending.start()
        assert soon(lambda: _offset(asked, path) > 0)
        assert asked.delete(f"/v1/scans/{scan_of(path)}").status_code == 204
        sending.join(10)
    assert answers[0].status_code == 404
    assert asked.head(path, headers=TUS).status_code == 404


def test_tus_says_what_it_speaks(asked):
    spoken = asked.options("/v1/uploads").headers
    assert (spoken["Tus-Version"], spoken["Tus-Extension"]) == ("1.0.0", "creation,termination,expiration")
    assert spoken["Tus-Max-Size"] == str(1 << 20)
    old = asked.post("/v1/uploads", headers={"Tus-Resumable": "0.2.2", "Upload-Length": "1"})
    assert (old.status_code, old.headers["Tus-Version"]) == (412, "1.0.0")
    assert asked.patch("/v1/uploads/x", headers={**TUS, "Upload-Offset": "0"}, content=b"").status_code == 415


def test_health_answers_while_much_comes(server, asked, level):
    slowest, stop = 0.0, threading.Event()

    def load() -> None:
        with client(server.address) as loading:
            while not stop.is_set():
                loading.post("/v1/scans", files={"file": ("film.mp4", bytes(LARGE))})

    threads = [threading.Thread(target=load) for _ in range(6)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        began = time.monotonic()
        assert asked.get("/healthz").status_code == 200
        slowest = max(slowest, time.monotonic() - began)
        time.sleep(0.05)
    stop.set()
    for thread in threads:
        thread.join()
    assert slowest < 1


def test_a_scan_under_way_can_be_removed(asked, level):
    scan = send(asked, (SAMPLES / "manipulated.mp4").read_bytes())
    assert asked.delete(f"/v1/scans/{scan['id']}").status_code == 204
    assert asked.get(f"/v1/scans/{scan['id']}").status_code == 404
