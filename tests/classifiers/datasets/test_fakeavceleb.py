"""The layout of FakeAVCeleb."""

from __future__ import annotations

import pytest

from classifiers.datasets import DataError, open_dataset

_TABLE = """source,target1,target2,method,category,type,race,gender,path,
id1,-,-,real,A,RealVideo-RealAudio,Asian (East),men,00109.mp4,FakeAVCeleb/RealVideo-RealAudio/Asian (East)/men/id1
id1,-,-,rtvc,B,RealVideo-FakeAudio,Asian (East),men,00109_fake.mp4,x
id1,id2,eQTviHjyISo,faceswap,C,FakeVideo-RealAudio,Asian (East),men,00109_id2_eQTviHjyISo.mp4,x
id1,id3,5,wav2lip,D,FakeVideo-FakeAudio,Asian (East),men,00109_5_id3_wavtolip.mp4,x
id1,id4,0,fsgan-wav2lip,D,FakeVideo-FakeAudio,Asian (East),men,00109_id4_wavtolip.mp4,x
id1,id4,0,fsgan-wav2lip,D,FakeVideo-FakeAudio,Asian (East),men,00109_id4_wavtolip.mp4,x
"""
_PLACE = "Asian (East)/men/id1"
_FILES = (
    f"RealVideo-RealAudio/{_PLACE}/00109.mp4",
    f"RealVideo-FakeAudio/{_PLACE}/00109_fake.mp4",
    f"FakeVideo-RealAudio/{_PLACE}/00109_id2_eQTviHjyISo.mp4",
    f"FakeVideo-FakeAudio/{_PLACE}/00109_5_id3_wavtolip.mp4",
    f"FakeVideo-FakeAudio/{_PLACE}/00109_id4_wavtolip.mp4",
)


def test_the_picture_counts(tree):
    root = tree(*_FILES, **{"meta_data.csv": _TABLE})
    samples = open_dataset(root)
    assert [(s.path.relative_to(root).as_posix(), s.fake, s.family, s.person) for s in samples] == [
        (_FILES[0], False, "", "id1"),
        (_FILES[1], False, "", "id1"),
        (_FILES[2], True, "faceswap", "id2"),
        (_FILES[3], True, "lipsync", "id1"),
        (_FILES[4], True, "faceswap", "id4"),
    ], "only the voice is cloned in RealVideo-FakeAudio, and rows that are there twice count once"
    assert {(s.source, s.split) for s in samples} == {("id1", "")}


def test_missing_table(tree):
    with pytest.raises(DataError, match=r"lacks meta_data\.csv of FakeAVCeleb; copy it there"):
        open_dataset(tree(*_FILES))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("D,FakeVideo-FakeAudio", "D,FakeVideo", r"00109_5_id3_wavtolip\.mp4 the type 'FakeVideo'"),
        ("wav2lip,D", "sadtalker,D", "the method 'sadtalker', which are not of FakeAVCeleb"),
        (",race,", ",ethnicity,", r"meta_data\.csv lacks the columns race of FakeAVCeleb"),
    ],
)
def test_damaged_table(tree, old, new, message):
    assert old in _TABLE
    with pytest.raises(DataError, match=message):
        open_dataset(tree(*_FILES, **{"meta_data.csv": _TABLE.replace(old, new, 1)}))
