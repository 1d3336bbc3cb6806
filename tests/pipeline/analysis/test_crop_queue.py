"""Crops of many files in full batches: each gets its own logits, and nobody waits for ever."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.analysis.crop_queue import CropQueue


class Brightness:
    """An engine whose logits are the brightness of the crop and its negative; white crops break it."""

    name, precision, weights_sha256 = "brightness", "f32", "0" * 64

    def __init__(self) -> None:
        self.batches: list[int] = []

    def predict(self, crops: np.ndarray) -> np.ndarray:
        if crops.max() == 255:
            raise RuntimeError("too bright")
        self.batches.append(len(crops))
        level = crops.mean(axis=(1, 2, 3), dtype=np.float32)
        return np.stack([level, -level], axis=1)


def crop(level: int) -> np.ndarray:
    return np.full((4, 4, 3), level, np.uint8)


def classify(queue: CropQueue, levels: list[int]) -> list[float]:
    """One file: the first logit of each crop."""
    with queue.open() as crops:
        logits = [crops.submit(crop(level)) for level in levels]
        crops.finish()
    return [float(each.result(0)[0]) for each in logits]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.integers(0, 254), max_size=30), min_size=1, max_size=5), st.integers(1, 9))
def test_every_crop_of_every_file_gets_its_own_logits(files, batch):
    engine = Brightness()
    queue = CropQueue(engine, batch)
    with ThreadPoolExecutor(len(files)) as threads:
        assert list(threads.map(lambda levels: classify(queue, levels), files)) == files
    assert sum(engine.batches) == sum(map(len, files))
    assert max(engine.batches, default=0) <= batch


def test_batches_cross_the_borders_of_files():
    engine = Brightness()
    queue = CropQueue(engine, 8)
    both_open = threading.Barrier(2)

    def scan(level: int) -> None:
        with queue.open() as crops:
            both_open.wait()
            for _ in range(12):
                crops.submit(crop(level))
            crops.finish()

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(scan, (1, 2)))
    assert engine.batches == [8, 8, 8]


def test_one_file_alone_need_not_fill_a_batch():
    engine = Brightness()
    assert classify(CropQueue(engine, 8), [1, 2, 3]) == [1, 2, 3]
    assert engine.batches == [3]


def test_a_file_does_not_wait_for_one_that_has_no_faces():
    queue = CropQueue(Brightness(), 8)
    with queue.open():
        assert classify(queue, [5]) == [5]


def test_more_crops_may_follow_a_wait():
    with CropQueue(Brightness(), 8).open() as crops:
        for level in (1, 2):
            logits = crops.submit(crop(level))
            crops.finish()
            assert logits.result(0)[0] == level


def test_a_failure_of_the_network_reaches_whoever_holds_the_logits():
    with CropQueue(Brightness(), 8).open() as crops:
        logits = crops.submit(crop(255))
        with pytest.raises(RuntimeError, match="too bright"):
            crops.finish()
    with pytest.raises(RuntimeError, match="too bright"):
        logits.result(0)


def test_a_failure_of_the_network_reaches_the_file_and_none_after_it():
    queue = CropQueue(Brightness(), 8)
    with pytest.raises(RuntimeError, match="too bright"):
        classify(queue, [1, 255])
    assert classify(queue, [3]) == [3]


def test_a_file_whose_crop_failed_takes_no_more():
    with CropQueue(Brightness(), 1).open() as crops:
        crops.submit(crop(255))
        with pytest.raises(RuntimeError, match="too bright"):
            crops.submit(crop(1))


def test_a_file_that_waits_for_another_one_is_idle():
    first_is_in, network_is_busy, first_waits = threading.Event(), threading.Event(), threading.Event()

    class Slow(Brightness):
        def predict(self, crops: np.ndarray) -> np.ndarray:
            network_is_busy.set()
            first_waits.wait(20)
            time.sleep(0.5)
            return super().predict(crops)

    queue = CropQueue(Slow(), 2)
    both_open = threading.Barrier(2)

    def wait_for_the_other() -> float:
        with queue.open() as crops:
            both_open.wait()
            crops.submit(crop(2))
            first_is_in.set()
            network_is_busy.wait(20)
            first_waits.set()
            before = time.thread_time()
            crops.finish()
            return time.thread_time() - before

    def complete_the_batch() -> None:
        with queue.open() as crops:
            both_open.wait()
            first_is_in.wait(20)
            crops.submit(crop(1))
            crops.finish()

    with ThreadPoolExecutor(2) as threads:
        spent = threads.submit(wait_for_the_other)
        threads.submit(complete_the_batch).result()
        assert spent.result() < 0.2


def test_crops_of_a_file_that_broke_off_are_forgotten():
    engine = Brightness()
    queue = CropQueue(engine, 8)
    with queue.open() as crops:
        crops.submit(crop(255))
    assert classify(queue, [3]) == [3]
    assert engine.batches == [1]
