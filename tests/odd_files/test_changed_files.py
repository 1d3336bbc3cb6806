"""Files that change while they are scanned: no verdict on one stands beside the hash of another."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from pipeline.media import MediaError, SamplingPlan, open_frames, probe
from tests.media_files import EVERY, number_frame, number_frames, read_number, write_video


def replaced(path: Path) -> None:
    """Another file takes its name."""
    other = path.with_name("other" + path.suffix)
    if path.suffix == ".gif":
        write_animation(other, range(90, 60, -1))
    else:
        write_video(other, (number_frame(90 - number) for number in range(30)))
    other.replace(path)


def shortened(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def lengthened(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def rewritten(path: Path) -> None:
    """As many other bytes in the same file."""
    path.write_bytes(bytes(path.stat().st_size))


def removed(path: Path) -> None:
    path.unlink()


def moved(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))


CHANGES = [replaced, shortened, lengthened, rewritten, removed, moved]


def write_animation(path: Path, numbers) -> Path:
    first, *rest = (Image.fromarray(number_frame(number)) for number in numbers)
    first.save(path, save_all=True, append_images=rest, duration=100)
    return path


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    folder = tmp_path_factory.mktemp("originals")
    # Noise makes it so long that not all of it is read at once.
    noise = {"filters": "noise=alls=30:allf=t", "options": ["-qp", 4, "-g", 5]}
    noisy = write_video(folder / "a.mp4", number_frames(30), **noise)
    return {"mp4": noisy, "gif": write_animation(folder / "a.gif", range(30))}


@pytest.fixture(params=["mp4", "gif"])
def path(request, originals, tmp_path) -> Path:
    return Path(shutil.copy(originals[request.param], tmp_path / f"clip.{request.param}"))


def frames_until_told(info, plan=EVERY, meanwhile: Callable[[], None] | None = None) -> list[int]:
    """Numbers of the frames that are given before the error."""
    numbers = []
    with pytest.raises(MediaError) as caught, open_frames(info, plan) as reader:
        for frame in reader:
            if meanwhile and not numbers:
                meanwhile()
            numbers.append(read_number(frame.image))
    assert (caught.value.status, str(caught.value)) == (
        "error",
        f"'{info.path}' was changed, replaced or moved while it was read: scan it again.",
    )
    return numbers


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_change_after_hashing_is_an_error(path, change):
    info = probe(path)
    assert info.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    change(path)
    frames_until_told(info)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_change_while_decoding_is_an_error(path, change):
    frames_until_told(probe(path), SamplingPlan.spread(20), lambda: change(path))


@pytest.mark.parametrize("change", [replaced, removed, moved], ids=lambda change: change.__name__)
def test_what_is_decoded_is_what_was_hashed(path, change):
    info = probe(path)
    change(path)
    assert frames_until_told(info) == list(range(30))


def test_a_file_that_nobody_touches_is_whole(path):
    info = probe(path)
    path.chmod(0o600)
    with open_frames(info, EVERY) as reader:
        assert len(list(reader)) == 30
        assert reader.warnings == []
