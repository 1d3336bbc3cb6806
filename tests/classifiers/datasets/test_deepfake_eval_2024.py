"""The layout of Deepfake-Eval-2024."""

from __future__ import annotations

import pytest

from classifiers.datasets import DataError, open_dataset

_VIDEOS = """Filename,Date,Video Ground Truth,Audio Ground Truth,Public Comments,Finetuning Set
a.mp4,2024-11-14,Fake,Unknown,"lips, and more",train
b.mp4,2024-11-13,Real,Fake,only the voice,test
-c.mp4,2024-11-12,Unknown,Fake,,test
"""
_PICTURES = "Filename,Ground Truth,Finetuning Set\nd.webp,Fake,Train\ne.jpg,Real,Test\n#NAME?,Real,Test\n"
_FILES = ("video-data/a.mp4", "video-data/b.mp4", "video-data/-c.mp4", "image-data/d.webp", "image-data/e.jpg")


@pytest.mark.parametrize("ending", ["", "-with-links"])
def test_videos_and_pictures(tree, caplog, ending):
    tables = {f"video-metadata-publish{ending}.csv": _VIDEOS, f"image-metadata-publish{ending}.csv": _PICTURES}
    samples = open_dataset(tree(*_FILES, "audio-data/f.mp3", **tables))
    assert [(s.path.name, s.fake, s.split, s.clip) for s in samples] == [
        ("a.mp4", True, "train", "video-data/a"),
        ("b.mp4", False, "test", "video-data/b"),
        ("d.webp", True, "train", ""),
        ("e.jpg", False, "test", ""),
    ], "the picture counts, not the voice"
    assert "1 file called neither real nor fake, left out" in caplog.text
    assert "image-metadata-publish" in caplog.text and "1 of 3 files missing" in caplog.text


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (",Fake,Unknown", ",Mixed,Unknown", r"line 2 of .*publish\.csv has .* the Video Ground Truth 'Mixed'"),
        ('more",train', 'more",dev', "the Finetuning Set 'dev'"),
        ("a.mp4", "", "has the file ''"),
        ("Video Ground Truth", "Label", r"publish\.csv lacks the columns Video Ground Truth of Deepfake-Eval-2024"),
    ],
)
def test_damaged_table(tree, old, new, message):
    assert old in _VIDEOS
    with pytest.raises(DataError, match=message):
        open_dataset(tree(*_FILES, **{"video-metadata-publish.csv": _VIDEOS.replace(old, new, 1)}))
