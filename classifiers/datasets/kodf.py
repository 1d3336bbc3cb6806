"""KoDF, the Korean DeepFake Detection data set (Kwon et al., ICCV 2021, https://arxiv.org/abs/2103.10094).

As AI Hub publishes it, with UUID for a person:

    1.Training/라벨링데이터/train_meta_data/
        원본영상_training_메타데이터.csv     originals: 영상ID,UUID,...
        변조영상_training_메타데이터.csv     fakes: 영상ID,타겟영상,타겟UUID,소스UUID,변조모델,...
    1.Training/원천데이터/train_원본/원본1/UUID/UUID_001.mp4
    1.Training/원천데이터/train_변조/dfl1/UUID/UUID_UUID_1_0001.mp4     target, source, method, number
    2.Validation/...                                                   the same

The tables name files, which are looked for in all folders. Without tables the folders speak: below one that is named
after a method (dfl, dffs, fsgan, fo, audio-driven; a number may follow) everything is fake, and what lies in the folder
of a person and is named after it is real. What was made to deceive detectors (탐지방해) is left out.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

from classifiers.datasets.forgery_methods import FAMILY_OF
from classifiers.datasets.index_files import read_rows, require_columns, warn_of_missing
from classifiers.datasets.media_types import is_video
from classifiers.datasets.sample import Sample
from classifiers.datasets.words import splits_of
from classifiers.errors import DataError

LOOKS_FOR = (
    "the tables 원본영상_*_메타데이터.csv and 변조영상_*_메타데이터.csv of KoDF, or its folders dfl, fsgan and the like"
)

_TABLE = re.compile(r"(원본|변조)영상_.*메타데이터.*\.csv")
_ORIGINAL, _FORGED = "원본", "변조"
_FILE, _PERSON = "영상ID", "UUID"
_TARGET_VIDEO, _TARGET, _SOURCE, _METHOD = "타겟영상", "타겟UUID", "소스UUID", "변조모델"
_COLUMNS = {_ORIGINAL: (_FILE, _PERSON), _FORGED: (_FILE, _TARGET_VIDEO, _TARGET, _SOURCE, _METHOD)}
_AGAINST_DETECTORS = "탐지방해"
_METHOD_FOLDER = re.compile(r"(audio[-_]driven|dffs|dfl|fo|fsgan)\d*")
_FAKE_NAME = re.compile(r"([0-9a-f]{6,32})_([0-9a-f]{6,32})_\d+_\d+")
_REAL_NAME = re.compile(r"([0-9a-f]{6,32})_\d+")
# The folders in which tables and methods lie; other data sets are not searched.
_ON_THE_WAY = re.compile(r"라벨링|원천|변조|딥페이크|meta|training|validation|kodf", re.IGNORECASE)


def recognises(path: Path) -> bool:
    """Tell whether a folder has such tables, or a folder of a method with a fake in it."""
    folders = list(_folders(path))
    return any(True for _ in _tables(folders)) or any(
        _FAKE_NAME.fullmatch(video.stem)
        for folder in folders
        if _METHOD_FOLDER.fullmatch(_plain(folder.name))
        for depth in ("*", "*/*", "*/*/*")
        for video in folder.glob(f"{depth}.mp4")
    )


def samples(path: Path) -> list[Sample]:
    """List the videos.

    A fake shares `source` with the video that it was made from, or without tables with all of that person; `person` is
    whose face is seen. What is called training and validation keeps these names.

    Raises:
        DataError: there are tables of only the originals or only the fakes, or one lacks a column.
    """
    tables = list(_tables(_folders(path)))
    if not tables:
        return [sample for video in _videos(path) if (sample := _by_folders(video, path))]
    kinds = {_plain(table.name)[:2] for table in tables}
    if len(kinds) == 1:
        lacking = _FORGED if _ORIGINAL in kinds else _ORIGINAL
        raise DataError(f"{path} lacks the table {lacking}영상_..._메타데이터.csv of KoDF; unpack it there too")
    videos = {_plain(video.stem): video for video in _videos(path)}
    return [sample for table in sorted(tables) for sample in _listed(table, videos)]


def _folders(path: Path) -> Iterator[Path]:
    """Give a folder, those in it, and those in them that may lead to tables or methods."""
    yield path
    for folder in sorted(folder for folder in path.glob("*") if folder.is_dir()):
        if _ON_THE_WAY.search(_plain(folder.name)):
            yield from _folders(folder)
        else:
            yield folder


def _tables(folders: Iterable[Path]) -> Iterator[Path]:
    return (file for folder in folders for file in sorted(folder.glob("*.csv")) if _TABLE.fullmatch(_plain(file.name)))


def _plain(name: str) -> str:
    # macOS takes Korean syllables apart.
    return unicodedata.normalize("NFC", name)


def _videos(path: Path) -> list[Path]:
    found = []
    for folder, subfolders, names in os.walk(path):
        subfolders[:] = sorted(name for name in subfolders if _AGAINST_DETECTORS not in _plain(name))
        found += [Path(folder) / name for name in sorted(names) if is_video(name)]
    return found


def _listed(table: Path, videos: dict[str, Path]) -> list[Sample]:
    kind = _plain(table.name)[:2]
    require_columns(table, _COLUMNS[kind], "KoDF")
    split = next(iter(splits_of(table.stem)), "")
    found, missing = [], []
    rows = read_rows(table)
    for row in rows:
        name = Path(row[_FILE]).stem
        if name not in videos:
            missing.append(row[_FILE])
            continue
        if kind == _ORIGINAL:
            found.append(Sample(videos[name], fake=False, split=split, source=name, clip=name, person=row[_PERSON]))
        else:
            source = Path(row[_TARGET_VIDEO]).stem
            found.append(_fake(videos[name], row[_METHOD], split, source, row[_TARGET], row[_SOURCE], table))
    warn_of_missing(missing, len(rows), table)
    return found


def _by_folders(video: Path, root: Path) -> Sample | None:
    folders = [_plain(part) for part in video.relative_to(root).parts[:-1]]
    split = next((split for folder in folders for split in splits_of(folder)), "")
    method = next((match[1] for folder in folders if (match := _METHOD_FOLDER.fullmatch(folder))), "")
    if method:
        names = _FAKE_NAME.fullmatch(video.stem)
        if not names:
            raise DataError(f"{video} is not named as the fakes of KoDF are, such as TARGET_SOURCE_1_0001.mp4")
        return _fake(video, method, split, names[1], names[1], names[2], video)
    names = _REAL_NAME.fullmatch(video.stem)
    if not names or names[1] not in folders:
        return None
    return Sample(video, fake=False, split=split, source=names[1], clip=video.stem, person=names[1])


def _fake(video: Path, method: str, split: str, source: str, target: str, donor: str, where: Path) -> Sample:
    family = FAMILY_OF.get(method.strip().lower())
    if family is None:
        raise DataError(f"{where} says that {video.name} was made by {method!r}, which is no method of KoDF")
    return Sample(
        path=video,
        fake=True,
        split=split,
        family=family,
        source=source,
        clip=video.stem,
        person=donor if family == "faceswap" else target,
    )
