"""Decoding ahead: the same frames in the same order, never more than there is room for."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pipeline.media import Frame, FrameReader, MediaError, open_frames, probe
from pipeline.media.pixels import RgbPixels
from pipeline.media.prefetch import Prefetch
from pipeline.media.sampling import SamplingPlan
from pipeline.media.types import Losses

CLIP = Path(__file__).parents[3] / "sample_videos" / "real.mp4"


class Pictures:
    """Ten pictures; counts how many were asked for, and whether the reader was closed."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.decoded = 0
        self.closed = False
        self.failure = failure

    def reader(self) -> FrameReader:
        return FrameReader(self._frames(), [], Losses())

    def _frames(self) -> Iterator[Frame]:
        try:
            for number in range(10):
                self.decoded += 1
                yield Frame(number, float(number), RgbPixels(np.zeros((10, 10, 3), np.uint8)))
            if self.failure:
                raise self.failure
        finally:
            self.closed = True


def test_frames_are_those_of_the_reader():
    info = probe(CLIP)
    plan = SamplingPlan.spread(8)
    with open_frames(info, plan) as reader:
        expected = list(reader)
    with Prefetch(open_frames(info, plan)) as frames:
        seen = list(frames)
    assert [frame.time_s for frame in seen] == [frame.time_s for frame in expected]
    assert all(np.array_equal(a.image, b.image) for a, b in zip(seen, expected, strict=True))


@pytest.mark.parametrize(("room", "ahead"), [(1, 1), (300, 1), (900, 3), (10_000, 10)])
def test_no_more_frames_wait_than_there_is_room_for(room, ahead):
    pictures = Pictures()
    with Prefetch(pictures.reader(), ahead_bytes=room) as frames:
        for taken, _ in enumerate(frames, start=1):
            # Besides those that wait there is one in the hands of the decoder.
            deadline = time.monotonic() + 5
            while pictures.decoded < min(10, taken + ahead) and time.monotonic() < deadline:
                time.sleep(0.001)
            assert pictures.decoded <= taken + ahead + 1
    assert pictures.decoded == 10


def test_an_error_comes_after_the_frames_before_it():
    pictures = Pictures(MediaError("undecodable", "cut off"))
    seen = []
    with pytest.raises(MediaError, match="cut off"), Prefetch(pictures.reader()) as frames:
        seen.extend(frames)
    assert pictures.closed


def test_closing_early_ends_the_decoder():
    pictures = Pictures()
    before = threading.active_count()
    with Prefetch(pictures.reader(), ahead_bytes=1) as frames:
        next(iter(frames))
    assert pictures.closed
    assert pictures.decoded < 10
    assert threading.active_count() == before
