"""The contract of probing and reading: facts, times, plans."""

from __future__ import annotations

import hashlib
import logging
import math
import threading
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest

from pipeline.evidence.annotation.stream_facts import find_stream_facts
from pipeline.media import FrameReader, MediaInfo, open_frames, probe, video_frames
from pipeline.media.sampling import MAX_COUNT, SLACK, SamplingPlan
from tests.conftest import CLIP_FPS, CLIP_FRAMES
from tests.media_files import has_encoder, number_frames, read_number, run_ffmpeg, write_video

EVERY = SamplingPlan.every_frame()


def read(info: MediaInfo, plan: SamplingPlan = EVERY) -> tuple[list[int], list[float], list[str]]:
    """The numbers that the frames carry, which their indices must equal, their times, and the warnings."""
    with open_frames(info, plan) as reader:
        frames = [(frame.index, frame.time_s, read_number(frame.image)) for frame in reader]
    assert [index for index, _, _ in frames] == [number for _, _, number in frames]
    return [number for _, _, number in frames], [time_s for _, time_s, _ in frames], reader.warnings


def test_facts(clip):
    info = probe(clip)
    assert (info.path, info.kind, info.codec, info.pixel_format) == (clip, "video", "h264", "yuv420p")
    assert "mp4" in info.container
    assert (info.width, info.height, info.rotation_deg, info.mirrored) == (96, 64, 0, False)
    assert info.duration_s == pytest.approx(3.0)
    assert info.declared_duration_s == pytest.approx(3.0, abs=0.1)
    assert info.frame_rate == pytest.approx(CLIP_FPS)
    assert not info.variable_frame_rate
    assert info.frame_count == CLIP_FRAMES
    assert info.time_base == Fraction(1, 10240)
    assert info.keyframe_gap_s == pytest.approx(1.0)
    assert info.has_audio
    assert info.hdr_transfer is None
    assert not info.interlaced
    assert info.bytes == clip.stat().st_size
    assert info.sha256 == hashlib.sha256(clip.read_bytes()).hexdigest()
    assert info.decoder.startswith("ffmpeg ")
    np.testing.assert_allclose(info.frame_times_s, np.arange(CLIP_FRAMES) / CLIP_FPS)


def test_frames_are_rgb_arrays_of_their_own(clip):
    with open_frames(probe(clip), EVERY) as reader:
        first, second = next(iter(reader)).image, next(iter(reader)).image
    assert first.shape == (64, 96, 3)
    assert first.dtype == np.uint8
    assert first.flags.writeable
    assert (read_number(first), read_number(second)) == (0, 1)


def test_every_frame(clip):
    numbers, times_s, warnings = read(probe(clip))
    assert numbers == list(range(CLIP_FRAMES))
    np.testing.assert_allclose(times_s, np.arange(CLIP_FRAMES) / CLIP_FPS)
    assert warnings == []


def test_spread(clip):
    numbers, times_s, _ = read(probe(clip), SamplingPlan.spread(5))
    assert numbers == [3, 9, 15, 21, 27]
    np.testing.assert_allclose(times_s, [0.3, 0.9, 1.5, 2.1, 2.7])


@pytest.mark.parametrize("count", [CLIP_FRAMES - 1, CLIP_FRAMES, CLIP_FRAMES + 1, 512])
def test_spread_over_about_as_many_frames_as_there_are(clip, count):
    numbers, _, _ = read(probe(clip), SamplingPlan.spread(count))
    assert len(numbers) == min(count, CLIP_FRAMES)


@pytest.mark.parametrize("fps", [0.1, 1, 3, 10, 50])
def test_rate_takes_what_the_plan_chose(clip, fps):
    info = probe(clip)
    plan = SamplingPlan.at_fps(fps)
    numbers, _, _ = read(info, plan)
    assert numbers == info.choose(plan).tolist()


