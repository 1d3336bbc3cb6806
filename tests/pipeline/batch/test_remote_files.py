"""Fetching from servers on this machine: what comes, what is asked for, what goes wrong, and what is written of it."""

from __future__ import annotations

import gzip
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.batch.addresses import input_at
from pipeline.batch.entries import FileIdentity
from pipeline.batch.fetched_file import fetched
from pipeline.batch.folder_lock import FolderLock
from pipeline.batch.remote_files import _load, fetch, identity
from pipeline.media.types import MediaError
from tests.pipeline.batch.servers import WebServer, web_server

pytest.importorskip("fsspec")
pytest.importorskip("aiohttp")

MB = 1 << 20
PACKED = gzip.compress(bytes(100 * MB))


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def web() -> Iterator[WebServer]:
    with web_server() as server:
        for kind in ("plain", "slow", "cut", "unsized", "untagged", "signed", "locked", "busy", "unasked"):
            server.files[f"/{kind}/clip.mp4"] = bytes(range(256)) * 100
        server.files["/packed/clip.mp4"] = PACKED
        server.files["/plain/a%20b+c.mp4"] = server.files["/plain/large.mp4"] = bytes(2 * MB)
        server.files["/unsized/large.mp4"] = bytes(2 * MB)
        yield server


def fetched_bytes(address: str, folder: Path, most_bytes: int = MB, timeout_s: float = 20.0) -> bytes:
    fetch(address, folder / "file", most_bytes, timeout_s)
    return (folder / "file").read_bytes()


@pytest.mark.parametrize("path", [
    "/plain/clip.mp4", "/unsized/clip.mp4", "/moved/plain/clip.mp4", "/moved/moved/plain/clip.mp4",
    "/signed/clip.mp4?a%2Fb=%2B&Signature=rechtens", "/plain/clip.mp4#t=3",
])  # fmt: skip
def test_what_is_fetched(web, tmp_path, path):
    assert fetched_bytes(web.address + path, tmp_path) == bytes(range(256)) * 100


def test_an_address_is_asked_for_as_it_was_quoted(web, tmp_path):
    fetched_bytes(f"{web.address}/plain/a%20b+c.mp4?x=%2F%7E", tmp_path, 4 * MB)
    assert web.asked == ["GET /plain/a%20b+c.mp4?x=%2F%7E"]
    with pytest.raises(MediaError, match="does not exist"):
        fetch(f"{web.address}/a b ä.mp4", tmp_path / "file", MB, 20.0)
    assert web.asked[1:] == ["GET /a%20b%20%C3%A4.mp4"]


def test_user_and_password_are_told_to_the_server_alone(web, tmp_path):
    host = web.address.removeprefix("http://")
    assert fetched_bytes(f"http://me:geheim@{host}/locked/clip.mp4", tmp_path)
    with pytest.raises(MediaError) as failure:
        fetch(f"http://me:geheim@{host}/404/clip.mp4", tmp_path / "file", MB, 20.0)
    assert str(failure.value) == f"'{web.address}/404/clip.mp4' does not exist: the server has no such file."


def test_what_may_work_the_next_time_is_tried_again(web, tmp_path):
    assert fetched_bytes(f"{web.address}/busy/clip.mp4", tmp_path)
    assert len(web.asked) == 3


@pytest.mark.parametrize(("path", "requests", "words"), [
    ("/404/clip.mp4", 1, "does not exist"),
    ("/410/clip.mp4", 1, "does not exist"),
    ("/401/clip.mp4", 1, "the server refuses it"),
    ("/403/clip.mp4", 1, "the server refuses it"),
    ("/signed/clip.mp4?Signature=geheim", 1, "the server refuses it"),
    ("/451/clip.mp4", 1, "the server answers 451"),
    ("/500/clip.mp4", 3, "also in attempt 3: the server answers 500"),
    ("/429/clip.mp4", 3, "the server answers 429"),
    ("/cut/clip.mp4", 3, "the connection breaks off"),
    ("/loop/clip.mp4", 10, "redirects without end"),
    ("/away/clip.mp4", 1, "leads to what is no address of the web"),
    ("/plain/large.mp4", 1, "is larger than 1 MB: allow more with --max-download"),
    ("/unsized/large.mp4", 1, "is larger than 1 MB: allow more with --max-download"),
])  # fmt: skip
def test_what_goes_wrong_is_one_sentence(web, tmp_path, path, requests, words):
    with pytest.raises(MediaError) as failure:
        fetch(f"{web.address}{path}", tmp_path / "file", MB, 20.0)
    said = str(failure.value)
    assert failure.value.status == "error"
    assert said.startswith(f"'{web.address}{path.partition('?')[0]}' ") and said.endswith(".") and words in said
    assert "geheim" not in said
    assert len(web.asked) == requests


def test_no_server(tmp_path):
    with web_server() as web:
        pass
    with pytest.raises(MediaError, match="the server cannot be reached"):
        fetch(f"{web.address}/clip.mp4", tmp_path / "file", MB, 20.0)


@pytest.mark.parametrize("address", ["http://", "http://[::1/clip.mp4", "http://host:port/clip.mp4"])
def test_what_is_no_address(tmp_path, address):
    with pytest.raises(MediaError, match="is no address that can be fetched"):
        fetch(address, tmp_path / "file", MB, 20.0)


