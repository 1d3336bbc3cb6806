"""Files that end too early, or of which the middle is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.media_files import run_ffmpeg, sample_clip

H264 = ["-c:v", "libx264", "-preset", "veryfast", "-g", 12, "-pix_fmt", "yuv420p"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """2.4 s without a face, a key frame every 0.48 s."""
    return sample_clip(tmp_path_factory.mktemp("whole") / "whole.mp4", "no_face", H264)


def copied(source: Path, path: Path) -> bytearray:
    """Copy into another container; what can be is in small parts, since all of a part that is damaged is lost."""
    options = {".mp4": ["-movflags", "+faststart"], ".mov": ["-movflags", "+faststart"]}
    options[".mkv"] = ["-cluster_time_limit", 400]
    run_ffmpeg("-i", source, "-c", "copy", *options.get(path.suffix, []), path)
    return bytearray(path.read_bytes())


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "flv"])
def test_where_the_rest_of_a_file_is_missing_nobody_looked(scan_few, whole, tmp_path, suffix):
    path = tmp_path / f"cut.{suffix}"
    data = copied(whole, path)
    path.write_bytes(data[: len(data) * 45 // 100])
    verdict = scan_few(path)
    assert verdict.status == "insufficient_evidence"
    assert verdict.coverage.seen < 0.55
    ((start_s, end_s),) = verdict.coverage.not_looked_at
    assert start_s < 1.5
    assert end_s == pytest.approx(2.4, abs=0.1)


@pytest.mark.parametrize(
    "fill", [pytest.param(b"\0", id="zeros"), pytest.param(b"\x9f\x37\xc1", id="noise", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "flv", "ts"])
def test_a_middle_that_is_lost_is_not_readable(scan_few, whole, tmp_path, suffix, fill):
    path = tmp_path / f"holed.{suffix}"
    data = copied(whole, path)
    first, last = len(data) * 25 // 100, len(data) * 80 // 100
    data[first:last] = (fill * len(data))[: last - first]
    path.write_bytes(data)
    verdict = scan_few(path)
    assert verdict.status in ("insufficient_evidence", "undecodable")
    assert verdict.coverage.seen < 0.6
    assert any(start_s < 1.3 < end_s for start_s, end_s in verdict.coverage.not_readable)