def test_variable_frame_rate(tmp_path):
    path = write_video(
        tmp_path / "vfr.mp4",
        number_frames(20),
        filters="settb=1/1000,setpts=N*100+N*N*10",
        options=["-fps_mode", "passthrough", "-enc_time_base", "1/1000", "-bf", 2],
    )
    info = probe(path)
    expected_s = np.array([n * 0.1 + n * n * 0.01 for n in range(20)])
    assert info.variable_frame_rate
    assert info.frame_rate == pytest.approx(19 / expected_s[-1])
    numbers, times_s, _ = read(info)
    assert numbers == list(range(20))
    np.testing.assert_allclose(times_s, expected_s, atol=1e-6)

    numbers, _, _ = read(info, SamplingPlan.spread(6))
    centres = (np.arange(6) + 0.5) * info.duration_s / 6
    assert numbers == [int(np.flatnonzero(expected_s <= centre)[-1]) for centre in centres]

    plan = SamplingPlan.at_fps(2)
    assert read(info, plan)[0] == plan.choose(expected_s, info.end_s).tolist()


@pytest.mark.parametrize("name", ["late.mkv", "late.ts", "late.mp4"])
def test_clock_starts_with_the_first_stream(clip, tmp_path, name):
    run_ffmpeg("-itsoffset", 5, "-i", clip, "-map", "0:v", "-c", "copy", tmp_path / name)
    info = probe(tmp_path / name)
    assert info.start_time_s > 4.5
    numbers, times_s, warnings = read(info)
    assert numbers == list(range(CLIP_FRAMES))
    np.testing.assert_allclose(times_s, np.arange(CLIP_FRAMES) / CLIP_FPS, atol=1e-3)
    assert warnings == []


def test_picture_that_sets_in_after_its_sound(clip, tmp_path):
    path = tmp_path / "late picture.mp4"
    run_ffmpeg("-itsoffset", 0.5, "-i", clip, "-i", clip, "-map", "0:v", "-map", "1:a", "-c", "copy", path)
    numbers, times_s, _ = read(probe(path), SamplingPlan.spread(3))
    assert numbers == [5, 15, 25]
    np.testing.assert_allclose(times_s, [1.0, 2.0, 3.0])


def test_edit_list_hides_frames(clip, tmp_path):
    path = tmp_path / "cut.mp4"
    run_ffmpeg("-ss", 1.5, "-i", clip, "-c", "copy", "-map", "0:v", path)  # from the key frame at 1 s
    info = probe(path)
    with open_frames(info, EVERY) as reader:
        frames = list(reader)
    assert [read_number(frame.image) for frame in frames] == list(range(15, 30))
    assert [frame.index for frame in frames] == list(range(15))
    np.testing.assert_allclose([frame.time_s for frame in frames], np.arange(15) / 10, atol=1e-3)
    assert info.frame_count == 15
    assert info.duration_s == pytest.approx(1.5)


def test_fewer_frames_than_asked_for(tmp_path):
    info = probe(write_video(tmp_path / "short.mp4", number_frames(3)))
    assert read(info, SamplingPlan.spread(32))[0] == [0, 1, 2]


@pytest.mark.parametrize("plan", [EVERY, SamplingPlan.spread(4), SamplingPlan.at_fps(3)], ids=str)
def test_one_frame(tmp_path, plan):
    info = probe(write_video(tmp_path / "one.mp4", number_frames(1)))
    assert (info.kind, info.frame_count, info.frame_rate) == ("video", 1, None)
    assert read(info, plan)[:2] == ([0], [0.0])


@pytest.mark.parametrize("name", ["seek.mp4", "seek.mkv"])
def test_seeking_gives_the_same_frames(tmp_path, monkeypatch, name):
    options = ["-g", 40, "-bf", 3, "-x264-params", "open-gop=1"]
    path = write_video(tmp_path / name, number_frames(200), fps=29.97, options=options)
    info = probe(path)
    plan = SamplingPlan.spread(4)
    assert run_lengths(info, plan) == [4]
    passed = read(info, plan)
    monkeypatch.setattr(video_frames, "SEEK_GAP_S", 0.1)
    assert run_lengths(info, plan) == [1] * 4
    assert read(info, plan) == passed


