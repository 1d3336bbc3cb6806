"""Face crops in zip shards."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

import numpy as np
import pytest

from classifiers.datasets import DataError, PictureReader, Sample, face_shards
from tests.tiny_shards import FACE, FACE_LANDMARKS, write_shards


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return write_shards(tmp_path_factory.mktemp("shards"))


def _group(folder: Path, name: str) -> list[Sample]:
    return face_shards.samples(folder / f"{name}.csv")


def test_recognises_an_index_and_a_folder_of_such(folder, tmp_path):
    assert face_shards.recognises(folder)
    assert face_shards.recognises(folder / "real.csv")
    assert not face_shards.recognises(folder / "real-00.zip")
    (tmp_path / "labels.csv").write_text("file,label\na.jpg,real\n")
    assert not face_shards.recognises(tmp_path)


def test_folder_is_all_of_its_groups(folder):
    samples = face_shards.samples(folder)
    assert len(samples) == len({sample.name for sample in samples}) == 20
    names = [sample.name for name in ("generated", "real", "video_faces") for sample in _group(folder, name)]
    assert [sample.name for sample in samples] == names


def test_stills(folder):
    first, second, _ = _group(folder, "real")
    assert (first.split, first.fake, first.family, first.source) == ("train", False, "", "portraits")
    assert not first.clip
    assert first.group == first.name != second.group, "every still stands for itself"
    assert first.landmarks.dtype == np.float32
    np.testing.assert_allclose(first.landmarks, FACE_LANDMARKS, atol=0.06)


def test_generated_stills(folder):
    samples = _group(folder, "generated")
    assert [(s.fake, s.family, s.clip) for s in samples] == [(True, "gan", ""), (True, "diffusion", "")]


def test_frames_of_a_clip_are_one_group(folder):
    samples = _group(folder, "video_faces")
    groups = [sample.group for sample in samples]
    assert groups == [clip for clip in ("talk one", "talk two", "news", "swap", "puppet") for _ in range(3)]
    assert [sample.fake for sample in samples] == [False] * 9 + [True] * 6


def test_method_that_alters_the_expression_of_a_filmed_face_draws_no_face(tmp_path):
    write_shards(tmp_path)
    index = tmp_path / "video_faces.csv"
    for source, family in (
        ("FaceForensics++ Face2Face", "expression_swap"),
        ("FaceForensics++ NeuralTextures", "expression_swap"),
        ("puppets", "reenactment"),
    ):
        named = tmp_path / f"{family}.csv"
        named.write_text(index.read_text().replace("puppets", source))
        assert {s.family for s in face_shards.samples(named) if s.source == source} == {family}


def test_person_is_told_apart_within_a_source_and_known_of_real_ones_only(tmp_path):
    write_shards(tmp_path)
    for name in ("real", "generated"):
        index = tmp_path / f"{name}.csv"
        index.write_text(index.read_text().replace(",CC0,", ",CC0,anna"))
    assert [s.person for s in _group(tmp_path, "real")] == ["portraits/anna", "studio/anna", "studio/anna"]
    assert [s.person for s in _group(tmp_path, "generated")] == ["", ""]


def test_picture_is_rgb_and_the_one_that_the_index_names(folder):
    # The first picture is the face as it is; the others have other colours and sizes.
    first, second, _ = _group(folder, "real")
    reader = PictureReader()
    picture = reader.read(first)
    assert picture.shape == FACE.shape and picture.dtype == np.uint8
    assert np.abs(picture.astype(int) - FACE).mean() < 4
    assert reader.read(second).shape == (150, 150, 3)


def test_reader_for_another_process_reads_the_same(folder):
    sample = _group(folder, "generated")[0]
    reader = PictureReader()
    picture = reader.read(sample)
    copy = pickle.loads(pickle.dumps(reader))
    np.testing.assert_array_equal(copy.read(pickle.loads(pickle.dumps(sample))), picture)


@pytest.mark.parametrize("damage", ["no zip file", "version"])
def test_damaged_shard(tmp_path, damage):
    write_shards(tmp_path)
    shard = tmp_path / "real-00.zip"
    data = bytearray(shard.read_bytes())
    data[data.index(b"PK\1\2") + 6] = 255  # the version of ZIP that is needed to read the first file
    shard.write_bytes(data if damage == "version" else b"no zip file")
    with pytest.raises(DataError, match=r"cannot read .*real-00\.zip"):
        face_shards.samples(tmp_path)


def test_label_that_is_none(tmp_path):
    write_shards(tmp_path)
    index = tmp_path / "real.csv"
    index.write_text(index.read_text().replace(",real,", ",other,"))
    with pytest.raises(DataError, match=r"calls real0\.jpg 'other', which is neither real nor fake"):
        face_shards.samples(index)


def test_shard_with_a_name_that_no_file_can_have(tmp_path):
    write_shards(tmp_path)
    index = tmp_path / "real.csv"
    index.write_text(index.read_text().replace("real-00.zip", "\0.zip"))
    # Python 3.10 reads no CSV with such a character in it.
    with pytest.raises(DataError, match="cannot read" if sys.version_info >= (3, 11) else "is no CSV file"):
        face_shards.samples(index)
