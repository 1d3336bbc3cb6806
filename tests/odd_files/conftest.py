from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from pipeline import Scanner, Verdict
from pipeline.media.sampling import SamplingPlan
from pipeline.results.schema import schema


@pytest.fixture(scope="session")
def scan_few() -> Callable[[Path], Verdict]:
    """Scans eight frames of a file with the shipped weights, and gives the verdict as it is stored and read again."""
    scanner = Scanner(plan=SamplingPlan.spread(8))

    def scan(path: Path) -> Verdict:
        document = json.loads(json.dumps(scanner.scan(path).to_json()))
        jsonschema.validate(document, schema())
        return Verdict.from_json(document)

    return scan
