"""How much of a file the frames that were looked at stand for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.analysis.coverage import doubts, measure
from pipeline.analysis.tracks import Scene, SeenFrame
from pipeline.media import MediaInfo, SamplingPlan, probe
from pipeline.media.types import Losses
from pipeline.results.coverage import Coverage, percent
from pipeline.results.parts import Observation
from tests.evidence import face
from tests.media_files import number_frames, write_video

SCENE = Scene.of(np.zeros((36, 64, 3), np.uint8))


@pytest.fixture
def media(clip) -> MediaInfo:
    """Three seconds, 30 frames."""
    return probe(clip)


def looked_at(times_s, faces_at=(), refinement: bool = False) -> list[SeenFrame]:
    return [
        SeenFrame(
            time_s=t,
            size=(64, 36),
            scene=SCENE,
            observations=[Observation(None, t, face(0, 0, 9), 1.0)] if t in faces_at else [],
            refinement=refinement,
        )
        for t in times_s
    ]


def chosen(media: MediaInfo, plan: SamplingPlan) -> list[float]:
    return media.frame_times_s[media.choose(plan)].tolist()


@pytest.mark.parametrize(
    "plan",
    [
        SamplingPlan.spread(1),
        SamplingPlan.spread(7),
        SamplingPlan.spread(8, 0.45),
        SamplingPlan.at_fps(2),
        SamplingPlan.every_frame(),
    ],
    ids=str,
)
def test_an_ordinary_clip_is_seen_whole(media, plan):
    coverage = measure(media, looked_at(chosen(media, plan)), Losses())
    assert (coverage.seen, coverage.readable, coverage.unseen) == (pytest.approx(1.0), pytest.approx(1.0), ())
    assert coverage.duration_s == pytest.approx(3.0)
    assert doubts(coverage) == []


def test_the_share_of_frames_with_a_face_counts_no_closer_look(media):
    times = chosen(media, SamplingPlan.spread(8))
    closer = looked_at([1.01, 1.02, 1.03], [1.01, 1.02, 1.03], refinement=True)
    frames = sorted(looked_at(times, times[:2]) + closer, key=lambda frame: frame.time_s)
    assert measure(media, frames, Losses()).with_face == 0.25


def test_a_frame_that_is_lost_stands_for_a_gap_around_it(media):
    times = chosen(media, SamplingPlan.at_fps(2))
    coverage = measure(media, looked_at([t for t in times if t != 1.0]), Losses(lost_s=[1.0]))
    assert coverage.not_readable == ((pytest.approx(0.75), pytest.approx(1.25)),)
    assert coverage.seen == pytest.approx(1 - 0.5 / 3)


def test_damage_without_a_face_is_not_readable_and_with_one_is_seen_as_damaged(media):
    times = chosen(media, SamplingPlan.at_fps(2))
    coverage = measure(media, looked_at(times, faces_at=[1.0]), Losses(damaged_s=[0.5, 1.0]))
    assert coverage.not_readable == ((pytest.approx(0.25), pytest.approx(0.75)),)
    assert coverage.damaged == ((pytest.approx(0.75), pytest.approx(1.25)),)
    assert coverage.seen == pytest.approx(1 - 0.5 / 3)
    assert coverage.with_face == pytest.approx(1 / 5)
    first, second = doubts(coverage)
    assert first == "Only 83% of the file's 3.0 s was seen: 16% could not be read."
    assert second.startswith("16% of the file was seen in damaged pictures")


def test_nothing_that_was_read_is_nothing_seen(media):
    times = chosen(media, SamplingPlan.spread(4))
    coverage = measure(media, [], Losses(lost_s=times))
    assert (coverage.seen, coverage.readable, coverage.with_face) == (0.0, pytest.approx(0.0), 0.0)
    assert coverage.not_readable == ((0.0, pytest.approx(3.0)),)
    assert not coverage.allows_verdict
    assert not coverage.allows_no_face


def test_a_held_frame_stands_for_all_of_the_time_that_it_is_shown(tmp_path):
    """Of 12 frames the third is held for 4 s; the one after it was lost, and takes nothing from it."""
    stretched = "settb=1/1000,setpts=if(gt(N\\,2)\\,N/10+4\\,N/10)/TB"
    clip = write_video(tmp_path / "held.mkv", number_frames(12), filters=stretched, options=["-fps_mode", "vfr"])
    media = probe(clip)
    times = media.frame_times_s.tolist()
    coverage = measure(media, looked_at([t for t in times if t != times[3]]), Losses(lost_s=[times[3]]))
    ((start_s, end_s),) = coverage.not_readable
    assert (start_s, end_s) == (pytest.approx(4.3, abs=0.01), pytest.approx(4.4, abs=0.01))


def test_holes_of_a_container_are_not_readable_whoever_stands_beside_them(media):
    broken = replace(media, holes_s=((1.05, 2.0),))
    coverage = measure(broken, looked_at(chosen(media, SamplingPlan.at_fps(2))), Losses())
    assert coverage.not_readable == ((1.05, 2.0),)


def test_time_without_pictures_is_not_looked_at(media):
    late = replace(media, frame_times_s=media.frame_times_s + 2, declared_duration_s=10.0)
    coverage = measure(late, looked_at(chosen(late, SamplingPlan.at_fps(2))), Losses())
    assert coverage.not_looked_at == ((0.0, 2.0), (pytest.approx(5.0), 10.0))
    assert (coverage.duration_s, coverage.seen, coverage.readable) == (10.0, pytest.approx(0.3), pytest.approx(1.0))
    assert coverage.allows_verdict
    assert not coverage.allows_no_face
    (told,) = doubts(coverage)
    assert told.endswith("there is no picture from 0.0 to 2.0 s and from 5.0 to 10.0 s.")


@pytest.mark.parametrize("declared_s", [None, 0.0, 2.0, 3.4])
def test_a_container_that_declares_less_or_hardly_more_lacks_nothing(media, declared_s):
    declared = replace(media, declared_duration_s=declared_s)
    assert measure(declared, looked_at([1.0]), Losses()).seen == pytest.approx(1.0)


def test_an_image_has_no_time_but_was_seen(tmp_path):
    path = tmp_path / "picture.png"
    write_video(path, number_frames(1), options=["-frames:v", 1], codec="png", pixel_format="rgb24")
    assert measure(probe(Path(path)), looked_at([0.0]), Losses()) == Coverage(0.0, 1.0, 0.0)


@pytest.mark.parametrize(
    ("share", "text"), [(0.0, "0%"), (0.0001, "1%"), (0.29, "29%"), (0.5, "50%"), (0.999, "99%"), (1.0, "100%")]
)
def test_a_share_is_never_written_as_all_or_nothing_where_it_is_not(share, text):
    assert percent(share) == text
