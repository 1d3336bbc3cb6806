"""Runs a server where nothing can be written but its own folder, and no network is but the one within the machine.

    unshare -rmn sh -c 'mount ... && exec python tests/caged_server.py SAMPLE HEALTH... -- SERVER...'

It starts SERVER, runs HEALTH, has SAMPLE scanned, and prints the result.
"""

from __future__ import annotations

import fcntl
import json
import socket
import struct
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ADDRESS = "http://127.0.0.1:8000"
TOKEN = "token-of-the-tests-1234"
_SET_FLAGS, _UP = 0x8914, 1
_BOUNDARY = "between-the-parts"


def main() -> None:
    sample = Path(sys.argv[1])
    split = sys.argv.index("--")
    health, command = sys.argv[2:split], sys.argv[split + 1 :]
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh22x", b"lo", _UP))
    try:
        Path("is-it-read-only").touch()
    except OSError:
        pass
    else:
        raise SystemExit("the working folder can be written")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout.readline().startswith("facewitness serve: listening")
            subprocess.run(health, check=True)
            scan = ask("/v1/scans", form(sample))["scans"][0]
            while scan["state"] != "done":
                time.sleep(0.1)
                scan = ask(f"/v1/scans/{scan['id']}")
            print(json.dumps(scan["result"]))
        finally:
            server.terminate()


def ask(path: str, body: bytes | None = None) -> dict:
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"}
    with urllib.request.urlopen(urllib.request.Request(ADDRESS + path, body, headers), timeout=30) as answer:
        return json.load(answer)


def form(file: Path) -> bytes:
    head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{file.name}"\r\n\r\n'
    return head.encode() + file.read_bytes() + f"\r\n--{_BOUNDARY}--\r\n".encode()


if __name__ == "__main__":
    main()
