"""Nothing that a scan imports or does speaks to the network, or writes where it was not told to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SAMPLES = Path(__file__).parents[2] / "sample_videos"

_WATCHED = """
import sys
def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.gethostbyname"):
        print("NETWORK", event, arguments[1:], file=sys.stderr)
sys.addaudithook(watch)
from pipeline.cli import main
status = main(sys.argv[1:])
import time
time.sleep(1)
print("TELEMETRY", sys.modules["openvino_telemetry"], file=sys.stderr)
sys.exit(status)
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("model", ["mobilenet_efficientnet", pytest.param("vgg16", marks=pytest.mark.slow)])
def test_a_scan_asks_for_no_address_and_leaves_the_home_folder_alone(home, tmp_path, model):
    command = ["scan", str(SAMPLES / "real.mp4"), "-o", str(tmp_path / "out"), "--report", "--model", model]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    run = subprocess.run(
        [sys.executable, "-c", _WATCHED, *command],
        env=environment | {"HOME": str(home), "USERPROFILE": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "NETWORK" not in run.stderr
    assert "TELEMETRY None" in run.stderr
    assert list(home.rglob("*")) == []


@pytest.mark.parametrize("package", ["classifiers", "extractors"])
def test_either_package_alone_keeps_openvino_silent(package):
    code = f"import {package}, openvino, sys; sys.exit(sys.modules['openvino_telemetry'] is not None)"
    subprocess.run([sys.executable, "-c", code], check=True)