def decoding_command(info: MediaInfo, plan: SamplingPlan, caplog) -> list[str]:
    """Read frames in one pass, and give the arguments with which ffmpeg ran."""
    caplog.clear()
    with caplog.at_level(logging.DEBUG, "pipeline.media.ffmpeg"):
        read(info, plan)
    (command,) = [record.args[0] for record in caplog.records if record.msg.startswith("running")]
    return command


def run_lengths(info: MediaInfo, plan: SamplingPlan) -> list[int]:
    return [len(run) for run in video_frames.runs(info, info.choose(plan))]


@pytest.mark.parametrize("name", ["part.mp4", "part.mkv", "part.ts"])
def test_frames_near_each_other_late_in_a_video(tmp_path, name):
    info = probe(write_video(tmp_path / name, number_frames(300), fps=30, options=["-g", 30, "-bf", 3]))
    plan = SamplingPlan.at_times(info.frame_times_s[[3, 170, 175, 176, 190, 299]])
    assert run_lengths(info, plan) == ([6] if name == "part.ts" else [1, 5])
    assert read(info, plan)[0] == [3, 170, 175, 176, 190, 299]
    numbers, times_s, warnings = read(info, SamplingPlan.at_times(info.frame_times_s[[170, 175]]))
    assert (numbers, warnings) == ([170, 175], [])
    np.testing.assert_allclose(times_s, info.frame_times_s[[170, 175]])


def test_seeking_in_a_video_that_starts_late(clip, tmp_path, monkeypatch):
    run_ffmpeg("-itsoffset", 5, "-i", clip, "-map", "0:v", "-c", "copy", tmp_path / "late.mkv")
    info = probe(tmp_path / "late.mkv")
    monkeypatch.setattr(video_frames, "SEEK_GAP_S", 0.1)
    assert run_lengths(info, SamplingPlan.spread(2)) == [1, 1]
    numbers, times_s, _ = read(info, SamplingPlan.spread(2))
    assert numbers == [7, 22]
    np.testing.assert_allclose(times_s, [0.7, 2.2], atol=1e-3)


def test_no_seeking_without_an_index(tmp_path, monkeypatch):
    info = probe(write_video(tmp_path / "no index.ts", number_frames(60), options=["-g", 10]))
    monkeypatch.setattr(video_frames, "SEEK_GAP_S", 0.1)
    assert run_lengths(info, SamplingPlan.spread(4)) == [4]


def test_no_seeking_where_key_frames_are_rare(tmp_path, monkeypatch):
    info = probe(write_video(tmp_path / "one key.mp4", number_frames(60), options=["-g", 1000]))
    monkeypatch.setattr(video_frames, "SEEK_GAP_S", 0.1)
    assert run_lengths(info, SamplingPlan.spread(4)) == [4]


@pytest.mark.parametrize(
    ("name", "filters", "options", "surplus"),
    [("lines.mp4", "null", [], 1), ("fields.ts", "setfield=tff", ["-flags", "+ildct+ilme"], 2)],
)
def test_decoding_ends_soon_after_the_last_chosen_frame(tmp_path, caplog, name, filters, options, surplus):
    info = probe(write_video(tmp_path / name, number_frames(60), fps=25, filters=filters, options=options))
    assert info.interlaced == (surplus == 2)
    times_s = info.frame_times_s
    command = decoding_command(info, SamplingPlan.at_times(times_s[[5, 10]]), caplog)
    assert times_s[10 + surplus] < float(command[command.index("-to") + 1]) < times_s[11 + surplus]
    assert "-to" not in decoding_command(info, SamplingPlan.at_times(times_s[[10, 59]]), caplog)


def test_seeking_to_a_key_frame_between_two_microseconds(tmp_path):
    options = ["-g", 30, "-sc_threshold", 0, "-video_track_timescale", 10_000_000]
    info = probe(write_video(tmp_path / "fine.mp4", number_frames(100), fps=7, options=options))
    assert info.time_base == Fraction(1, 10_000_000)
    assert 60 in info.key_frames
    assert info.frame_times_s[60] < round(info.frame_times_s[60], 6)
    assert read(info, SamplingPlan.at_times(info.frame_times_s[[60]]))[0] == [60]


