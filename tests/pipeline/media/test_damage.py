"""Which frames of a damaged video are lost, and which show what was never in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.media import SamplingPlan, open_frames, probe
from pipeline.media.types import Losses, MediaInfo
from tests.media_files import EVERY, change_packets, number_frames, read_number, run_ffmpeg, write_video

GOP = ["-g", 10, "-bf", 2, "-sc_threshold", 0]


def read(path: Path, plan: SamplingPlan = EVERY) -> tuple[MediaInfo, list, Losses]:
    info = probe(path)
    with open_frames(info, plan) as reader:
        return info, list(reader), reader.losses


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Videos of 40 numbered frames, a key frame every 10, at 10 a second."""
    folder = tmp_path_factory.mktemp("clips")
    options = {
        "h264.mkv": ["libx264", *GOP],
        "h264.ts": ["libx264", *GOP],
        "mpeg4.avi": ["mpeg4", "-q:v", 2, "-g", 10],
        "mpeg2.mpg": ["mpeg2video", "-q:v", 2, "-g", 10],
        "mjpeg.avi": ["mjpeg", "-q:v", 4],
        "hevc.mkv": ["libx265", "-x265-params", "log-level=error:keyint=10:min-keyint=10:scenecut=0"],
    }
    for name, (codec, *others) in options.items():
        fps = 25 if name.startswith("mpeg2") else 10
        write_video(folder / name, number_frames(40, (192, 128)), fps=fps, codec=codec, options=others)
    return folder


@pytest.mark.parametrize("name", ["h264.mkv", "h264.ts", "mpeg4.avi", "mpeg2.mpg", "mjpeg.avi", "hevc.mkv"])
def test_of_a_whole_video_nothing_is_lost_or_damaged(clips, name):
    _, frames, losses = read(clips / name)
    assert len(frames) == 40
    assert losses == Losses()


@pytest.mark.parametrize("name", ["h264.mkv", "h264.ts", "mpeg4.avi", "mpeg2.mpg"])
def test_damage_lasts_from_the_frame_that_has_it_to_the_next_key_frame(clips, tmp_path, name):
    changed = change_packets(clips / name, tmp_path / name, "if(eq(n,11),40,0)")
    info, frames, losses = read(changed)
    doubtful = {round(t, 3) for t in losses.damaged_s + losses.lost_s}
    second = {round(t, 3) for t in info.frame_times_s[11:20].tolist()}
    assert second <= doubtful
    first, rest = info.frame_times_s[:11].tolist(), info.frame_times_s[20:].tolist()
    assert doubtful.isdisjoint(round(t, 3) for t in first + rest)
    whole = [frame for frame in frames if round(frame.time_s, 3) not in doubtful]
    assert [read_number(frame.image) for frame in whole] == [info.frame_times_s.tolist().index(f.time_s) for f in whole]


def test_where_each_frame_is_coded_by_itself_damage_is_of_one_frame(clips, tmp_path):
    changed = change_packets(clips / "mjpeg.avi", tmp_path / "changed.avi", "if(eq(n,12),9,0)")
    _, _, losses = read(changed)
    assert [round(t, 3) for t in losses.damaged_s + losses.lost_s] == [1.2]


def test_a_chosen_frame_that_is_damaged_is_told_whatever_else_is(clips, tmp_path):
    changed = change_packets(clips / "h264.mkv", tmp_path / "changed.mkv", "if(gt(n,29),7,0)")
    _, frames, losses = read(changed, SamplingPlan.spread(8))
    assert len(frames) + len(losses.lost_s) >= 8
    doubtful = losses.damaged_s + losses.lost_s
    assert doubtful
    assert min(doubtful) >= 2.8


def test_an_open_group_that_a_seek_begins_with_is_no_damage(tmp_path):
    """Decoders complain there of frames that are coded with reference to the group before."""
    x264 = "keyint=20:min-keyint=20:scenecut=0:open-gop=1:bframes=3"
    path = write_video(tmp_path / "open.mkv", number_frames(300), options=["-x264-params", x264])
    info, frames, losses = read(path, SamplingPlan.at_times([3.0, 12.05, 21.3, 29.0]))
    assert len(frames) == 4
    assert losses == Losses()
    assert info.holes_s == ()


@pytest.mark.parametrize(("suffix", "options"), [("mkv", ["-cluster_time_limit", 500]), ("flv", []), ("ts", [])])
def test_a_container_that_is_damaged_in_the_middle_has_a_hole_there(clips, tmp_path, suffix, options):
    path = tmp_path / f"holed.{suffix}"
    run_ffmpeg("-i", clips / "h264.mkv", "-c", "copy", *options, path)
    data = bytearray(path.read_bytes())
    first, last = len(data) * 5 // 10, len(data) * 8 // 10
    data[first:last] = bytes(last - first)
    path.write_bytes(data)
    ((start_s, end_s),) = probe(path).holes_s
    assert start_s < 2.5 < end_s
    assert probe(path).holds(probe(path).frame_times_s) == {}, "nobody knows what is shown there"


def test_a_still_picture_on_screen_is_no_hole(tmp_path):
    stretched = "setpts=if(gt(N\\,2)\\,N/10+4\\,N/10)/TB"
    path = write_video(tmp_path / "held.mkv", number_frames(12), filters=stretched, options=["-fps_mode", "vfr"])
    media = probe(path)
    assert media.holes_s == ()
    [hold] = media.holds(media.frame_times_s).values()
    assert hold.shown_s == pytest.approx(4.1, abs=0.2)


def test_a_file_that_only_breaks_off_has_no_holes(clips, tmp_path):
    path = tmp_path / "cut.mkv"
    data = (clips / "h264.mkv").read_bytes()
    path.write_bytes(data[: len(data) // 2])
    info = probe(path)
    assert info.frame_count < 40
    assert info.holes_s == ()
