"""Several models side by side."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="comparing needs the extra 'train'")

from classifiers.evaluation.compare import (
    Contender,
    best_of,
    crops_per_second,
    to_csv,
    to_table,
    write_comparison,
)
from classifiers.evaluation.metrics import Interval


def contender(name: str, auc: float, speed: float = 100.0) -> Contender:
    area = Interval(auc, auc - 0.1, min(auc + 0.05, 1.0))
    return Contender(name, name, 96, 1_234_567, 4.9, speed, "openvino", area, Interval(0.8, 0.7, 0.9), 0.51, 45, 45)


CONTENDERS = [contender("cnn", 0.7), contender("xception <b>", 0.9), contender("mesonet", 0.9, speed=300.0)]


def test_best_is_the_largest_area_and_then_the_fastest():
    assert best_of(CONTENDERS).name == "mesonet"


def test_csv_marks_the_best_and_keeps_the_order():
    rows = list(csv.DictReader(io.StringIO(to_csv(CONTENDERS))))
    assert [(row["model"], row["best"]) for row in rows] == [("cnn", "0"), ("xception <b>", "0"), ("mesonet", "1")]
    assert (rows[0]["auc"], rows[0]["auc_low"], rows[0]["parameters"]) == ("0.7000", "0.6000", "1234567")


def test_table_has_the_best_first():
    lines = to_table(CONTENDERS).splitlines()
    assert "mesonet *" in lines[2] or "mesonet *" in lines[3]
    assert lines[-1].startswith("cnn") and len({len(line) for line in lines}) == 1


def test_page_is_whole_and_executes_nothing(tmp_path):
    files = write_comparison(CONTENDERS, "test split of <i>faces</i>", tmp_path / "new")
    assert [file.name for file in files] == ["compare.csv", "compare.png", "compare.html"]
    assert sorted(files) == sorted((tmp_path / "new").iterdir())
    assert files[0].read_text() == to_csv(CONTENDERS)
    assert files[1].read_bytes().startswith(b"\x89PNG")
    page = files[2].read_text()
    assert "xception &lt;b&gt;" in page and "&lt;i&gt;faces" in page
    assert "<script" not in page and "http:" not in page and "https:" not in page and "src=" in page
    assert """Content-Security-Policy" content="default-src 'none';""" in page


def test_speed_counts_crops():
    class Engine:
        """Takes a hundredth of a second for a batch."""

        def predict(self, crops: np.ndarray) -> np.ndarray:
            import time

            time.sleep(0.01)
            return np.zeros((len(crops), 2), np.float32)

    assert 100 < crops_per_second(Engine(), np.zeros((8, 4, 4, 3), np.uint8), seconds=0.05) <= 800