@pytest.mark.parametrize(
    ("codec", "options"),
    [("mpeg4", ["-g", 10, "-bf", 2, "-q:v", 2]), ("libx265", ["-x265-params", "log-level=none:keyint=10:bframes=2"])],
    ids=["mpeg4", "hevc"],
)
def test_key_frames_are_unknown_where_others_are_said_to_be_some(tmp_path, monkeypatch, codec, options):
    if not has_encoder(codec):
        pytest.skip(f"this ffmpeg has no {codec}")
    path = write_video(tmp_path / "no table.mp4", number_frames(60), codec=codec, options=options)
    data = path.read_bytes()
    assert data.count(b"stss") == 1
    path.write_bytes(data.replace(b"stss", b"free"))
    info = probe(path)
    assert info.key_frames.tolist() == []
    assert info.keyframe_gap_s == math.inf
    monkeypatch.setattr(video_frames, "SEEK_GAP_S", 0.1)
    plan = SamplingPlan.spread(4, tolerance=0.45)
    assert run_lengths(info, plan) == [4]
    assert read(info, plan)[0] == info.choose(plan).tolist()


@pytest.mark.parametrize(("codec", "options"), [("libx264", ["-g", 1]), ("mjpeg", ["-q:v", 2]), ("prores_ks", [])])
def test_all_frames_are_key_frames_where_none_is_predicted(tmp_path, codec, options):
    pixel_format = {"mjpeg": "yuvj420p", "prores_ks": "yuv422p10le"}.get(codec, "yuv420p")
    path = write_video(tmp_path / "a.mov", number_frames(12), codec=codec, pixel_format=pixel_format, options=options)
    assert probe(path).key_frames.tolist() == list(range(12))


@pytest.mark.parametrize("codec", ["libx264", "libx265", "mpeg4", "mpeg2video", "libvpx-vp9"])
def test_only_anchor_frames(tmp_path, caplog, codec):
    """Where no other frame is wanted, those that none is coded with reference to are not even decoded."""
    if not has_encoder(codec):
        pytest.skip(f"this ffmpeg has no {codec}")
    options = {"libx265": ["-x265-params", "log-level=none"], "libvpx-vp9": ["-b:v", "1M", "-cpu-used", 8]}
    options = options.get(codec, ["-bf", 3, "-q:v", 2])
    path = write_video(tmp_path / "b.mkv", number_frames(120), fps=30, codec=codec, options=options)
    info = probe(path)
    assert 0 in info.anchor_frames
    has_others = len(info.anchor_frames) < 120
    assert has_others == (codec != "libvpx-vp9")
    plan = SamplingPlan.spread(8, tolerance=0.4)
    chosen = info.choose(plan)
    assert np.isin(chosen, info.anchor_frames).all()
    assert read(info, plan)[0] == chosen.tolist()
    assert read(info, SamplingPlan.at_times(info.frame_times_s[chosen]))[0] == chosen.tolist()
    assert ("noref" in decoding_command(info, plan, caplog)) == has_others
    others = np.setdiff1d(np.arange(120), info.anchor_frames)
    with_others = SamplingPlan.at_times(info.frame_times_s[np.union1d(chosen, others[:1])])
    assert "noref" not in decoding_command(info, with_others, caplog)


@pytest.mark.parametrize("name", ["keys.mp4", "keys.mkv", "keys.ts", "late.mp4"])
def test_key_frames(tmp_path, monkeypatch, name):
    """Where frames are sought one by one, key frames are preferred."""
    path = write_video(tmp_path / name, number_frames(300), fps=29.97, options=["-g", 30, "-sc_threshold", 0, "-bf", 3])
    if name == "late.mp4":
        path = tmp_path / "later.mp4"
        run_ffmpeg("-itsoffset", 3, "-i", tmp_path / name, "-c", "copy", path)
    info = probe(path)
    assert info.key_frames.tolist() == list(range(0, 300, 30))
    monkeypatch.setattr(video_frames, "SEEK_GAP_S", 0.1)
    plan = SamplingPlan.spread(4, tolerance=0.45)
    assert run_lengths(info, plan) == ([4] if name == "keys.ts" else [1] * 4)
    assert read(info, plan)[0] == [30, 120, 180, 270]


