"""Many clients that upload as fast as they are let."""

from __future__ import annotations

import base64
import os
import threading
import time
from dataclasses import dataclass, field

import httpx
import psutil

_TUS = {"Tus-Resumable": "1.0.0"}
_MEBIBYTE = 1 << 20


@dataclass(slots=True)
class Sent:
    """What clients sent.

    Attributes:
        names: of the files, by the names of their scans.
        put_off: number of times that a client was told to come back later.
        failures: what went wrong, in words.
    """

    names: dict[str, str] = field(default_factory=dict)
    put_off: int = 0
    failures: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Watched:
    """What was seen of the server, once in a while.

    Attributes:
        health_s: seconds that each answer of /healthz took.
        memory: seconds since the start, resident MiB of the server process, and of it with its workers.
    """

    health_s: list[float] = field(default_factory=list)
    memory: list[tuple[float, float, float]] = field(default_factory=list)

    def peaks(self, from_s: float, to_s: float) -> tuple[float, float]:
        """Give the highest of both in a stretch of time; 0 where nothing was seen."""
        seen = [(own, all_) for at, own, all_ in self.memory if from_s <= at <= to_s]
        return max((own for own, _ in seen), default=0.0), max((all_ for _, all_ in seen), default=0.0)


def upload(address: str, clip: bytes, clients: int, seconds: float) -> Sent:
    """Let clients upload distinct copies of a clip, in turn as a form and by tus, for some time."""
    sent, busy, until = Sent(), threading.Lock(), time.monotonic() + seconds

    def work(number: int) -> None:
        count = 0
        with httpx.Client(base_url=address, timeout=60, trust_env=False) as asked:
            while time.monotonic() < until:
                count += 1
                name = f"client-{number}-{count}.mp4"
                # A box that decoders leave out.
                content = clip + (24).to_bytes(4, "big") + b"free" + os.urandom(16)
                try:
                    scan_id, put_off = _send(asked, name, content, by_tus=(number + count) % 2 == 0, until=until)
                except (httpx.HTTPError, ValueError) as error:
                    with busy:
                        sent.failures.append(f"{name}: {type(error).__name__}: {error}")
                    continue
                with busy:
                    sent.put_off += put_off
                    if scan_id:
                        sent.names[scan_id] = name

    threads = [threading.Thread(target=work, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sent


def _send(asked: httpx.Client, name: str, content: bytes, *, by_tus: bool, until: float) -> tuple[str | None, int]:
    """Send a file; the name of its scan, None where the time was over before, and how often it was put off."""
    metadata = f"filename {base64.b64encode(name.encode()).decode()}"
    put_off = 0
    while True:
        if by_tus:
            headers = {**_TUS, "Upload-Length": str(len(content)), "Upload-Metadata": metadata}
            answer = asked.post("/v1/uploads", headers=headers)
        else:
            answer = asked.post("/v1/scans", files={"file": (name, content)})
        if answer.status_code != 429:
            break
        put_off += 1
        time.sleep(min(float(answer.headers["Retry-After"]), max(0.0, until - time.monotonic())))
        if time.monotonic() >= until:
            return None, put_off
    if answer.status_code != 201:
        raise ValueError(f"{answer.status_code} {answer.text}")
    if not by_tus:
        return answer.json()["scans"][0]["id"], put_off
    path, half = answer.headers["Location"], len(content) // 2
    for offset, part in ((0, content[:half]), (half, content[half:])):
        headers = {**_TUS, "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
        answer = asked.patch(path, headers=headers, content=part)
        if answer.status_code != 204:
            raise ValueError(f"{answer.status_code} {answer.text}")
    return path.rpartition("/")[2], put_off


def wait_for_all(address: str, timeout_s: float) -> None:
    """Wait until nothing waits or is scanned any more."""
    with httpx.Client(base_url=address, timeout=60, trust_env=False) as asked:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            left = [
                asked.get("/v1/scans", params={"state": state, "limit": 1}).json()["scans"]
                for state in ("waiting", "scanning")
            ]
            if not any(left):
                return
            time.sleep(0.5)


def results(address: str) -> dict[str, list[tuple[str, str]]]:
    """Give the names of scans and their statuses, "" where there is no result, by the name of the file."""
    found: dict[str, list[tuple[str, str]]] = {}
    with httpx.Client(base_url=address, timeout=60, trust_env=False) as asked:
        page = {"more": True, "scans": []}
        while page["more"]:
            before = {"before": page["scans"][-1]["id"]} if page["scans"] else {}
            page = asked.get("/v1/scans", params={"limit": 100, **before}).json()
            for scan in page["scans"]:
                status = (scan["result"] or {}).get("status", "")
                found.setdefault(scan["name"], []).append((scan["id"], status))
    return found


def watch(address: str, process: int, stop: threading.Event) -> Watched:
    """Look at the server until told to stop."""
    watched, began = Watched(), time.monotonic()
    server = psutil.Process(process)
    with httpx.Client(base_url=address, timeout=60, trust_env=False) as asked:
        while not stop.wait(0.25):
            asked_at = time.monotonic()
            asked.get("/healthz").raise_for_status()
            watched.health_s.append(time.monotonic() - asked_at)
            own, workers = server.memory_info().rss, 0
            for child in server.children(recursive=True):
                try:
                    workers += child.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            watched.memory.append((asked_at - began, own / _MEBIBYTE, (own + workers) / _MEBIBYTE))
    return watched
