"""A server that is killed or ended goes on where it was; and whatever its description allows, it never breaks."""

from __future__ import annotations

import contextlib
import signal
from functools import partial

import httpx
import pytest
from serving.asking import ask
from serving.running import Server

from tests.media_files import SAMPLES
from tests.pipeline.server.clients import Raw, begin, bytes_in, client, padded, patch, scan_of, send, soon, wait_for
from tests.pipeline.server.conftest import OPEN

CLIP = (SAMPLES / "two_people.mp4").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_every_upload_gets_one_result_though_the_server_is_stopped_as_it_scans(tmp_path, how):
    data = tmp_path / "data"
    with contextlib.ExitStack() as stack, Server(data, *OPEN) as first, client(first.address) as asked:
        sent = [send(asked, padded(CLIP, n), f"{n}.mp4")["id"] for n in range(6)]
        cut = begin(asked, len(CLIP), "cut.mp4")
        patch(asked, cut, 0, CLIP[:200_000])
        form = "POST /v1/scans HTTP/1.1\nContent-Type: multipart/form-data; boundary=x\nContent-Length: 900000"
        broken = stack.enter_context(Raw(first.address, form))
        broken.send(b'--x\r\nContent-Disposition: form-data; name="file"; filename="broken.mp4"\r\n\r\n' + bytes(1000))
        assert soon(lambda: any(".part-" in name for name in bytes_in(data)))
        states = [asked.get(f"/v1/scans/{each}").json()["state"] for each in sent]
        assert "scanning" in states and "waiting" in states
        # What is removed as it is scanned stays removed.
        gone = sent.pop(states.index("scanning"))
        assert asked.delete(f"/v1/scans/{gone}").status_code == 204
        status = first.end(how)
        assert status == (0 if how == signal.SIGTERM else -how)
    with Server(data, *OPEN) as second, client(second.address) as asked:
        assert asked.get(f"/v1/scans/{gone}").status_code == 404
        patch(asked, cut, 200_000, CLIP[200_000:])
        done = [wait_for(asked, each) for each in [*sent, scan_of(cut)]]
        names = [each["name"] for each in done]
        assert len(set(names)) == len(names) == 6 and names[-1] == "cut.mp4"
        assert {each["result"]["verdict"] for each in done} == {"likely_fake"}
        assert soon(lambda: len(list((data / "results").iterdir())) == len(done))
        assert len(list((data / "uploads").iterdir())) == len(done)


@pytest.mark.slow
def test_a_file_that_ends_the_whole_program_twice_is_the_reason(tmp_path):
    data = tmp_path / "data"
    scan_id = ""
    for _ in range(2):
        with Server(data, *OPEN) as running, client(running.address) as asked:
            scan_id = scan_id or send(asked, CLIP)["id"]
            assert soon(partial(is_scanned, asked, scan_id))
            running.end(signal.SIGKILL)
    with Server(data, *OPEN) as running, client(running.address) as asked:
        result = wait_for(asked, scan_id)["result"]
        assert result["status"] == "error" and "twice" in result["message"]


def is_scanned(asked: httpx.Client, scan_id: str) -> bool:
    return asked.get(f"/v1/scans/{scan_id}").json()["state"] == "scanning"


@pytest.mark.slow
def test_nothing_that_its_description_allows_breaks_it(tmp_path):
    with Server(tmp_path / "data", "--frames", "1", "--max-upload", "1", "--rate", "100000") as running:
        answers = ask(running.address, 3, seed=1)
        assert not answers.failed, answers.told
        assert answers.cases > 200 and "5xx" not in answers.classes
        assert running.errors == ""
