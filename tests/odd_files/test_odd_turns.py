"""Videos that ask to be turned by anything but quarters."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.media import probe
from pipeline.results.parts import ProbeRecord
from tests.media_files import frames_of, number_frame, read_number, set_display_matrix, stored_frame, write_video


@pytest.mark.parametrize("angle", [45, 30, 135, 300, 200.4, 88.7], ids=str)
def test_the_angle_is_recorded_and_told(tmp_path, angle):
    even = np.full((64, 96, 3), 200, np.uint8)
    path = write_video(tmp_path / "turned.mp4", [even] * 2)
    set_display_matrix(path, angle)
    info, frames, warnings = frames_of(path)
    assert info.rotation_deg == round(angle)
    assert ProbeRecord.of(info).rotation_deg == round(angle)
    assert len(warnings) == 1 and f"turned by {round(angle)} degrees" in warnings[0]
    # ffmpeg turns it within a picture of the same size, whose corners stay empty.
    image = frames[0].image
    assert (info.width, info.height) == image.shape[1::-1] == (96, 64)
    assert min(image[0, 0].max(), image[0, 12].max()) < 40 < 160 < image[32, 48].min()


@pytest.mark.parametrize("angle", [89.6, 90.4, 180.4, 269.7, 359.6, 1.2], ids=str)
def test_nearly_a_quarter_is_one(tmp_path, angle):
    quarter = round(angle / 90) * 90 % 360
    path = write_video(tmp_path / "turned.mp4", [stored_frame(number_frame(9), quarter)] * 2)
    set_display_matrix(path, angle)
    info, frames, warnings = frames_of(path)
    assert (info.rotation_deg, warnings) == (quarter, [])
    assert read_number(frames[0].image) == 9
    assert frames[0].image.shape[1::-1] == (info.width, info.height) == (96, 64)


def test_a_matrix_of_nothing_turns_nothing(tmp_path):
    path = write_video(tmp_path / "flat.mp4", [number_frame(9)] * 2)
    data = bytearray(path.read_bytes())
    start = data.index(b"tkhd") + 44
    data[start : start + 36] = bytes(36)
    path.write_bytes(data)
    assert probe(path).rotation_deg == 0
    assert read_number(frames_of(path)[1][0].image) == 9
