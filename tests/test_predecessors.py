"""What `scripts/reproduce_predecessors.py` makes of its data and of its figures."""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import pytest

from classifiers.datasets import open_dataset
from tests.tiny_shards import write_shards

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))

from predecessors.data import DATA_SETS, QUALITY, SIDE, part_of_training
from predecessors.jobs import JOBS
from predecessors.outcome import Outcome
from predecessors.page import page

FOUND = Outcome(
    preset="tutorial-cnn",
    percent=100,
    counts={"train real": 40, "train fake": 30},
    level="image",
    tested=(200, 150),
    accuracy=(0.81, 0.75, 0.86),
    binomial=(0.77, 0.85),
    auc=(0.9, 0.85, 0.95),
    grouped_by="source",
    seconds=61.0,
    settings={"steps": 1500},
)


HELD_OUT = {"news", "puppet"}


@pytest.fixture(scope="module")
def faces(tmp_path_factory) -> Path:
    """Shards of which two sources of clips are held out."""
    folder = write_shards(tmp_path_factory.mktemp("shards"))
    rows = list(csv.DictReader((folder / "video_faces.csv").open(newline="")))
    rows = [{**row, "source": row["clip"]} for row in rows]
    # Three sources of each class: for training, validation and testing.
    rows += [{**row, "clip": "another", "source": "another"} for row in rows if row["clip"] == "swap"]
    for name, chosen in (("video_faces", rows[:6]), ("video_swaps", rows[6:])):
        with (folder / f"{name}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows({**row, "split": "val" if row["source"] in HELD_OUT else "train"} for row in chosen)
    return folder


def test_pictures_are_of_one_size_and_one_compression(faces, tmp_path):
    DATA_SETS["clips"](faces, tmp_path, 1)
    samples = open_dataset(tmp_path)
    assert {s.source for s in samples if s.split == "test"} == HELD_OUT
    assert not {s.source for s in samples if s.split != "test"} & HELD_OUT
    tables = set()
    for sample in samples:
        assert cv2.imread(str(sample.path)).shape == (SIDE, SIDE, 3)
        content = sample.path.read_bytes()
        # The quantisation tables, which the quality decides.
        tables.add(content[content.index(b"\xff\xdb") : content.index(b"\xff\xc0")])
    assert len(tables) == 1 and 1 <= QUALITY <= 100


def test_part_of_the_training_split_leaves_the_others_whole(faces, tmp_path):
    DATA_SETS["clips"](faces, tmp_path / "whole", 1)
    part_of_training(tmp_path / "whole", tmp_path / "part", 50, 1)
    whole, part = (open_dataset(tmp_path / name) for name in ("whole", "part"))
    for split in ("val", "test"):
        assert [s.path for s in whole if s.split == split] == [s.path for s in part if s.split == split]
    for fake in (False, True):
        before, after = (sum(s.split == "train" and s.fake is fake for s in found) for found in (whole, part))
        assert after == max(1, before // 2)


def test_outcome_comes_back_from_disk(tmp_path):
    FOUND.save(tmp_path / "outcomes" / "cnn.json")
    assert Outcome.load(tmp_path / "outcomes" / "cnn.json") == FOUND
    assert json.loads((tmp_path / "outcomes" / "cnn.json").read_text())["percent"] == 100


def test_page_says_what_was_reached_missed_and_not_run():
    missed = replace(FOUND, preset="tutorial-xception", accuracy=(0.8, 0.7, 0.9))
    quarter = replace(missed, percent=25, accuracy=(0.6, 0.5, 0.7))
    found = {(one.preset, one.percent): one for one in (FOUND, missed, quarter)}
    text = page(found, {}, 2)
    rows = {row.split("`")[1]: row for row in text.splitlines() if row.startswith("| (")}
    assert "80%: reached" in rows["tutorial-cnn"] and "85%: missed" in rows["tutorial-xception"]
    assert "200 + 150" in rows["tutorial-cnn"] and "81.0% [75.0%, 86.0%]" in rows["tutorial-cnn"]
    assert "--steps 1500" in rows["tutorial-cnn"] and "(2 cores)" in text
    assert "| `tutorial-xception` | 25% | 60.0% [50.0%, 70.0%] |" in text
    not_run = text.partition("## Not run")[2]
    assert all((f"`{job.preset}`" in not_run) == (job.preset not in rows) for job in JOBS)
