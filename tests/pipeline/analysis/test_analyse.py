"""Analysing files: several at a time, frozen pictures once, and what was seen before an error is kept."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

from extractors import create_detector
from extractors.align import CropGeometry
from pipeline.analysis.analyse import Analyser, Classifier
from pipeline.analysis.face_search import StoppedError
from pipeline.analysis.stopwatch import Stopwatch
from pipeline.media import Frame, MediaError, MediaInfo, open_frames
from pipeline.media.sampling import SamplingPlan
from pipeline.media.types import Losses
from tests.media_files import run_ffmpeg

SAMPLES = Path(__file__).parents[3] / "sample_videos"
PLAN = SamplingPlan.spread(16)


class CountingEngine:
    """Gives the mean colour of a crop as its logits, and counts the crops."""

    name, precision, weights_sha256 = "counting", "f32", "0" * 64

    def __init__(self) -> None:
        self.crops = 0

    def predict(self, crops: np.ndarray) -> np.ndarray:
        self.crops += len(crops)
        return crops.mean(axis=(1, 2))[:, :2].astype(np.float32)


@pytest.fixture(scope="module")
def detector():
    return create_detector("mtcnn")


@pytest.fixture
def engine() -> CountingEngine:
    return CountingEngine()


@pytest.fixture
def analyser(detector, engine) -> Analyser:
    return Analyser(detector, [Classifier(engine, CropGeometry(64))])


def seen(analyser: Analyser, path: Path) -> list[tuple]:
    analysis = analyser.analyse(path, PLAN, Stopwatch())
    assert analysis.failure is None
    return [
        (track.id, o.frame, o.time_s, *o.face.box.tolist(), *o.logits.tolist())
        for track in analysis.tracks
        for o in track.observations
    ]


def test_files_that_are_looked_at_together_show_what_each_shows_alone(analyser):
    paths = [SAMPLES / name for name in ("real.mp4", "two_people.mp4", "no_face.mp4", "rotated.mp4")]
    alone = [seen(analyser, path) for path in paths]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda path: seen(analyser, path), paths))
    assert [len(rows) for rows in together] == [16, 32, 0, 16]
    for one, other in zip(alone, together, strict=True):
        assert np.allclose(one, other, atol=1e-3)


def test_a_frozen_picture_is_looked_at_once(analyser, engine, tmp_path):
    portrait, clip = tmp_path / "portrait.png", tmp_path / "frozen.mkv"
    cv2.imwrite(str(portrait), data.astronaut()[..., ::-1])
    run_ffmpeg("-loop", "1", "-t", "4", "-i", portrait, "-c:v", "ffv1", "-pix_fmt", "yuv420p", clip)
    rows = seen(analyser, clip)
    assert len(rows) == 16
    assert len({row[2] for row in rows}) == 16
    assert len({row[3:] for row in rows}) == 1
    assert engine.crops == 1


class BreaksOff:
    """A file source whose decoder fails after some frames."""

    def __init__(self, media: MediaInfo, plan: SamplingPlan) -> None:
        self.warnings: list[str] = []
        self.losses = Losses()
        self._reader = open_frames(media, plan)

    def in_order(self) -> Iterator[Frame]:
        with self._reader as frames:
            yield from itertools.islice(frames, 5)
        raise MediaError("timeout", "it hangs")


def test_what_was_seen_before_an_error_is_kept_and_classified(analyser, monkeypatch):
    monkeypatch.setattr("pipeline.analysis.analyse.FrameSource", BreaksOff)
    analysis = analyser.analyse(SAMPLES / "real.mp4", PLAN, Stopwatch())
    assert str(analysis.failure) == "it hangs"
    (track,) = analysis.tracks
    assert len(track.observations) == analysis.frames == 5
    assert all(observation.logits is not None for observation in track.observations)


class Meddling:
    """A detector that does something else first."""

    def __init__(self, detector: object, meddle: Callable[[], None]) -> None:
        self._detector, self._meddle = detector, meddle

    def __getattr__(self, name: str) -> object:
        self._meddle()
        return getattr(self._detector, name)


def test_a_file_that_is_shortened_while_it_is_looked_at_gives_an_error(detector, engine, tmp_path):
    path = tmp_path / "clip.mkv"
    # So large that no more than some of it is decoded ahead.
    run_ffmpeg("-i", SAMPLES / "real.mp4", "-vf", "scale=1920:-2", "-c:v", "mjpeg", "-qscale", "2", path)
    meddling = Meddling(detector, lambda: os.truncate(path, path.stat().st_size // 2))
    analysis = Analyser(meddling, [Classifier(engine, CropGeometry(64))]).analyse(path, PLAN, Stopwatch())
    assert analysis.failure.status == "error"
    assert "was changed, replaced or moved while it was read" in str(analysis.failure)


def test_two_frames_of_one_time_are_one(analyser, monkeypatch):
    class Twice(BreaksOff):
        def in_order(self) -> Iterator[Frame]:
            with self._reader as frames:
                for frame in frames:
                    yield frame
                    yield frame

    monkeypatch.setattr("pipeline.analysis.analyse.FrameSource", Twice)
    assert len(seen(analyser, SAMPLES / "real.mp4")) == 16


def test_a_scan_that_is_told_to_stop_stops(analyser):
    stopped = threading.Event()
    stopped.set()
    with pytest.raises(StoppedError):
        analyser.analyse(SAMPLES / "real.mp4", PLAN, Stopwatch(), stopped=stopped)


def test_the_seconds_of_each_stage_are_told(analyser):
    stopwatch = Stopwatch()
    analyser.analyse(SAMPLES / "real.mp4", PLAN, stopwatch)
    seconds = stopwatch.total()
    assert set(seconds) == {"probe", "decode", "detect", "align", "classify", "provenance", "total"}
    assert sum(seconds.values()) - seconds["total"] <= seconds["total"]
