"""FaceForensics++ with FaceShifter and DeepFakeDetection (https://github.com/ondyari/FaceForensics).

    original_sequences/youtube/c23/videos/000.mp4
    original_sequences/actors/c23/videos/01__exit_phone_room.mp4
    manipulated_sequences/Deepfakes/c23/videos/000_003.mp4          video 000 with the face of video 003
    manipulated_sequences/DeepFakeDetection/c23/videos/01_02__exit_phone_room__YVGY8LOK.mp4
    manipulated_sequences/Deepfakes/c23/frames/000_003/000.png      where there are no videos, as DeepfakeBench has it
    train.json, val.json, test.json    [["000", "003"], ...], here or in splits/

Every compression that is there (raw or c0, c23, c40) is listed. The split files speak of the YouTube videos and what
was made from them; there are none for the actors.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from classifiers.datasets.clip_files import clips_of
from classifiers.datasets.clip_names import ACTORS, YOUTUBE, joined
from classifiers.datasets.forgery_methods import FAMILY_OF
from classifiers.datasets.index_files import read_json
from classifiers.datasets.sample import Sample
from classifiers.errors import DataError

LOOKS_FOR = "the folders original_sequences and manipulated_sequences of FaceForensics++"

_ORIGINAL, _MANIPULATED = "original_sequences", "manipulated_sequences"
_COMPRESSIONS = frozenset(("raw", "c0", "c23", "c40"))


@dataclass(frozen=True, slots=True)
class _Video:
    """A video, or its frames, and what its name says.

    `target` is the video or actor that was filmed, `donor` whose face or movement was put in ("" for originals), and
    `scene` what an actor does ("" for YouTube videos).
    """

    name: str
    files: list[Path]
    folder: str
    compression: str
    fake: bool
    target: str
    donor: str
    scene: str


def recognises(path: Path) -> bool:
    """Tell whether a folder has the two folders of sequences, or one of them."""
    return (path / _ORIGINAL).is_dir() or (path / _MANIPULATED).is_dir()


def samples(path: Path) -> list[Sample]:
    """List the videos.

    Official splits pair the videos, and forgeries are made within a pair: `source` is the pair. For actors it is the
    scene that was filmed, and `person` whose face is seen.

    Raises:
        DataError: a split file is damaged or a video is not named as in this data set.
    """
    videos = [*_videos(path, _ORIGINAL), *_videos(path, _MANIPULATED)]
    pairs = _official_pairs(path)
    splits = {video: split for pair, split in pairs for video in pair}
    made = [(video.target, video.donor) for video in videos if video.donor and not video.scene]
    sources = joined([video.target for video in videos if not video.scene], [*(pair for pair, _ in pairs), *made])
    return [
        Sample(
            path=file,
            fake=video.fake,
            split="" if video.scene else splits.get(video.target, ""),
            family=FAMILY_OF.get(video.folder.lower(), "") if video.fake else "",
            source=f"{video.target}__{video.scene}" if video.scene else sources[video.target],
            clip=f"{video.folder}/{video.compression}/{video.name}",
            person=f"actor {video.donor or video.target}" if video.scene else "",
        )
        for video in videos
        for file in video.files
    ]


def _videos(path: Path, kind: str) -> Iterable[_Video]:
    for place in sorted((path / kind).glob("*/*")):
        folder, compression = place.parts[-2:]
        if compression not in _COMPRESSIONS:
            continue
        for name, files in clips_of(place).items():
            match = YOUTUBE.fullmatch(name) or ACTORS.fullmatch(name)
            if not match or bool(match[2]) is not (kind == _MANIPULATED):
                raise DataError(f"{files[0]} is not named as the videos of FaceForensics++ in {kind} are")
            scene = match[3] if match.re is ACTORS else ""
            yield _Video(name, files, folder, compression, kind == _MANIPULATED, match[1], match[2] or "", scene)


def _official_pairs(path: Path) -> list[tuple[tuple[str, str], str]]:
    found = []
    for split in ("train", "val", "test"):
        for index in (path / f"{split}.json", path / "splits" / f"{split}.json"):
            if index.is_file():
                found += [(pair, split) for pair in _pairs(index)]
                break
    return found


def _pairs(index: Path) -> list[tuple[str, str]]:
    content = read_json(index)
    if not isinstance(content, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in content):
        raise DataError(f'{index} is no list of pairs of videos such as ["000", "003"]')
    return [(str(first), str(second)) for first, second in content]
