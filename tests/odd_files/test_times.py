"""Files whose times make no sense: every time that is told does, and nothing that was seen is lost for it."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from PIL import Image

from pipeline.evidence.report.page import render_report
from pipeline.media import Frame, MediaError, MediaInfo, SamplingPlan, probe
from pipeline.media.frame_log import FrameLog
from pipeline.results.parts import InputRecord, Observation, Track, TrackEvidence
from pipeline.results.schema import schema
from pipeline.results.verdict import Verdict
from tests.evidence import face, verdict
from tests.media_files import frames_of, number_frames, read_number, write_video

WORDS = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFF0000, 0x00010000, 0xFFFFFFFE, 1024, 12_345_678)
DAY_S = 86_400


def mutated(data: bytes, box: bytes, seed: int) -> bytes:
    """Overwrite one to three words of an MP4 box with such as break programs."""
    chance, content = random.Random(seed), bytearray(data)
    start = data.index(box)
    end = start - 4 + int.from_bytes(data[start - 4 : start], "big")
    for _ in range(chance.randint(1, 3)):
        place = chance.randrange(start + 8, end - 3, 4)
        content[place : place + 4] = chance.choice(WORDS).to_bytes(4, "big")
    return bytes(content)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("times")
    options = ["-g", 12, "-bf", 2]
    write_video(folder / "plain.mp4", number_frames(24), fps=12, options=options)
    write_video(folder / "flat.mp4", number_frames(24), fps=12, options=["-g", 12, "-bf", 0])
    in_pieces = [*options, "-movflags", "frag_keyframe+empty_moov"]
    write_video(folder / "pieces.mp4", number_frames(24), fps=12, options=in_pieces)
    write_video(folder / "plain.ts", number_frames(24), fps=12, options=options)
    return folder


SEEDS = {
    # Of 40 seeds for each box those with which first times were negative, times not in order, or absurdly large.
    "stts": (1, 9, 11, 12),
    "ctts": (20, 24, 26, 27, 33),
    "tfhd": (21, 31),
    "tfdt": (10, 24, 25),
    "trun": (7, 11, 25, 39),
}


def broken(folder: Path) -> Iterator[tuple[str, bytes]]:
    for box, seeds in SEEDS.items():
        data = (folder / ("plain.mp4" if box in ("stts", "ctts") else "pieces.mp4")).read_bytes()
        for seed in seeds:
            yield f"{box} {seed}.mp4", mutated(data, box.encode(), seed)
    plain = (folder / "plain.mp4").read_bytes()
    yield "no time between frames.mp4", with_delta(plain, 0)
    yield "each frame for 25 hours.mp4", with_delta((folder / "flat.mp4").read_bytes(), 90_000 * 12_288)
    yield "backwards.mp4", with_delta(plain, 0xFFFFFC00)
    yield "first picture thrice.ts", first_picture_again((folder / "plain.ts").read_bytes())


def with_delta(data: bytes, delta: int) -> bytes:
    """Let every frame of an MP4 without an edit list be shown for so many ticks."""
    content = bytearray(data.replace(b"edts", b"free"))
    start = data.index(b"stts") + 8
    count = int.from_bytes(data[start : start + 4], "big")
    for place in range(start + 8, start + 8 + 8 * count, 8):
        content[place : place + 4] = struct.pack(">I", delta)
    return bytes(content)


def first_picture_again(data: bytes) -> bytes:
    """Repeat what a transport stream begins with, up to its second picture, with the same timestamps."""
    packets = [data[place : place + 188] for place in range(0, len(data), 188)]
    starts = [n for n, packet in enumerate(packets) if packet[1] & 0x40 and b"\0\0\1\xe0" in packet]
    return b"".join(packets[: starts[1]] * 2 + packets)


NAMES = [name for box, seeds in SEEDS.items() for name in (f"{box} {seed}.mp4" for seed in seeds)] + [
    "no time between frames.mp4",
    "each frame for 25 hours.mp4",
    "backwards.mp4",
    "first picture thrice.ts",
]


@pytest.fixture(scope="module")
def files(folder) -> dict[str, Path]:
    made = {}
    for name, data in broken(folder):
        made[name] = folder / f"broken {name}"
        made[name].write_bytes(data)
    assert list(made) == NAMES
    return made


def result_of(path: Path, media: MediaInfo, frames: list[Frame]) -> Verdict:
    """The verdict on a file in each of whose frames there is a face."""
    seen = [Observation(frame.index, frame.time_s, face(10, 10, 40), 1.0, np.float32([2, -1]), 0.9) for frame in frames]
    made = verdict(path, media=media)
    evidence = TrackEvidence(Track(1, seen), made.tracks[0].scores, supported=True)
    fields = {name: getattr(made, name) for name in made.__dataclass_fields__}
    return Verdict(**{**fields, "tracks": [evidence], "segments": [], "input": InputRecord.of(path, media)})


@pytest.mark.parametrize("name", NAMES)
def test_every_time_is_told_and_none_that_cannot_be(files, name):
    path = files[name]
    media, frames, _ = frames_of(path)
    assert (np.diff(media.frame_times_s) > 0).all()
    assert (media.frame_times_s[0], media.frame_times_s[-1]) >= (0.0, 0.0)
    assert media.end_s < (media.frame_count + 2) * DAY_S
    times_s = [frame.time_s for frame in frames]
    assert len(times_s) >= 2
    assert times_s == sorted(set(times_s))
    assert times_s[0] >= 0 and times_s[-1] < (media.frame_count + 2) * DAY_S
    indices = [frame.index for frame in frames if frame.index is not None]
    assert indices == sorted(set(indices))

    result = result_of(path, media, frames)
    text = json.dumps(result.to_json(), allow_nan=False)
    jsonschema.validate(json.loads(text), schema())
    stored = Verdict.from_json(json.loads(text))
    assert stored.unreadable == ()
    assert [len(item.track.observations) for item in stored.tracks] == [len(frames)]
    assert 'id="person-1"' in render_report(stored, None)


@pytest.mark.parametrize("plan", [SamplingPlan.spread(6), SamplingPlan.at_fps(3)], ids=str)
@pytest.mark.parametrize(
    "name", ["stts 1.mp4", "trun 25.mp4", "each frame for 25 hours.mp4", "first picture thrice.ts"]
)
def test_plans_on_such_times(files, name, plan):
    media, frames, _ = frames_of(files[name], plan)
    times_s = [frame.time_s for frame in frames]
    assert times_s == sorted(set(times_s)) and times_s[0] >= 0
    assert 1 <= len(frames) <= len(media.choose(plan)) + 1


def test_frames_that_are_listed_once_come_at_a_usual_pace(files):
    media, frames, warnings = frames_of(files["each frame for 25 hours.mp4"])
    assert [read_number(frame.image) for frame in frames] == list(range(24))
    assert media.has_mended_times and media.end_s <= 24
    assert any("make no sense" in warning for warning in warnings)
    again = frames_of(files["each frame for 25 hours.mp4"], SamplingPlan.at_times([frames[7].time_s]))[1]
    assert [read_number(frame.image) for frame in again] == [7]


@pytest.mark.parametrize("plan", [SamplingPlan.at_fps(3), SamplingPlan.spread(7)], ids=str)
def test_a_gap_of_a_day_is_no_gap(tmp_path, plan):
    late = "setpts='if(lt(N,10),N,N+900003)/10/TB+0.1'"
    path = write_video(
        tmp_path / "gap.mkv", number_frames(30), filters=late, options=["-fps_mode", "passthrough", "-bf", 0]
    )
    media, frames, warnings = frames_of(path, plan)
    assert media.end_s == pytest.approx(3, abs=0.01)
    assert len(warnings) == 1 and "make no sense" in warnings[0]
    assert [read_number(frame.image) for frame in frames] == media.choose(plan).tolist()


def test_there_is_an_end_to_frames_of_one_time(folder):
    path = folder / "all at once.mp4"
    write_video(folder / "many.mp4", number_frames(700, (32, 32)), options=["-bf", 0, "-preset", "ultrafast"])
    path.write_bytes(with_delta((folder / "many.mp4").read_bytes(), 0))
    try:
        media, frames, warnings = frames_of(path, SamplingPlan.spread(8))
    except MediaError as error:
        assert error.status == "undecodable"
    else:
        assert len(frames) < 700
        assert len(frames) <= media.frame_count + 512
        assert warnings


def test_ordinary_times_are_left_as_they_are(folder):
    for name in ("plain.mp4", "pieces.mp4", "plain.ts"):
        media, frames, warnings = frames_of(folder / name)
        assert not media.has_mended_times
        assert [frame.index for frame in frames] == list(range(24))
        assert warnings == []


@pytest.mark.parametrize("name", ["a.avif", "a.png"])
def test_a_picture_of_an_animation_is_not_shown_for_days(tmp_path, name):
    first, *rest = (Image.fromarray(frame) for frame in number_frames(3))
    long_ms = 65_535_000 if name == "a.png" else 10**9
    first.save(tmp_path / name, save_all=True, append_images=rest, duration=[long_ms, 100, 100])
    media = probe(tmp_path / name)
    assert media.duration_s < DAY_S + 1
    jsonschema.validate(verdict(tmp_path / name, media=media).to_json(), schema())


COMPLAINT = "Application provided invalid, non monotonically increasing dts to muxer in stream 0: 9 >= -2"


@pytest.mark.parametrize("newline", ["", "\n"], ids=["", "with its end"])
@pytest.mark.parametrize("place", range(8))
def test_news_of_a_frame_that_complaints_break_up(place, newline):
    """Other threads of ffmpeg write between the pieces of a line."""
    pieces = [
        "[Parsed_showinfo_0 @ 0x7f] [info] n:   3 pts:   1000 pts_time:1       duration:    100 duration_time:0.1     ",
        "fmt:yuv420p cl:left sar:4/3 s:96x64 i:P iskey:0 type:P ",
        "\n[Parsed_showinfo_0 @ 0x7f] [info] ",
        "color_range:tv",
        " color_space:bt2020nc",
        " color_primaries:bt2020",
        " color_trc:smpte2084",
        "\n",
    ]
    text = "".join([*pieces[:place], COMPLAINT, newline, *pieces[place:]])
    log = FrameLog(Path("a.mp4"), sideways=False)
    log.feed("[Parsed_showinfo_0 @ 0x7f] [info] config in time_base: 1/1000, frame_rate: 10/1")
    for line in text.splitlines():
        log.feed(line)
    logged = log.next()
    assert (logged.time_s, logged.form.width, logged.form.height) == (1.0, 96, 64)
    assert (logged.form.hdr_transfer, logged.form.color_matrix, logged.form.color_range) == (
        "smpte2084",
        "bt2020nc",
        "tv",
    )
    assert log.rest() == []
