"""Videos whose picture changes midway: each part must come out as it does alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from pipeline import Scanner
from pipeline.analysis.tracks import Scene, SeenFrame, Tracker
from pipeline.evidence.annotation.annotate import annotate
from pipeline.evidence.pictures import read_frames, reopen
from pipeline.evidence.report.gallery import make_pictures
from pipeline.evidence.report.page import render_report
from pipeline.media import Frame, SamplingPlan, probe, video_frames
from pipeline.media.frame_source import FrameSource
from pipeline.results.parts import Observation
from pipeline.results.verdict import Verdict
from tests.evidence import face
from tests.media_files import EVERY, frames_of, has_encoder, number_frame, run_ffmpeg, write_video

SAMPLES = Path(__file__).parents[2] / "sample_videos"
HEVC = ["-x265-params", "log-level=none:keyint=10"]
PQ = "setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc:range=tv"


@dataclass(frozen=True)
class Part:
    """One second of a video, of ten frames, alone."""

    size: tuple[int, int] = (96, 64)
    codec: str = "libx264"
    pixel_format: str = "yuv420p"
    filters: str = "null"
    options: tuple[object, ...] = ()

    def write(self, path: Path, first: int) -> Path:
        return write_video(
            path,
            (number_frame(first + number, self.size) for number in range(10)),
            codec=self.codec,
            pixel_format=self.pixel_format,
            filters=self.filters,
            options=["-g", 10, "-bf", 0, *self.options],
        )


def tagged(matrix: str, value_range: str = "tv") -> str:
    return f"scale=out_color_matrix={matrix}:out_range={value_range},setparams=colorspace={matrix}:range={value_range}"


VP8 = {"codec": "libvpx", "options": ("-b:v", "1M", "-deadline", "realtime")}
ASPECTS = [Part((72, 64), "mpeg2video", options=("-aspect", aspect, "-q:v", 2, "-r", 25)) for aspect in ("4:3", "16:9")]

JOINED = {
    "VP8, upright after wide.mkv": [Part((160, 90), **VP8), Part((90, 160), **VP8)],
    "VP8, odd sizes.webm": [Part((96, 64), **VP8), Part((61, 35), **VP8), Part((192, 128), **VP8)],
    "H.264, larger.ts": [Part((96, 64)), Part((192, 144))],
    "H.264, over 720 rows.mkv": [Part((96, 64)), Part((1300, 80))],
    "H.264, other pixels.ts": [Part(), Part(filters="setsar=4/3"), Part(filters="setsar=2")],
    "HEVC, other pixels.ts": [
        Part(codec="libx265", filters="setsar=2", options=(*HEVC,)),
        Part(codec="libx265", filters="setsar=16/11", options=(*HEVC,)),
    ],
    "MPEG-2, 4:3 and 16:9.ts": ASPECTS,
    "MPEG-2, 16:9 and 4:3.mpg": ASPECTS[::-1],
    "H.264, turned by a message.ts": [
        Part(),
        Part(options=("-bsf:v", "h264_metadata=display_orientation=insert:rotate=90")),
    ],
    "H.264, other matrix and range.ts": [
        Part(filters=tagged("bt709")),
        Part(filters=tagged("smpte170m")),
        Part(filters=tagged("bt709", "pc")),
    ],
    "H.264, finer chroma.ts": [Part(), Part(pixel_format="yuv444p"), Part()],
    "HEVC, HDR after usual light.ts": [
        Part(codec="libx265", filters=tagged("bt709"), options=(*HEVC,)),
        Part(codec="libx265", pixel_format="yuv420p10le", filters=PQ, options=(*HEVC,)),
    ],
    "H.264, usual light after HDR.ts": [Part(filters=PQ), Part(filters=tagged("bt709")), Part(filters=PQ)],
}
PLANS = [EVERY, SamplingPlan.spread(7), SamplingPlan.at_fps(4)]


def write_joined(parts: list[Part], path: Path) -> list[Path]:
    """Write each part into a file of its own, and all of them, as they are, into one."""
    pieces = [part.write(path.with_name(f"{number}{path.suffix}"), 10 * number) for number, part in enumerate(parts)]
    if path.suffix in (".ts", ".mpg"):
        path.write_bytes(b"".join(piece.read_bytes() for piece in pieces))
        joined = path.with_stem("joined")  # with one clock
        run_ffmpeg("-i", f"concat:{'|'.join(map(str, pieces))}", "-c", "copy", joined)
        joined.replace(path)
    else:
        listing = path.with_suffix(".txt")
        listing.write_text("".join(f"file '{piece.name}'\n" for piece in pieces))
        run_ffmpeg("-f", "concat", "-i", listing, "-c", "copy", path)
    return pieces


@pytest.mark.parametrize("name", JOINED)
def test_each_part_comes_out_as_it_does_alone(tmp_path, name):
    parts = JOINED[name]
    if not all(has_encoder(part.codec) for part in parts):
        pytest.skip("this ffmpeg lacks an encoder")
    path = tmp_path / name
    alone = [frame for piece in write_joined(parts, path) for frame in frames_of(piece)[1]]
    forms = {
        (frame.image.shape, frame.form.color_range, frame.form.assumed_matrix, frame.form.pixel_format)
        for frame in alone
    }
    assert len(forms) > 1, "nothing changes"
    for plan in PLANS:
        info, frames, warnings = frames_of(path, plan)
        chosen = info.choose(plan)
        assert warnings == []
        assert [frame.index for frame in frames] == chosen.tolist()
        assert (np.diff([frame.time_s for frame in frames]) > 0).all()
        assert len(chosen) == len(alone) or plan is not EVERY
        for frame in frames:
            assert_same(frame, alone[frame.index])


def assert_same(frame: Frame, expected: Frame) -> None:
    """Ours and ffmpeg's conversion to RGB differ by a level here and there."""
    assert frame.image.shape == expected.image.shape
    assert np.abs(frame.image.astype(int) - expected.image).max() <= 1


