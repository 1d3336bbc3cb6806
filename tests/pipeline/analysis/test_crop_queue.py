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
from pipeline.analysis.tracks import Observation
from tests.evidence import face


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


def observation() -> Observation:
    return Observation(0, 0.0, face(0, 0, 100), 1.0)


def classify(queue: CropQueue, levels: list[int]) -> list[float]:
    """One file: the first logit of each crop."""
    seen = [observation() for _ in levels]
    with queue.open() as crops:
        for level, each in zip(levels, seen, strict=True):
            crops.add(crop(level), [each])
        crops.finish()
    return [float(each.logits[0]) for each in seen]


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
                crops.add(crop(level), [observation()])
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


def test_a_repeated_picture_is_classified_once():
    engine = Brightness()
    seen = [observation() for _ in range(3)]
    with CropQueue(engine, 8).open() as crops:
        crops.add(crop(7), seen)
        crops.finish()
    assert [float(each.logits[0]) for each in seen] == [7, 7, 7]
    assert engine.batches == [1]


def test_more_crops_may_follow_a_wait():
    with CropQueue(Brightness(), 8).open() as crops:
        for level in (1, 2):
            seen = observation()
            crops.add(crop(level), [seen])
            crops.finish()
            assert seen.logits[0] == level


def test_a_failure_of_the_network_reaches_the_file_and_none_after_it():
    queue = CropQueue(Brightness(), 8)
    with pytest.raises(RuntimeError, match="too bright"):
        classify(queue, [1, 255])
    assert classify(queue, [3]) == [3]


def test_a_file_whose_crop_failed_takes_no_more():
    with CropQueue(Brightness(), 1).open() as crops:
        crops.add(crop(255), [observation()])
        with pytest.raises(RuntimeError, match="too bright"):
            crops.add(crop(1), [observation()])


def test_a_file_that_waits_for_another_one_is_idle():
    class Slow(Brightness):
        def predict(self, crops: np.ndarray) -> np.ndarray:
            busy.set()
            waiting.wait(20)
            time.sleep(0.5)
            return super().predict(crops)

    queue = CropQueue(Slow(), 2)
    busy, waiting = threading.Event(), threading.Event()

    def finish_late() -> float:
        with queue.open() as crops:
            both_open.wait()
            crops.add(crop(2), [observation()])
            batch_complete.wait(20)
            busy.wait(20)
            waiting.set()
            before = time.thread_time()
            crops.finish()
            return time.thread_time() - before

    def complete() -> None:
        with queue.open() as crops:
            both_open.wait()
            while len(queue._entries) < 1:
                time.sleep(0.001)
            batch_complete.set()
            crops.add(crop(1), [observation()])
            crops.finish()

    both_open, batch_complete = threading.Barrier(2), threading.Event()
    with ThreadPoolExecutor(2) as threads:
        spent = threads.submit(finish_late)
        threads.submit(complete).result()
        assert spent.result() < 0.2


def test_crops_of_a_file_that_broke_off_are_forgotten():
    engine = Brightness()
    queue = CropQueue(engine, 8)
    with queue.open() as crops:
        crops.add(crop(255), [observation()])
    assert classify(queue, [3]) == [3]
    assert engine.batches == [1]
