"""FakeAVCeleb, interviews of VoxCeleb2 with forged pictures, voices or both (Khalid et al., NeurIPS 2021,
https://arxiv.org/abs/2108.05080).

    meta_data.csv    source,target1,target2,method,category,type,race,gender,path,
    RealVideo-RealAudio/African/men/id00076/00109.mp4
    RealVideo-FakeAudio/African/men/id00076/00109_fake.mp4
    FakeVideo-RealAudio/African/men/id00076/00109_id00478_ZnnDdjlABM4.mp4
    FakeVideo-FakeAudio/African/men/id00076/00109_10_id00476_wavtolip.mp4

The table has the name of a file in `path`, and its folder is type/race/gender/source. The label is that of the picture:
RealVideo-FakeAudio is real here, though the authors count it as a fake, since only the voice was cloned and nothing in
its picture could tell. There is no official split.
"""

from __future__ import annotations

from pathlib import Path

from classifiers.datasets.index_files import read_rows, require_columns, those_there
from classifiers.datasets.sample import Sample
from classifiers.datasets.words import known
from classifiers.errors import DataError

LOOKS_FOR = "the folders RealVideo-RealAudio, FakeVideo-RealAudio and the like of FakeAVCeleb"

_INDEX = "meta_data.csv"
_COLUMNS = ("source", "target1", "method", "type", "race", "gender", "path")
_TYPES = {
    "RealVideo-RealAudio": False,
    "RealVideo-FakeAudio": False,
    "FakeVideo-RealAudio": True,
    "FakeVideo-FakeAudio": True,
}
# A face that was swapped first and then moved to a voice is a swap.
_FAMILIES = {
    "faceswap": "faceswap",
    "faceswap-wav2lip": "faceswap",
    "fsgan": "faceswap",
    "fsgan-wav2lip": "faceswap",
    "wav2lip": "lipsync",
}


def recognises(path: Path) -> bool:
    """Tell whether a folder has a real and a fake one of the four folders."""
    return {fake for folder, fake in _TYPES.items() if (path / folder).is_dir()} == {False, True}


def samples(path: Path) -> list[Sample]:
    """List the videos.

    `source` is the person whose video was used, of whom there is one; `person` is whose face is seen, which in a swap
    is another.

    Raises:
        DataError: the table is missing, lacks a column or has an unknown type or method.
    """
    index = path / _INDEX
    if not index.is_file():
        raise DataError(f"{path} lacks {_INDEX} of FakeAVCeleb; copy it there")
    require_columns(index, _COLUMNS, "FakeAVCeleb")
    # The table of version 1.2 has 22 rows twice.
    found: dict[Path, Sample] = {}
    for row in read_rows(index):
        sample = _sample({column: row[column].strip() for column in _COLUMNS}, path, index)
        found.setdefault(sample.path, sample)
    return those_there([*found.values()], index)


def _sample(row: dict[str, str], root: Path, index: Path) -> Sample:
    fake = _TYPES.get(row["type"])
    if fake is None or (fake and row["method"] not in _FAMILIES):
        raise DataError(
            f"{index} gives {row['path']} the type {row['type']!r} and the method {row['method']!r}, which are not of "
            "FakeAVCeleb"
        )
    family = _FAMILIES[row["method"]] if fake else ""
    folder = f"{row['type']}/{row['race']}/{row['gender']}/{row['source']}"
    return Sample(
        path=root / folder / row["path"],
        fake=fake,
        family=family,
        source=row["source"],
        clip=f"{folder}/{Path(row['path']).stem}",
        person=known(row["target1"]) if family == "faceswap" else row["source"],
    )