def seen_changes(path: Path, plan: SamplingPlan = EVERY) -> list[str]:
    source = FrameSource(probe(path), plan)
    assert len(list(source.in_order()))
    return source.warnings


def test_it_is_said_that_and_when_the_picture_changes(tmp_path):
    parts = [Part((160, 90), **VP8), Part((90, 160), **VP8), Part((160, 90), **VP8)]
    pieces = write_joined(parts, tmp_path / "joined.mkv")
    (warning,) = seen_changes(tmp_path / "joined.mkv", SamplingPlan.at_fps(2))
    assert "at 1.0 s from 160 x 90 to 90 x 160 pixels, and 1 more time after that" in warning
    assert seen_changes(pieces[0]) == []
    write_joined([Part(filters=tagged("bt709")), Part(filters=PQ)], tmp_path / "hdr.ts")
    (warning,) = seen_changes(tmp_path / "hdr.ts", SamplingPlan.spread(4))
    assert "from usual to smpte2084 light" in warning


def test_a_change_is_said_once_where_frames_are_looked_at_in_rounds(tmp_path, monkeypatch):
    write_joined([Part((160, 90), **VP8), Part((90, 160), **VP8)], tmp_path / "joined.mkv")
    monkeypatch.setattr(video_frames, "SEEK_GAP_S", 0.1)
    source = FrameSource(probe(tmp_path / "joined.mkv"), SamplingPlan.spread(8))
    for frames, _ in source.in_rounds(lambda times_s, held: iter([times_s[::2], times_s[1::2]])):
        assert len(list(frames)) == 4
    assert len(source.warnings) == 1


def test_parts_that_are_sought(tmp_path, monkeypatch):
    name = "sought.mkv"
    parts = [Part((96, 64), **VP8), Part((61, 35), **VP8), Part((128, 96), **VP8), Part((96, 64), **VP8)]
    alone = [frame for piece in write_joined(parts, tmp_path / name) for frame in frames_of(piece)[1]]
    monkeypatch.setattr(video_frames, "SEEK_GAP_S", 0.1)
    info, frames, warnings = frames_of(tmp_path / name, SamplingPlan.at_times([0.5, 1.2, 1.7, 2.2, 3.8]))
    assert len(video_frames.runs(info, np.array([5, 12, 17, 22, 38]))) > 1
    assert ([frame.index for frame in frames], warnings) == ([5, 12, 17, 22, 38], [])
    for frame in frames:
        assert_same(frame, alone[frame.index])


def test_interlaced_part_is_deinterlaced(tmp_path):
    rng = np.random.default_rng(0)
    woven = [np.zeros((64, 96, 3), np.uint8) for _ in range(10)]
    for frame in woven:
        frame[::2], frame[1::2] = rng.integers(30, 90), rng.integers(170, 230)
    options = ["-qp", 1, "-g", 1]
    lines = write_video(tmp_path / "lines.ts", woven, options=options)
    fields = write_video(
        tmp_path / "fields.ts", woven, filters="setfield=tff", options=[*options, "-flags", "+ildct+ilme"]
    )
    run_ffmpeg("-i", f"concat:{lines}|{fields}", "-c", "copy", tmp_path / "both.ts")
    _, frames, _ = frames_of(tmp_path / "both.ts")
    combs = [np.abs(np.diff(frame.image[8:-8, 48, 0].astype(int))).mean() for frame in frames]
    assert min(combs[:10]) > 80
    assert max(combs[11:19]) < 50


