"""The layout of DF40."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from classifiers.datasets import DataError, PictureReader, open_dataset
from classifiers.evaluation.explore import explore

_YOUTUBE = "FaceForensics++/original_sequences/youtube/c23/frames"
_ORIGINALS = (f"{_YOUTUBE}/071/000.png", f"{_YOUTUBE}/953/000.png", f"{_YOUTUBE}/400/000.png")
_CELEB = ("Celeb-DF-v2/Celeb-real/frames/id0_0003/000.png", "Celeb-DF-v2/YouTube-real/frames/00170/000.png")


def _found(root):
    return {s.path.relative_to(root).as_posix(): (s.fake, s.split, s.family, s.source) for s in open_dataset(root)}


def test_both_parts_with_the_originals(tree):
    fakes = (
        "DF40_train/simswap/frames/071_054/000.png",
        "DF40/simswap/ff/frames/953_974/000.png",
        "DF40/simswap/cdf/frames/id0_id16_0003/000.png",
        "DF40/StyleGAN2/ff/953/seed0188.png",
        "DF40/sd2.1/cdf/Fake_from_Celeb-real/id0_0003/1.png",
    )
    aside = ("DF40/simswap/ff/landmarks/953_974/000.png", "DF40/simswap/ff/masks/953_974/000.png")
    assert _found(tree(*fakes, *aside, *_ORIGINALS, *_CELEB)) == {
        fakes[0]: (True, "train", "faceswap", "054_071"),
        fakes[1]: (True, "test", "faceswap", "953_974"),
        fakes[2]: (True, "test", "faceswap", "id0_0003"),
        fakes[3]: (True, "test", "gan", "953_974"),
        fakes[4]: (True, "test", "diffusion", "id0_0003"),
        _ORIGINALS[0]: (False, "train", "", "054_071"),
        _ORIGINALS[1]: (False, "test", "", "953_974"),
        _ORIGINALS[2]: (False, "", "", "400"),
        _CELEB[0]: (False, "test", "", "id0_0003"),
        _CELEB[1]: (False, "test", "", "00170"),
    }


def test_methods_with_reals_of_their_own(tree):
    names = ("MidJourney/fake/1.png", "MidJourney/real/1.png", "heygen/heygen_new/fake/frames/071/000.png")
    nested = ("stargan/stargan/real/2.jpg", "heygen/heygen_new/real/071/000.png")
    root = tree(*(f"DF40/{name}" for name in (*names, *nested)))
    for path in (root, root / "DF40"):
        found = {s.path.relative_to(root / "DF40").as_posix(): (s.fake, s.clip, s.source) for s in open_dataset(path)}
        assert found == {
            names[0]: (True, "", "MidJourney/1"),
            names[1]: (False, "", "MidJourney/1"),
            names[2]: (True, "DF40/heygen/heygen_new/fake/frames/071", "heygen/071"),
            nested[1]: (False, "DF40/heygen/heygen_new/real/071", "heygen/071"),
            nested[0]: (False, "", "stargan/2"),
        }, "071 is not that of FaceForensics++"


def test_face_that_is_seen_is_told_of_swaps_alone(tree):
    fakes = ("DF40/simswap/cdf/frames/id0_id16_0003/000.png", "DF40/lia/cdf/frames/id0_id16_0003/000.png")
    samples = open_dataset(tree(*fakes, *_CELEB))
    assert {s.path.parts[-5]: s.person for s in samples if s.fake} == {"simswap": "id16", "lia": ""}


def test_fakes_without_originals(tree):
    with pytest.raises(DataError, match=r"holds fake samples only \(1 of them\); a data set needs real ones too"):
        open_dataset(tree("DF40_train/simswap/frames/071_054/000.png"))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("DF40/anchor/frames/071/000.png", r"DF40/anchor is not named after a method of DF40; move it out of DF40"),
        ("DF40/lia/readme.txt", r"DF40/lia holds no pictures of DF40"),
    ],
)
def test_folder_of_no_method_and_empty_one(tree, name, message):
    with pytest.raises(DataError, match=message):
        open_dataset(tree("DF40/simswap/ff/frames/953_974/000.png", name))


def test_pictures_are_read_where_they_lie(tree):
    root = tree("DF40/MidJourney/fake/1.png", "DF40/MidJourney/real/1.png")
    for number, path in enumerate(sorted(root.rglob("*.png"))):
        Image.fromarray(np.full((48, 40 + 8 * number, 3), 90 + number, np.uint8)).save(path)
    exploration = explore(open_dataset(root), PictureReader())
    assert [(count.split, count.real, count.fake) for count in exploration.balance()] == [("test", 1, 1)]
    assert len(exploration.facts) == 2 and exploration.families() == {"diffusion": 1}
