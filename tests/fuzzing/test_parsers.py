"""What the project parses itself takes any bytes, or refuses them with the error that it documents."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from fuzzing.targets import TARGETS
from fuzzing.text_changes import changed_json, changed_text
from hypothesis import given, settings
from hypothesis import strategies as st

SCRIPT = Path(__file__).parents[2] / "scripts" / "fuzz_parsers.py"
NAMES = pytest.mark.parametrize("name", TARGETS)


@NAMES
def test_examples_are_taken(name):
    for example in TARGETS[name].examples:
        TARGETS[name].try_out(example)


@NAMES
@settings(max_examples=60)
@given(data=st.binary(max_size=2000))
def test_any_bytes_are_taken_or_refused(name, data):
    TARGETS[name].try_out(data)


@NAMES
@settings(max_examples=150)
@given(seed=st.integers(0, 1 << 32), changes=st.integers(1, 4))
def test_what_nearly_makes_sense_is_taken_or_refused(name, seed, changes):
    random = Random(seed)
    data = random.choice(TARGETS[name].examples)
    for _ in range(changes):
        data = TARGETS[name].change(data, random)
    TARGETS[name].try_out(data)


@given(st.binary(max_size=500), st.integers(0, 1 << 32), st.sampled_from([changed_text, changed_json]))
def test_changes_follow_from_their_arguments(data, seed, change):
    assert change(data, Random(seed)) == change(data, Random(seed))


def test_changed_json_is_json_but_for_what_is_nested_too_deep():
    for seed in range(200):
        changed = changed_json(b'{"a": [1, {"b": null}], "c": "d"}', Random(seed))
        if not changed.startswith(b"[[["):
            json.loads(changed)


def test_the_script_says_what_it_needs_or_runs(tmp_path):
    command = [sys.executable, SCRIPT, "packets", "--seconds", "1", "--keep", tmp_path]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0 or "pip install atheris" in result.stderr
