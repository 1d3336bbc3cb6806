from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.pipeline.server.clients import client

sys.path.insert(0, str(Path(__file__).parents[3] / "scripts"))

from serving.running import Server

FRAMES = "4"
OPEN = ("--frames", FRAMES, "--max-upload", "1", "--rate", "1000")


@pytest.fixture(scope="package")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `server`."""
    return tmp_path_factory.mktemp("serve") / "data"


@pytest.fixture(scope="package")
def server(data: Path) -> Iterator[Server]:
    """A server without a token that takes files of up to 1 MiB."""
    with Server(data, *OPEN, "--upload-timeout", "1") as running:
        yield running
        assert not running.errors


@pytest.fixture
def asked(server: Server) -> Iterator[httpx.Client]:
    with client(server.address) as made:
        yield made
