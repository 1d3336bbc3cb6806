"""Pictures that stay on screen: frozen calls, screen recordings, slides. What is shown for a minute decides."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import jsonschema
import pytest
from PIL import Image

from classifiers import find_model
from pipeline import Scanner, Verdict
from pipeline.analysis.aggregate import weigh
from pipeline.evidence.charts import lane, step
from pipeline.media import SamplingPlan, open_frames, probe
from pipeline.results.schema import schema
from tests.media_files import EVERY, run_ffmpeg

SAMPLES = Path(__file__).parents[2] / "sample_videos"
FORGED, REAL, EMPTY = "manipulated", "real", "no_face"

HOLD_S = 60.0

Shown = tuple[str, int]
"""Name of a sample video, and how many of its frames."""

Make = Callable[[Path], Path]
"""Writes a file."""


def frames_with_holds(path: Path, shown: list[Shown], times: str) -> Path:
    """Join frames of sample videos; `times` gives the time of frame N in seconds, in ffmpeg's language."""
    inputs = [part for name, _ in shown for part in ("-i", SAMPLES / f"{name}.mp4")]
    cuts = [f"[{k}:v]trim=end_frame={count},setpts=N/25/TB[v{k}]" for k, (_, count) in enumerate(shown)]
    joined = "".join(f"[v{k}]" for k in range(len(shown)))
    graph = f"{';'.join(cuts)};{joined}concat=n={len(shown)},setpts='({times})/TB'"
    codec = ["libvpx", "-deadline", "realtime"] if path.suffix == ".webm" else ["libx264", "-preset", "ultrafast"]
    run_ffmpeg(*inputs, "-filter_complex", graph, "-fps_mode", "vfr", "-c:v", *codec, "-crf", 20, "-b:v", "2M", path)
    return path


def held_after(number: int) -> str:
    """Frame `number` is held, the others are 25 a second."""
    return f"N/25+if(gt(N,{number}),{HOLD_S},0)"


def frozen(path: Path) -> Path:
    return frames_with_holds(path, [(FORGED, 60), (REAL, 125)], held_after(59))


def frozen_at_once(path: Path) -> Path:
    return frames_with_holds(path, [(FORGED, 1), (REAL, 125)], held_after(0))


def shown_once(path: Path) -> Path:
    return frames_with_holds(path, [(EMPTY, 50), (FORGED, 1), (EMPTY, 75)], held_after(50))


def slides(path: Path) -> Path:
    """Nine slides of a forged picture; one frame of it is held at the end of each six."""
    return frames_with_holds(path, [(REAL, 45), (FORGED, 54)], "N/25+8*floor(max(N-45,0)/6)")


def animation(path: Path) -> Path:
    with open_frames(probe(SAMPLES / "manipulated.mp4"), SamplingPlan.spread(1)) as reader:
        pictures = [Image.fromarray(frame.image) for frame in reader]
    with open_frames(probe(SAMPLES / "real.mp4"), SamplingPlan.spread(40)) as reader:
        pictures += [Image.fromarray(frame.image) for frame in reader]
    durations = [round(1000 * HOLD_S), *[40] * 40]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=durations, quality=90, method=0)
    return path


def still_held(path: Path) -> Path:
    return frames_with_holds(path, [(REAL, 125)], held_after(59))


@pytest.fixture(scope="module")
def scan() -> Callable[..., Verdict]:
    """Scan, and give the verdict as it is stored and read again."""
    settings = {"32 frames": {}, "adaptive": {"adaptive": True}, "2 fps": {"plan": SamplingPlan.at_fps(2)}}
    scanner = cache(lambda how: Scanner(**settings[how]))

    @cache
    def scan(path: Path, how: str = "32 frames") -> Verdict:
        document = json.loads(json.dumps(scanner(how).scan(path).to_json()))
        jsonschema.validate(document, schema())
        return Verdict.from_json(document)

    return scan


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Callable[[str, Make], Path]:
    """Make a file once for all tests."""
    folder = tmp_path_factory.mktemp("held")
    return cache(lambda name, make: make(folder / name))