def test_work_is_bounded_where_the_conversion_changes_again_and_again(tmp_path, monkeypatch):
    write_joined([Part(filters=PQ), Part(filters=tagged("bt709"))] * 4, tmp_path / "joined.ts")
    _, frames, warnings = frames_of(tmp_path / "joined.ts")
    assert (len(frames), warnings) == (80, [])
    monkeypatch.setattr(video_frames, "_MOST_AGAIN", 1)
    _, frames, warnings = frames_of(tmp_path / "joined.ts")
    assert [frame.index for frame in frames] == list(range(len(frames)))
    assert 20 <= len(frames) <= 40
    assert warnings == [
        f"Only {len(frames)} of the 80 chosen frames could be decoded.",
        f"The picture changes too often: {80 - len(frames)} chosen frames were not looked at.",
    ]


def track_starts(sizes: list[tuple[int, int]]) -> list[float]:
    """Let a face stay in one place of pictures of these sizes, and give when its tracks begin."""
    tracker = Tracker()
    image = np.random.default_rng(0).integers(0, 256, (90, 160, 3), np.uint8)
    for number, (width, height) in enumerate(sizes):
        seen = Observation(
            number, float(number), face(0.2 * width, 0.3 * height, 0.2 * width), 1.0, frame_size=(width, height)
        )
        tracker.add(SeenFrame(float(number), (width, height), Scene.of(image), [seen]))
    return [track.start_s for track in tracker.tracks()]


@pytest.mark.parametrize(
    ("sizes", "starts"),
    [
        ([(640, 360)] * 2 + [(360, 640)] * 2, [0, 2]),
        ([(640, 360)] * 2 + [(640, 480)] * 2 + [(640, 360)] * 2, [0, 2, 4]),
        ([(640, 360)] * 2 + [(1280, 720)] * 2 + [(240, 135), (320, 180)], [0]),
    ],
    ids=["turned", "4:3 for a while", "a call with a poor line"],
)
def test_a_person_is_one_track_as_long_as_the_picture_is_only_scaled(sizes, starts):
    assert track_starts(sizes) == starts


@pytest.fixture(scope="module")
def forged_half(tmp_path_factory) -> Path:
    """A real clip for 2.4 s, then a forged one, upright: a pretence of harmlessness in one stream of VP8."""
    folder = tmp_path_factory.mktemp("forged")
    encode = ["-c:v", "libvpx", "-b:v", "2M", "-deadline", "realtime", "-an"]
    run_ffmpeg("-t", 2.4, "-i", SAMPLES / "real.mp4", *encode, folder / "0.mkv")
    run_ffmpeg(
        *("-t", 2.4, "-i", SAMPLES / "manipulated.mp4", "-vf", "crop=202:360,scale=360:640", *encode, folder / "1.mkv")
    )
    (folder / "list.txt").write_text("file 0.mkv\nfile 1.mkv\n")
    run_ffmpeg("-f", "concat", "-i", folder / "list.txt", "-c", "copy", folder / "joined.mkv")
    return folder / "joined.mkv"


@pytest.fixture(scope="module")
def forged_verdict(forged_half) -> Verdict:
    return Verdict.from_json(Scanner(plan=SamplingPlan.spread(16)).scan(forged_half).to_json())


@pytest.mark.slow
def test_a_forgery_behind_a_change_is_found(forged_verdict):
    assert forged_verdict.unreadable == ()
    assert forged_verdict.label == "likely_fake"
    first, second = (
        [item for item in forged_verdict.judged if (item.track.start_s < 2.4) is is_first] for is_first in (True, False)
    )
    assert first and second
    assert max(item.track.end_s for item in first) < 2.4
    assert max(item.scores.fake for item in second) > 0.9 > 0.5 > max(item.scores.fake for item in first)
    for items, size in ((first, None), (second, (360, 640))):
        assert {seen.frame_size for item in items for seen in item.track.observations} == {size}


@pytest.mark.slow
def test_evidence_of_frames_of_several_sizes(forged_half, forged_verdict, tmp_path):
    media = reopen(forged_verdict, forged_half)
    persons = forged_verdict.people
    for image, seen in read_frames(media, [person.track.observations[0] for person in persons]):
        assert image.shape[1::-1] == forged_verdict.frame_size(seen[0])
    page = render_report(forged_verdict, make_pictures(persons, media, None))
    assert 'viewBox="0 0 360 640"' in page
    annotate(forged_verdict, forged_half, tmp_path / "copy.mp4")
    info, frames, _ = frames_of(tmp_path / "copy.mp4", SamplingPlan.at_times([1.0, 4.0]))
    assert (info.width, info.height) == (640, 360)
    beside = [float(np.median(frame.image[120:240, 20:180])) for frame in frames]
    assert beside[0] > 20, "the first half fills the copy"
    assert beside[1] < 5, "the second lies in its middle"
