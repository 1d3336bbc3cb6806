"""Files that are damaged, that are no media, or that are up to something."""

from __future__ import annotations

import http.server
import os
import stat
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from pipeline import media
from pipeline.media import MediaError, frame_log, frame_times, open_frames, probe, video_probe
from pipeline.media.ffmpeg import BINARY_VARIABLE, find_binary
from pipeline.media.sampling import SamplingPlan
from tests.conftest import CLIP_FRAMES
from tests.media_files import number_frames, read_number, run_ffmpeg, write_video

EVERY = SamplingPlan.every_frame()
POSIX = pytest.mark.skipif(os.name == "nt", reason="the file system does not allow it")


def failure_of(path: Path) -> MediaError:
    with pytest.raises(MediaError) as caught, open_frames(probe(path), EVERY) as reader:
        list(reader)
    message = str(caught.value)
    assert media.quoted(path) in message
    assert message.endswith(".")
    assert "\n" not in message
    assert message.isprintable()
    return caught.value


def numbers_of(path: Path, plan: SamplingPlan = EVERY) -> tuple[list[int], list[str]]:
    with open_frames(probe(path), plan) as reader:
        return [read_number(frame.image) for frame in reader], reader.warnings


def test_missing_file(tmp_path):
    error = failure_of(tmp_path / "gone.mp4")
    assert error.status == "error"
    assert "does not exist" in str(error)


def test_folder(tmp_path):
    assert failure_of(tmp_path).status == "error"


def test_no_permission(clip, monkeypatch):
    def refuse(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)  # tests may run as root, who may read anything
    error = failure_of(clip)
    assert error.status == "error"
    assert "permission" in str(error)


@pytest.mark.parametrize("name", ["null\0character.mp4", "x" * 300 + ".mp4"], ids=["null", "long"])
def test_impossible_name(tmp_path, name):
    assert failure_of(tmp_path / name).status == "error"


def test_no_bytes(tmp_path):
    path = tmp_path / "empty.mp4"
    path.touch()
    assert failure_of(path).status == "undecodable"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"Just a text.\n" * 100, "neither a video nor an image"),
        (bytes(range(256)) * 100, "neither a video nor an image"),
        (b"\0" * 5000, "neither a video nor an image"),
        (b"x", "neither a video nor an image"),
        (b"BM", "a damaged image"),
    ],
)
def test_no_media(tmp_path, content, sentence):
    path = tmp_path / "text.mp4"
    path.write_bytes(content)
    error = failure_of(path)
    assert error.status in ("undecodable", "unsupported")
    assert sentence in str(error)


@pytest.mark.parametrize("name", ["a.txt", "a.nfo", "a.ans", "a.srt", "a.m3u8", "a.sdp", "a.ffconcat"])
def test_text_by_its_own_name(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"1\n00:00:01,000 --> 00:00:02,000\nJust a text.\n\n" * 10)
    assert failure_of(path).status in ("undecodable", "unsupported")


@POSIX
def test_named_pipe_does_not_block(tmp_path):
    path = tmp_path / "pipe.mp4"
    os.mkfifo(path)
    assert failure_of(path).status == "unsupported"


@POSIX
def test_device():
    assert failure_of(Path("/dev/zero")).status == "unsupported"


def test_sound_only(clip, tmp_path):
    for name in ("a.mp3", "a.m4a", "a.wav", "a.flac"):
        run_ffmpeg("-i", clip, "-vn", tmp_path / name)
        error = failure_of(tmp_path / name)
        assert error.status == "unsupported"
        assert "only sound" in str(error)


def test_cover_art_is_no_video(clip, tmp_path):
    path = tmp_path / "song.m4a"
    cover = tmp_path / "cover.png"
    run_ffmpeg("-i", clip, "-frames:v", 1, "-update", 1, cover)
    maps = ["-map", "0:a", "-map", "1:v", "-c:a", "copy", "-c:v", "png", "-disposition:v", "attached_pic"]
    run_ffmpeg("-i", clip, "-i", cover, *maps, path)
    assert "only sound" in str(failure_of(path))


def test_cover_art_beside_a_video(clip, tmp_path):
    path = tmp_path / "film.mp4"
    cover = tmp_path / "cover.png"
    run_ffmpeg("-i", clip, "-vf", "scale=384:256", "-frames:v", 1, "-update", 1, cover)
    maps = ["-map", "1", "-map", "0:v", "-c", "copy", "-disposition:v:0", "attached_pic"]
    run_ffmpeg("-i", clip, "-i", cover, *maps, path)
    assert probe(path).width == 96
    assert numbers_of(path) == (list(range(CLIP_FRAMES)), [])


