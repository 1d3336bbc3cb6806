"""The layouts of KoDF."""

from __future__ import annotations

import unicodedata

import pytest

from classifiers.datasets import DataError, open_dataset

_TARGET, _DONOR = "abcdef01", "23456789"
_REAL = f"{_TARGET}_001.mp4"
_SWAP, _MOVED = f"{_TARGET}_{_DONOR}_1_0001.mp4", f"{_TARGET}_{_DONOR}_4_0001.mp4"
_FILES = (
    f"1.Training/원천데이터/train_원본/원본1/{_TARGET}/{_REAL}",
    f"1.Training/원천데이터/train_변조/dfl1/{_TARGET}/{_SWAP}",
    f"1.Training/원천데이터/train_변조/fo3/{_TARGET}/{_MOVED}",
    f"1.Training/원천데이터/train_탐지방해/변조영상/01_x/{_SWAP}",
)
_META = "1.Training/라벨링데이터/train_meta_data"
_ORIGINALS = f"영상ID,UUID,인물성별\n{_REAL},{_TARGET},남\n"
_FORGED = "영상ID,타겟영상,타겟UUID,소스UUID,변조모델\n" + "".join(
    f"{name},{_REAL},{_TARGET},{_DONOR},{method}\n" for name, method in ((_SWAP, "dfl"), (_MOVED, "fo"))
)
_TABLES = {
    f"{_META}/원본영상_training_메타데이터.csv": _ORIGINALS,
    f"{_META}/변조영상_training_메타데이터.csv": _FORGED,
}


def _facts(root):
    return [(s.path.name, s.fake, s.split, s.family, s.source, s.person) for s in open_dataset(root)]


def test_tables(tree, caplog):
    other = "2.Validation/라벨링데이터/validate_meta_data/원본영상_validation_메타데이터.csv"
    more = {other: "영상ID,UUID\n99999999_001.mp4,99999999\n99999999_002.mp4,99999999\n"}
    found = _facts(
        tree(*_FILES, "2.Validation/원천데이터/validate_원본/원본1/99999999/99999999_001.mp4", **_TABLES, **more)
    )
    assert sorted(found) == [
        ("99999999_001.mp4", False, "val", "", "99999999_001", "99999999"),
        (_REAL, False, "train", "", f"{_TARGET}_001", _TARGET),
        (_SWAP, True, "train", "faceswap", f"{_TARGET}_001", _DONOR),
        (_MOVED, True, "train", "reenactment", f"{_TARGET}_001", _TARGET),
    ]
    assert "1 of 2 files missing" in caplog.text


def test_names_that_a_mac_has_taken_apart(tree):
    apart = {unicodedata.normalize("NFD", name): text for name, text in _TABLES.items()}
    assert len(_facts(tree(*(unicodedata.normalize("NFD", name) for name in _FILES), **apart))) == 3


def test_folders_without_tables(tree):
    names = (
        f"train/fsgan/20201027/{_TARGET}/{_SWAP}",
        f"train/original/{_TARGET}/{_REAL}",
        "train/original/x/clip.mp4",
    )
    audio = f"train/audio-driven/20201027/{_TARGET}/{_TARGET}_{_DONOR}_5_0001.mp4"
    root = tree(*(name.removeprefix("train/") for name in (*names, audio)))
    assert sorted(_facts(root)) == [
        (_REAL, False, "", "", _TARGET, _TARGET),
        (_SWAP, True, "", "faceswap", _TARGET, _DONOR),
        (audio.rpartition("/")[2], True, "", "lipsync", _TARGET, _TARGET),
    ], "what is named after nobody is left out"


def test_tables_of_one_kind_only(tree):
    root = tree(*_FILES, **{name: text for name, text in _TABLES.items() if "원본" in name})
    with pytest.raises(DataError, match=r"lacks the table 변조영상_\.\.\._메타데이터\.csv of KoDF"):
        open_dataset(root)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("변조모델", "모델", "lacks the columns 변조모델 of KoDF"),
        (",dfl\n", ",roop2\n", r"was made by 'roop2', which is no method of KoDF"),
    ],
)
def test_damaged_table(tree, old, new, message):
    tables = {name: text.replace(old, new) for name, text in _TABLES.items()}
    assert tables != _TABLES
    with pytest.raises(DataError, match=message):
        open_dataset(tree(*_FILES, **tables))


def test_fake_with_a_strange_name(tree):
    with pytest.raises(DataError, match=r"clip\.mp4 is not named as the fakes of KoDF"):
        open_dataset(tree(f"dfl/{_TARGET}/{_SWAP}", "dfl/clip.mp4"))