@pytest.mark.parametrize(
    ("name", "make", "how"),
    [
        pytest.param("frozen.mp4", frozen, "32 frames", id="a call freezes, MP4"),
        pytest.param("frozen.mp4", frozen, "adaptive", id="a call freezes, MP4, adaptive"),
        pytest.param("frozen.mkv", frozen, "2 fps", id="a call freezes, MKV, 2 fps", marks=pytest.mark.slow),
        pytest.param("first.webm", frozen_at_once, "32 frames", id="the first frame, WebM", marks=pytest.mark.slow),
        pytest.param("once.mkv", shown_once, "32 frames", id="one held face, MKV"),
        pytest.param("once.mov", shown_once, "2 fps", id="one held face, MOV, 2 fps", marks=pytest.mark.slow),
        pytest.param("slides.mov", slides, "adaptive", id="slides, MOV, adaptive", marks=pytest.mark.slow),
        pytest.param("frames.webp", animation, "32 frames", id="an animated picture, WebP", marks=pytest.mark.slow),
    ],
)
def test_a_forged_picture_that_is_held_decides(scan, clip, name, make, how):
    verdict = scan(clip(name, make), how)
    assert verdict.label == "likely_fake"
    held = [seen for item in verdict.tracks for seen in item.track.observations if seen.hold]
    assert max(seen.hold.shown_s for seen in held) >= 8
    segments = verdict.segments_of(verdict.judged[0])
    assert sum(segment.end_s - segment.start_s for segment in segments) > 0.8 * verdict.duration_s - 8


@pytest.mark.slow
def test_a_real_picture_that_is_held_stays_real(scan, clip):
    assert scan(clip("still.mp4", still_held)).label == "likely_real"


@pytest.mark.slow
def test_at_a_constant_rate_a_held_picture_decides_as_well(scan, clip, tmp_path):
    constant = tmp_path / "constant.mp4"
    run_ffmpeg("-i", clip("frozen.mp4", frozen), "-vf", "fps=10", "-c:v", "libx264", "-preset", "ultrafast", constant)
    verdict = scan(constant)
    assert verdict.label == "likely_fake"
    assert not any(seen.hold for item in verdict.tracks for seen in item.track.observations)


def test_a_stored_result_is_weighed_again_to_the_same_digits(scan, clip):
    verdict = scan(clip("frozen.mp4", frozen))
    calibration, thresholds = find_model(None).calibration, verdict.thresholds
    again = weigh([item.track for item in verdict.tracks], verdict.frames_looked_at, calibration, thresholds)
    assert round(again.scores.fake, 4) == verdict.score
    [held] = [seen.hold for seen in verdict.tracks[0].track.observations if seen.hold]
    assert held.shown_s == pytest.approx(HOLD_S + 0.04)
    others_s = (verdict.probe.duration_s - held.shown_s) / 31
    assert held.weight == pytest.approx(held.shown_s / others_s, rel=1e-4)


def test_the_line_of_a_person_goes_on_while_a_picture_is_held(scan, clip):
    """In the timeline of a page, "not seen" is what the gaps say."""
    verdict = scan(clip("once.mkv", shown_once))
    [person] = verdict.tracks
    assert (person.track.start_s, person.track.end_s) == (2.0, pytest.approx(62.04))
    duration_s = verdict.duration_s
    drawn = lane(person, [], duration_s, step([person], duration_s, verdict.frames_looked_at))
    borders = [(left * duration_s / 1000, (left + width) * duration_s / 1000) for left, width in drawn.gaps]
    assert borders == [(0.0, pytest.approx(2.0, abs=0.1)), (pytest.approx(62.0, abs=0.1), pytest.approx(duration_s))]
    assert "H" in drawn.line


def test_the_frames_of_a_held_picture_are_those_that_are_shown(clip):
    """What the plan chose is what the decoder gives, also frames that are held from amid a step of the rate."""
    info = probe(clip("frozen.mp4", frozen))
    for plan in (SamplingPlan.spread(32), SamplingPlan.at_fps(2), EVERY):
        with open_frames(info, plan) as reader:
            assert [frame.index for frame in reader] == info.choose(plan).tolist()
        assert 59 in info.choose(plan)
