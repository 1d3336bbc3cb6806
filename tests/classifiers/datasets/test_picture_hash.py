"""Pictures that look nearly the same."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage import data

from classifiers.datasets.picture_hash import MAX_DISTANCE, MIN_CORRELATION, Fingerprint, fingerprint, near_duplicates

ASTRONAUT = data.astronaut()


def _encode(picture: np.ndarray, extension: str = ".jpg", quality: int = 95) -> bytes:
    options = (cv2.IMWRITE_JPEG_QUALITY, quality) if extension == ".jpg" else ()
    return cv2.imencode(extension, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), options)[1].tobytes()


def _alike(one: bytes, other: bytes) -> bool:
    return list(near_duplicates([fingerprint(one), fingerprint(other)], np.array([0, 1]))) == [(0, 1)]


@pytest.mark.parametrize(
    "copy",
    [
        _encode(ASTRONAUT, quality=30),
        _encode(ASTRONAUT, ".png"),
        _encode(ASTRONAUT, ".webp"),
        _encode(cv2.resize(ASTRONAUT, (200, 200), interpolation=cv2.INTER_AREA), quality=80),
        _encode(cv2.convertScaleAbs(ASTRONAUT, alpha=1.1, beta=5)),
        _encode(ASTRONAUT[4:-4, 4:-4]),
        _encode(cv2.GaussianBlur(ASTRONAUT, (0, 0), 2)),
    ],
    ids=["compressed", "png", "webp", "smaller", "brighter", "cropped", "blurred"],
)
def test_copy_with_slight_changes(copy):
    assert _alike(_encode(ASTRONAUT), copy)


@pytest.mark.parametrize(
    "other",
    [_encode(data.coffee()), _encode(ASTRONAUT[:, ::-1]), _encode(255 - ASTRONAUT), _encode(ASTRONAUT[60:-60, 60:-60])],
    ids=["another", "mirrored", "negative", "cropped by far"],
)
def test_other_picture(other):
    assert not _alike(_encode(ASTRONAUT), other)


def test_pictures_of_one_colour_are_like_no_other():
    grey = _encode(np.full((64, 64, 3), 90, np.uint8), ".png")
    assert not _alike(grey, _encode(np.full((64, 64, 3), 91, np.uint8), ".png"))


@given(seed=st.integers(0, 10_000), count=st.integers(0, 60))
def test_finds_what_comparing_all_pairs_finds(seed, count):
    random = np.random.default_rng(seed)
    originals = random.integers(0, 256, (3, 16, 16)).astype(np.uint8)
    hashes = random.integers(0, 2, (3, 64))
    prints, flips = [], []
    for _ in range(count):
        kind = random.integers(3)
        flipped = hashes[kind].copy()
        flipped[random.choice(64, random.integers(0, 6), replace=False)] ^= 1
        bits = int("".join(map(str, flipped)), 2)
        noisy = originals[kind] + random.normal(0, random.uniform(0, 25), (16, 16))
        prints.append(Fingerprint(bits, np.clip(noisy, 0, 255).astype(np.uint8)))
        flips.append(flipped)
    sides = random.integers(0, 3, count)
    expected = {
        (i, j)
        for j in range(count)
        for i in range(j)
        if sides[i] != sides[j]
        and (flips[i] != flips[j]).sum() <= MAX_DISTANCE
        and np.corrcoef(prints[i].copy.ravel(), prints[j].copy.ravel())[0, 1] >= MIN_CORRELATION
    }
    found = list(near_duplicates(prints, sides))
    assert len(found) == len(set(found)) and {tuple(sorted(pair)) for pair in found} == expected


@pytest.mark.parametrize("extension", [".jpg", ".png", ".webp"])
def test_damaged_picture(extension):
    content = _encode(ASTRONAUT, extension)
    for damaged in (content[: len(content) // 2], content[:10], b"", b"no picture"):
        with pytest.raises(OSError):
            fingerprint(damaged)
