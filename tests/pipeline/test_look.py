"""Looking at files: several at a time, frozen pictures once, and what was seen before an error is kept."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

from extractors import create_detector
from extractors.align import CropGeometry
from pipeline.look import Looker, Sight
from pipeline.media import MediaError
from pipeline.sampling import SamplingPlan
from tests.media_files import run_ffmpeg

SAMPLES = Path(__file__).parents[2] / "sample_videos"
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
def looker(detector, engine) -> Looker:
    return Looker(detector, CropGeometry(64), engine)


def seen(looker: Looker, path: Path) -> list[tuple]:
    sight = Sight()
    looker.look(path, PLAN, sight)
    return [
        (track.id, o.frame, o.time_s, *o.face.box.tolist(), *o.logits.tolist())
        for track in sight.tracks
        for o in track.observations
    ]


def test_files_that_are_looked_at_together_show_what_each_shows_alone(looker):
    paths = [SAMPLES / name for name in ("real.mp4", "two_people.mp4", "no_face.mp4", "rotated.mp4")]
    alone = [seen(looker, path) for path in paths]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda path: seen(looker, path), paths))
    assert [len(rows) for rows in together] == [16, 32, 0, 16]
    for one, other in zip(alone, together, strict=True):
        assert np.allclose(one, other, atol=1e-3)


def test_a_frozen_picture_is_looked_at_once(looker, engine, tmp_path):
    portrait, clip = tmp_path / "portrait.png", tmp_path / "frozen.mkv"
    cv2.imwrite(str(portrait), data.astronaut()[..., ::-1])
    run_ffmpeg("-loop", "1", "-t", "4", "-i", portrait, "-c:v", "ffv1", "-pix_fmt", "yuv420p", clip)
    rows = seen(looker, clip)
    assert len(rows) == 16
    assert len({row[2] for row in rows}) == 16
    assert len({row[3:] for row in rows}) == 1
    assert engine.crops == 1


def test_what_was_seen_before_an_error_is_kept_and_classified(looker, tmp_path):
    whole, cut = tmp_path / "whole.avi", tmp_path / "cut.avi"
    run_ffmpeg("-i", SAMPLES / "real.mp4", "-c:v", "mjpeg", "-an", whole)
    content = whole.read_bytes()
    # The second half is damaged beyond what a decoder can make a picture of.
    cut.write_bytes(content[: len(content) // 2] + bytes(len(content) // 2))
    sight = Sight()
    with contextlib.suppress(MediaError):
        looker.look(cut, PLAN, sight)
    assert sight.media is not None
    (track,) = sight.tracks
    assert 3 <= len(track.observations) <= 16
    assert all(observation.logits is not None for observation in track.observations)