def test_cut_off_before_the_index(clip, tmp_path):
    path = tmp_path / "cut.mp4"
    data = clip.read_bytes()
    path.write_bytes(data[: data.index(b"moov")])
    error = failure_of(path)
    assert error.status == "undecodable"
    assert "cut off" in str(error)


@pytest.mark.parametrize("name", ["cut.mp4", "cut.mkv", "cut.ts", "cut.avi"])
def test_cut_off_behind_the_index(tmp_path, name):
    options = ["-g", 10, *(["-movflags", "faststart"] if name == "cut.mp4" else [])]
    write_video(tmp_path / name, number_frames(100), filters="noise=alls=20:allf=t", options=options)
    data = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(data[: len(data) // 2])
    info = probe(tmp_path / name)
    assert 2 < info.duration_s < 8
    numbers, warnings = numbers_of(tmp_path / name)
    assert numbers[:20] == list(range(20))
    assert len(numbers) < 80
    if info.declared_duration_s > 9:
        assert any("declares 10.0 s" in warning for warning in warnings)

    spread, _ = numbers_of(tmp_path / name, SamplingPlan.spread(5))
    assert 4 <= len(spread) <= 5
    assert max(spread) < 80


@pytest.fixture
def holes(tmp_path):
    """A clip of 60 frames with a hole a third of the way through."""
    path = write_video(tmp_path / "holes.ts", number_frames(60), options=["-qp", 10, "-g", 10])
    data = bytearray(path.read_bytes())
    third = len(data) // 3
    data[third : third + 4000] = bytes(4000)
    path.write_bytes(data)
    return path


def test_damage_in_the_middle(holes):
    with open_frames(probe(holes), EVERY) as reader:
        frames = list(reader)
    assert 40 <= len(frames) <= 60
    assert read_number(frames[0].image) == 0
    assert read_number(frames[-1].image) == 59
    assert any("ffmpeg reported" in warning for warning in reader.warnings)


def test_a_title_in_the_colour_of_errors_is_none(tmp_path):
    title = "\x1b[1;31m[error] forged\x1b[0m"
    path = write_video(tmp_path / "title.mkv", number_frames(5), options=["-metadata", f"title={title}"])
    assert numbers_of(path) == (list(range(5)), [])


def test_damage_behind_a_place_that_was_sought(tmp_path):
    """Frames that were not chosen may be what is damaged."""
    options = ["-qp", 10, "-g", 30, "-sc_threshold", 0]
    path = write_video(
        tmp_path / "hole.mp4", number_frames(300), fps=30, filters="noise=alls=9:allf=t", options=options
    )
    plan = SamplingPlan.at_times([155 / 30, 285 / 30])
    assert numbers_of(path, plan) == ([155, 285], [])
    data = bytearray(path.read_bytes())
    start, end = data.index(b"mdat"), data.index(b"moov")
    hole = start + (end - start) * 250 // 300
    data[hole : hole + 4000] = bytes(4000)
    path.write_bytes(data)
    numbers, warnings = numbers_of(path, plan)
    assert numbers == [155, 285]
    assert len(warnings) == 1
    assert "ffmpeg reported" in warnings[0]


def test_nothing_decodable(tmp_path):
    path = write_video(tmp_path / "noise.mkv", number_frames(20), options=["-qp", 10])
    data = bytearray(path.read_bytes())
    start = data.index(b"\x1fC\xb6u")  # the first cluster: frames, and nothing but them, follow
    for offset in range(start + 30, len(data) - 4, 3):
        data[offset] ^= 0xA5
    path.write_bytes(data)
    with pytest.raises(MediaError) as caught, open_frames(probe(path), EVERY) as reader:
        list(reader)
    assert caught.value.status == "undecodable"


def test_picture_too_large(clip, monkeypatch):
    monkeypatch.setattr(video_probe, "MAX_PIXELS", 96 * 64 - 1)
    error = failure_of(clip)
    assert error.status == "unsupported"
    assert "96 x 64" in str(error)


def test_too_many_frames(clip, monkeypatch):
    monkeypatch.setattr(frame_times, "MAX_FRAMES", CLIP_FRAMES - 1)
    assert failure_of(clip).status == "unsupported"


ODD_NAMES = [
    "-i.mp4",
    "two words.mp4",
    'it\'s "quoted".mp4',
    "100%03d.mp4",
    "clip.png",
    "[0-9]*?.mp4",
    "a:b.mp4",
    "concat:a.mp4|b.mp4",
    "http:evil.mp4",
    "data:video;base64,AAAA.mp4",
    "back\\slash.mp4",
    "bell\a and tab\t.mp4",
    "Ünïcødé 視頻.mp4",
    os.fsdecode(b"caf\xe9.mp4"),
    "no suffix",
    "line\nbreak.mp4",
    "x':\n[info]   Duration: 09:00:00.00, start: 7.0\n[info]   Stream #0:0: Video: h264, yuv420p, 9x9, y.mp4",
    "[info] Input #0, mov, from 'x':\n[info] Input #0, avi, from 'y'.mp4",
    "[out @ 0x1] [error] x n: 0 pts: 7 .mp4",
]


@POSIX
@pytest.mark.parametrize("name", ODD_NAMES, ids=ascii)
def test_odd_names(clip, tmp_path, monkeypatch, name):
    path = tmp_path / name
    path.write_bytes(clip.read_bytes())
    plain = probe(clip)
    monkeypatch.chdir(tmp_path)
    for given in (path, Path(name)):
        info = probe(given)
        assert (info.width, info.height, info.duration_s, info.container, info.start_time_s) == (
            plain.width,
            plain.height,
            plain.duration_s,
            plain.container,
            plain.start_time_s,
        )
        with open_frames(info, SamplingPlan.spread(2)) as reader:
            assert [read_number(frame.image) for frame in reader] == [7, 22]
            assert reader.warnings == []


@POSIX
@pytest.mark.parametrize("name", ODD_NAMES, ids=ascii)
def test_messages_about_odd_names(tmp_path, name):
    failure_of(tmp_path / name)
    (tmp_path / name).write_bytes(b"no media")
    failure_of(tmp_path / name)


def test_metadata_cannot_forge_facts(clip, tmp_path):
    path = tmp_path / "forged.mkv"
    forged = "x\n[info]   Stream #0:0: Video: h264, yuv420p, 9x9\n[info] Output #0\n[showinfo] n: 0 pts: 99 "
    titles = ["-metadata", f"title={forged}", "-metadata:s:v", f"title={forged}"]
    run_ffmpeg("-i", clip, "-c", "copy", *titles, path)
    info = probe(path)
    assert (info.width, info.frame_count) == (96, CLIP_FRAMES)
    assert numbers_of(path) == (list(range(CLIP_FRAMES)), [])


@pytest.fixture
def visitors():
    """A web server on this machine: its address, and the list of what was asked of it."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


PLAYLIST = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\n{}\n#EXT-X-ENDLIST\n"
CONCAT = "ffconcat version 1.0\nfile '{}'\n"
MANIFEST = (
    '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
    'mediaPresentationDuration="PT3S"><Period><AdaptationSet mimeType="video/mp4">'
    '<Representation id="1" bandwidth="1"><BaseURL>{}</BaseURL></Representation></AdaptationSet></Period></MPD>'
)
SESSION = "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na={}\n"


@pytest.mark.parametrize(
    ("script", "suffix"),
    [(PLAYLIST, ".m3u8"), (CONCAT, ".ffconcat"), (MANIFEST, ".mpd"), (SESSION, ".sdp")],
    ids=["hls", "concat", "dash", "sdp"],
)
def test_scripts_open_no_other_file_and_no_address(clip, tmp_path, visitors, script, suffix):
    address, asked = visitors
    secret = tmp_path / "secret.mp4"
    secret.write_bytes(clip.read_bytes())
    for target in (secret.name, str(secret), f"{address}/a.ts"):
        for name in ("script.mp4", f"script{suffix}"):
            path = tmp_path / name
            path.write_text(script.format(target))
            assert failure_of(path).status in ("unsupported", "undecodable")
    assert asked == []


@pytest.fixture
def replaced_ffmpeg(tmp_path, monkeypatch):
    """Put a shell script in ffmpeg's place; "REAL" in it is the true one."""

    def replace(script: str) -> None:
        program = tmp_path / "ffmpeg"
        real = find_binary().path
        version = f'[ "$1" = -version ] && exec "{real}" "$@"'
        program.write_text(f"#!/bin/sh\n{version}\n" + script.replace("REAL", f'"{real}"'))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv(BINARY_VARIABLE, str(program))

    return replace


CLOCK = "echo 'config in time_base: 1/10' >&2"
SAID = (
    "echo 'n: 0 pts: {} fmt:yuv420p sar:1/1 s:96x64 i:P' >&2; "
    "echo 'color_range:unknown color_space:unknown color_primaries:unknown color_trc:unknown' >&2"
)
"""What ffmpeg logs of its clock and of each frame."""


@POSIX
@pytest.mark.parametrize(
    "script",
    [
        # What one thread writes amid a line of another has no level in words.
        "{ REAL \"$@\" 2>&1 >&3 3>&- | sed -u 's/\\[error\\] //' >&2; } 3>&1",
        # A script may lose the variable that asks for colours.
        'AV_LOG_FORCE_NOCOLOR=1 REAL "$@"',
    ],
    ids=["colour", "word"],
)
def test_errors_are_known_by_their_colour_or_their_level(holes, replaced_ffmpeg, monkeypatch, script):
    info = probe(holes)
    with open_frames(info, EVERY) as reader:
        list(reader)
    replaced_ffmpeg(script)
    monkeypatch.setenv("AV_LOG_FORCE_NOCOLOR", "1")
    with open_frames(info, EVERY) as again:
        list(again)
    assert any("ffmpeg reported" in warning for warning in reader.warnings)
    assert again.warnings == reader.warnings


@POSIX
def test_hang_while_probing(clip, replaced_ffmpeg):
    replaced_ffmpeg("exec sleep 60")
    began = time.monotonic()
    with pytest.raises(MediaError) as caught:
        probe(clip, stall_timeout_s=0.5)
    assert caught.value.status == "timeout"
    assert time.monotonic() - began < 10


@POSIX
@pytest.mark.parametrize("plan", [EVERY, SamplingPlan.spread(2)], ids=str)
def test_hang_while_decoding(clip, replaced_ffmpeg, plan):
    info = probe(clip)
    replaced_ffmpeg(f"{CLOCK}; {SAID.format(0)}; head -c 5000 /dev/zero; exec sleep 60")
    with pytest.raises(MediaError) as caught, open_frames(info, plan, stall_timeout_s=0.5) as reader:
        list(reader)
    assert caught.value.status == "timeout"


@POSIX
@pytest.mark.parametrize(("first", "second"), [(9, 10), (0, 9)], ids=["before", "between"])
def test_silence_on_the_way_to_a_frame_is_no_hang(clip, replaced_ffmpeg, first, second):
    info = probe(clip)
    frame = f"sleep 0.5; {SAID}; head -c 9216 /dev/zero; "
    replaced_ffmpeg(f"{CLOCK}; " + frame.format(first) + frame.format(second))
    plan = SamplingPlan.at_times(info.frame_times_s[[first, second]])
    with open_frames(info, plan, stall_timeout_s=0.2) as reader:
        assert [frame.index for frame in reader] == [first, second]


@POSIX
def test_picture_without_a_time(clip, replaced_ffmpeg, monkeypatch):
    info = probe(clip)
    replaced_ffmpeg("head -c 20000 /dev/zero")
    monkeypatch.setattr(frame_log, "LOG_TIMEOUT_S", 0.1)
    with pytest.raises(MediaError, match="does not say") as caught, open_frames(info, EVERY) as reader:
        list(reader)
    assert caught.value.status == "error"


DESCRIBED = "echo '[info] Input #0, avi, from 1:' >&2; echo '[info]   Stream #0:0: Video: {}' >&2; "
LISTED = "echo '#tb 0: {}'; echo '0, {}, 1, 1, 9, 0x1'; "
H264 = "h264, yuv420p, 96x64"


@POSIX
@pytest.mark.parametrize(
    "script",
    [
        DESCRIBED.format(H264) + LISTED.format("1/10", 1 << 70),
        DESCRIBED.format(H264) + LISTED.format("1/10", "x"),
        DESCRIBED.format(f"h264, yuv420p, {'9' * 5000}x64") + LISTED.format("1/10", 0),
    ],
    ids=["time beyond 64 bits", "time that is no number", "size of 5000 digits"],
)
def test_what_ffmpeg_would_never_say(clip, replaced_ffmpeg, script):
    """An ffmpeg that a file has taken over may say anything."""
    replaced_ffmpeg(script)
    error = failure_of(clip)
    assert error.status == "error"
    assert "makes no sense" in str(error)


@POSIX
@pytest.mark.parametrize("time_base", ["1/0", "0/1"])
def test_clock_that_cannot_be_is_passed_over(clip, replaced_ffmpeg, time_base):
    replaced_ffmpeg(DESCRIBED.format(H264) + LISTED.format(time_base, 0))
    assert probe(clip).time_base == 1


@POSIX
def test_times_at_both_ends_of_64_bits_beside_missing_ones(clip, replaced_ffmpeg):
    times = f"{-(1 << 62)}, {(1 << 62) - 1}", f"5, {-(1 << 63)}"
    packets = "; ".join(f"echo '0, {time}, 1, 9, 0x1'" for time in times)
    replaced_ffmpeg(DESCRIBED.format(H264) + f"echo '#tb 0: 1/10'; {packets}")
    assert probe(clip).frame_count == 2


@POSIX
@pytest.mark.parametrize("size", ["0x64", "999999x999999", f"{'9' * 30}x64"], ids=["none", "large", "beyond 64 bits"])
def test_picture_of_a_size_that_cannot_be(clip, replaced_ffmpeg, monkeypatch, size):
    info = probe(clip)
    replaced_ffmpeg(f"{CLOCK}; {SAID.format(0).replace('96x64', size)}; head -c 5000 /dev/zero; exec sleep 60")
    monkeypatch.setattr(frame_log, "LOG_TIMEOUT_S", 0.1)
    with pytest.raises(MediaError) as caught, open_frames(info, EVERY) as reader:
        list(reader)
    assert caught.value.status == "error"


@POSIX
def test_stream_of_which_nothing_is_said(clip, replaced_ffmpeg):
    replaced_ffmpeg(DESCRIBED.format("") + LISTED.format("1/10", 0))
    assert "no picture in it" in str(failure_of(clip))


@POSIX
@pytest.mark.parametrize("said", ["Duration: 00:00:1.2.3, start: 1.2.3", f"Duration: 00:00:{'9' * 400}"])
def test_duration_that_is_none(clip, replaced_ffmpeg, said):
    described = DESCRIBED.format(H264).replace("; ", f"; echo '[info]   {said}' >&2; ", 1)
    replaced_ffmpeg(described + LISTED.format("1/10", 0))
    info = probe(clip)
    assert (info.declared_duration_s, info.start_time_s) == (None, 0.0)


def test_slow_reader_is_no_hang(clip):
    with open_frames(probe(clip), EVERY, stall_timeout_s=0.5) as reader:
        for frame in reader:
            if frame.index == 0:
                time.sleep(1.5)
    assert frame.index == CLIP_FRAMES - 1


@POSIX
@pytest.mark.parametrize("script", ["CRASH", 'REAL "$@" | head -c 20000; CRASH'], ids=["at once", "amid"])
def test_crash(clip, replaced_ffmpeg, script):
    info = probe(clip)
    # A confined process may send no signals, not even to itself.
    replaced_ffmpeg(script.replace("CRASH", f"exec '{sys.executable}' -S -c 'import os; os.abort()'"))
    reader = open_frames(info, EVERY)
    if "REAL" in script:
        assert len(list(reader)) == 2
        assert any("crashed" in warning for warning in reader.warnings)
    else:
        with pytest.raises(MediaError, match="crashed") as caught:
            list(reader)
        assert caught.value.status == "error"


@POSIX
def test_a_decoder_that_somebody_killed_gives_no_part_of_a_file_for_all_of_it(clip):
    with open_frames(probe(clip), EVERY) as reader, pytest.raises(MediaError, match="was killed") as caught:
        for _ in reader:
            for child in psutil.Process().children(recursive=True):
                if "ffmpeg" in child.name():
                    child.kill()
    assert caught.value.status == "error"


def test_variable_that_names_no_ffmpeg(clip, monkeypatch, tmp_path):
    monkeypatch.setenv(BINARY_VARIABLE, str(tmp_path / "none"))
    with pytest.raises(MediaError, match=BINARY_VARIABLE) as caught:
        probe(clip)
    assert caught.value.status == "error"


@POSIX
@pytest.mark.parametrize(
    ("version", "origin"), [("4.4.2", "imageio-ffmpeg"), ("5.1", "system"), ("n7.1", "system"), ("N-1-g2", "system")]
)
def test_old_ffmpeg_on_the_path_is_passed_over(tmp_path, monkeypatch, version, origin):
    monkeypatch.delenv(BINARY_VARIABLE, raising=False)
    program = tmp_path / "ffmpeg"
    program.write_text(f"#!/bin/sh\necho ffmpeg version {version} Copyright\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = find_binary()
    assert found.origin == origin
    assert (found.version == version) == (origin == "system")
    assert str(found) == f"ffmpeg {found.version} ({origin})"


def test_error_survives_the_way_between_processes():
    import pickle

    error = pickle.loads(pickle.dumps(MediaError("timeout", "It hung.")))
    assert (error.status, str(error)) == ("timeout", "It hung.")


def test_import_is_light():
    import subprocess

    code = "import pipeline.media, sys; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"cv2", "PIL", "ffmpeg", "tensorflow"}.isdisjoint(result.stdout.split())
