"""Asks a running server whatever its description allows, and what it does not, with schemathesis."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

_CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
    "use_after_free",
    "ignored_auth",
)
"""Not those that say which status a request must get, for tus has 412 for what they call malformed; nor the one that
looks for what was made before, for it does not know that DELETE of tus removes scans."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What came of it.

    Attributes:
        statuses: number of answers by status.
        failed: whether a check did.
        told: what schemathesis says.
    """

    statuses: Counter[int]
    failed: bool
    told: str

    @property
    def cases(self) -> int:
        """Number of requests."""
        return self.statuses.total()

    @property
    def classes(self) -> dict[str, int]:
        """Number of answers by class of status, such as "4xx"."""
        found: Counter[str] = Counter()
        for status, number in self.statuses.items():
            found[f"{status // 100}xx"] += number
        return dict(sorted(found.items()))


def ask(address: str, most_examples: int, seed: int, token: str | None = None) -> Answers:
    """Ask a server.

    Args:
        address: without a slash at its end.
        most_examples: of each operation and phase.
        seed: of what is made up.
        token: that is shown.
    """
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "asked.har"
        command = [sys.executable, "-m", "schemathesis.cli", "run", f"{address}/openapi.json"]
        command += ["--checks", ",".join(_CHECKS), "--continue-on-failure", "--no-color", "--no-shrink"]
        command += ["--max-examples", str(most_examples), "--seed", str(seed), "--request-timeout", "20"]
        # One that never ends tells nothing more.
        command += ["--exclude-path", "/v1/events", "--generation-database", "none", "--warnings", "off"]
        command += ["--report", "har", "--report-har-path", str(archive)]
        command += ["--header", f"Authorization: Bearer {token}"] if token else []
        environment = {**os.environ, "SCHEMATHESIS_HOOKS": "serving.schema_cases"}
        scripts = str(Path(__file__).parents[1])
        environment["PYTHONPATH"] = os.pathsep.join([scripts, environment.get("PYTHONPATH", "")])
        done = subprocess.run(command, env=environment, cwd=folder, text=True, capture_output=True, check=False)
        statuses = Counter[int]()
        if archive.exists():
            entries = json.loads(archive.read_text(encoding="utf-8"))["log"]["entries"]
            statuses.update(entry["response"]["status"] for entry in entries)
        return Answers(statuses, done.returncode != 0, done.stdout + done.stderr)