def test_what_comes_packed_is_not_unpacked_beyond_what_is_allowed(web, tmp_path):
    assert fetched_bytes(f"{web.address}/packed/clip.mp4", tmp_path) == web.files["/packed/clip.mp4"]


def test_the_proxy_of_the_environment_is_asked(web, tmp_path, monkeypatch):
    monkeypatch.setenv("http_proxy", web.address)
    assert fetched_bytes("http://clips.invalid/plain/clip.mp4", tmp_path)
    assert web.asked == ["GET http://clips.invalid/plain/clip.mp4"]


def test_a_full_disk(web, tmp_path):
    """A limit on the size of files stands for it."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(MediaError, match="no room for it in the folder for temporary files"):
            fetch(f"{web.address}/plain/clip.mp4", tmp_path / "file", MB, 20.0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_without_the_libraries_it_is_said_how_to_get_them(tmp_path, monkeypatch):
    _load.cache_clear()
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(MediaError, match="what fetches it is missing; install it with: pip install") as failure:
        fetch("https://me:geheim@127.0.0.1/clip.mp4", tmp_path / "file", MB, 20.0)
    assert str(failure.value).startswith("'https://127.0.0.1/clip.mp4' is an address")
    assert identity("https://127.0.0.1/clip.mp4") is None


def test_a_slow_server_meets_the_time_limit(web, tmp_path):
    began = time.monotonic()
    with pytest.raises(MediaError, match=r"takes longer than 1 s to fetch: allow more with --timeout") as failure:
        fetch(f"{web.address}/slow/clip.mp4", tmp_path / "file", MB, 1.0)
    assert failure.value.status == "timeout"
    assert time.monotonic() - began < 10


def test_what_tells_that_a_file_is_the_same(web):
    before = identity(f"{web.address}/plain/clip.mp4")
    assert before == identity(f"{web.address}/plain/clip.mp4") and before.size == 25600 and before.tag
    web.files["/plain/clip.mp4"] = bytes(25600)
    assert identity(f"{web.address}/plain/clip.mp4") not in (before, None)
    assert identity(f"{web.address}/unasked/clip.mp4") is not None, "a signature may hold for GET alone"
    assert identity(f"{web.address}/untagged/clip.mp4") is None
    assert identity(f"{web.address}/404/clip.mp4") is None
    assert isinstance(before, FileIdentity)


def left() -> set[Path]:
    return set(Path(tempfile.gettempdir()).iterdir())


def test_the_copy_is_removed_whatever_happens(web, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with fetched(input_at(f"{web.address}/plain/clip.mp4"), MB, 20.0) as (copy, origin):
        assert copy.read_bytes() == bytes(range(256)) * 100
        assert origin.name == Path(f"{web.address}/plain/clip.mp4") and origin.spent_s > 0
        (folder,) = left()
        assert os.name != "posix" or folder.stat().st_mode & 0o077 == 0
    assert not left()
    with pytest.raises(RuntimeError), fetched(input_at(f"{web.address}/plain/clip.mp4"), MB, 20.0):
        raise RuntimeError
    for path in ("404/clip.mp4", "cut/clip.mp4", "plain/large.mp4"):
        with pytest.raises(MediaError), fetched(input_at(f"{web.address}/{path}"), MB, 20.0):
            pass
    with pytest.raises(MediaError), fetched(input_at(f"{web.address}/slow/clip.mp4"), MB, 1.0):
        pass
    assert not left()


_FETCH = """
import sys, time
from pipeline.batch.addresses import input_at
from pipeline.batch.fetched_file import fetched
with fetched(input_at(sys.argv[1]), 1 << 20, 60.0):
    print("fetched", flush=True)
    time.sleep(float(sys.argv[2]))
"""


def test_what_a_process_leaves_that_is_killed(web, tmp_path):
    def start(seconds: int) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", _FETCH, f"{web.address}/plain/clip.mp4", str(seconds)]
        environment = os.environ | {"TMPDIR": str(tmp_path)}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        assert process.stdout and process.stdout.readline() == "fetched\n"
        return process

    first = start(60)
    (folder,) = tmp_path.iterdir()
    os.utime(folder, (0, 0))
    assert start(0).wait() == 0
    assert list(tmp_path.iterdir()) == [folder], "it is in use"
    first.kill()
    first.wait()
    assert list(tmp_path.iterdir()) == [folder]
    assert start(0).wait() == 0
    assert not list(tmp_path.iterdir())


def test_what_a_killed_process_left_is_removed_but_not_what_another_is_at(web, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    dead, alive, young, other = (tmp_path / f"{name}" for name in (
        "facewitness-fetched-dead", "facewitness-fetched-alive", "facewitness-fetched-young", "other"
    ))  # fmt: skip
    for folder in (dead, alive, young, other):
        folder.mkdir()
        (folder / "fetched").write_bytes(b"x")
        if folder != young:
            os.utime(folder, (0, 0))
    lock = FolderLock(alive)
    with fetched(input_at(f"{web.address}/plain/clip.mp4"), MB, 20.0):
        pass
    lock.release()
    assert left() == {alive, young, other}