@pytest.mark.parametrize("shown", [26, 27, 28])
def test_what_an_edit_list_cuts_off_is_still_referred_to(tmp_path, shown):
    order = "b-adapt=0:bframes=3:b-pyramid=0:scenecut=0"
    path = write_video(tmp_path / "cut.mp4", number_frames(40), options=["-g", 100, "-x264-params", order])
    data = bytearray(path.read_bytes())
    duration = data.index(b"elst") + 12
    data[duration : duration + 4] = (100 * shown).to_bytes(4, "big")
    path.write_bytes(data)
    info = probe(path)
    assert info.frame_count == shown
    for count in range(4, 14):
        plan = SamplingPlan.spread(count, SLACK)
        assert read(info, plan)[0] == info.choose(plan).tolist()


@pytest.mark.parametrize("language", ["en-US", "eng,fra", "zh-Hans-CN"])
def test_any_tag_of_language(tmp_path, language):
    path = write_video(tmp_path / "plain.mkv", number_frames(5), sound=True)
    tags = ["-metadata:s:v", f"language={language}", "-metadata:s:a", f"language={language}"]
    run_ffmpeg("-i", path, "-c", "copy", *tags, tmp_path / "tagged.mkv")
    info = probe(tmp_path / "tagged.mkv")
    assert info.has_audio and info.frame_count == 5
    assert find_stream_facts(info).sound == find_stream_facts(probe(path)).sound != ()


def test_without_b_frames_all_are_anchors(tmp_path):
    info = probe(write_video(tmp_path / "p.mp4", number_frames(20), options=["-bf", 0]))
    assert info.anchor_frames.tolist() == list(range(20))


def test_closing_early_stops_ffmpeg(clip):
    before = threading.active_count()
    reader = open_frames(probe(clip), EVERY)
    next(iter(reader))
    reader.close()
    reader.close()
    assert threading.active_count() == before
    assert list(reader) == []


def test_nothing_runs_before_the_first_frame_is_asked_for(clip):
    before = threading.active_count()
    with open_frames(probe(clip), EVERY) as reader:
        assert isinstance(reader, FrameReader)
        assert threading.active_count() == before
    assert list(reader) == []


@pytest.mark.slow
def test_memory_does_not_grow_with_the_length(tmp_path):
    path = write_video(
        tmp_path / "long.mp4",
        (image for image in number_frames(2000, (320, 180)) for _ in range(2)),
        fps=60,
        options=["-preset", "ultrafast"],
    )
    info = probe(path)
    tracemalloc.start()
    try:
        with open_frames(info, EVERY) as reader:
            count = sum(1 for _ in reader)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 4000
    assert peak < 20 * 320 * 180 * 3, "more than a few frames were kept"


@pytest.mark.parametrize("held", [3, MAX_COUNT + 20])
def test_frames_that_are_held_from_amid_a_step_of_the_rate(tmp_path, held):
    """The third of every three frames is on screen for two seconds, but for the last one."""
    path = write_video(
        tmp_path / "held.mkv",
        number_frames(3 * held),
        codec="ffv1",
        filters="settb=1/1000,setpts=floor(N/3)*2200+mod(N\\,3)*100",
        options=["-fps_mode", "passthrough"],
    )
    media = probe(path)
    plan = SamplingPlan.at_fps(1)
    chosen = media.choose(plan).tolist()
    assert set(range(2, 3 * held - 3, 3)) <= set(chosen)
    assert read(media, plan)[0] == chosen


def test_as_many_frames_as_a_spread_may_ask_for(tmp_path):
    path = tmp_path / "long.mp4"
    run_ffmpeg("-f", "lavfi", "-i", "testsrc2=size=64x64:rate=30:duration=20", "-pix_fmt", "yuv420p", path)
    media = probe(path)
    plan = SamplingPlan.spread(MAX_COUNT)
    with open_frames(media, plan) as reader:
        assert [frame.index for frame in reader] == media.choose(plan).tolist()
