"""Frames that are searched one by one, and forgotten."""

from __future__ import annotations

import numpy as np

from extractors import create_detector
from extractors.align import CropGeometry
from pipeline.analysis.analyse import Analyser, Classifier
from pipeline.analysis.stopwatch import Stopwatch
from pipeline.media import Frame, open_frames, probe
from pipeline.media.sampling import SamplingPlan
from tests.media_files import SAMPLES


class MeanColour:
    """Gives the mean colour of a crop as its logits."""

    name, precision, weights_sha256 = "mean colour", "f32", "0" * 64

    def predict(self, crops: np.ndarray) -> np.ndarray:
        return crops.mean(axis=(1, 2))[:, :2].astype(np.float32)


def seen(analyser: Analyser, frames: list[Frame], kept_s: float) -> tuple[list[list[float]], int]:
    """Give places and logits of the faces of each frame, and the number of frames that are remembered at the end."""
    rows = []
    with analyser.open(Stopwatch()) as search:
        for frame in frames:
            assert search.search(each for each in [frame]) is None
            latest = search.latest()
            assert latest.time_s == frame.time_s
            rows.append([v for o in latest.observations for v in (*o.face.box.tolist(), *o.logits.tolist())])
            search.forget(frame.time_s - kept_s)
        assert search.frames == len(frames)
        return rows, len(search.seen())


def test_what_is_forgotten_changes_nothing_of_what_comes():
    with open_frames(probe(SAMPLES / "two_people.mp4"), SamplingPlan.at_fps(5)) as reader:
        frames = list(reader)
    analyser = Analyser(create_detector("mtcnn"), [Classifier(MeanColour(), CropGeometry(64))])
    all_kept, remembered = seen(analyser, frames, 1e9)
    some_kept, fewer = seen(analyser, frames, 2.0)
    assert some_kept == all_kept and {len(row) for row in all_kept} == {12}
    assert (remembered, fewer) == (len(frames), 11)
