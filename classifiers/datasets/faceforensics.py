"""FaceForensics++ with FaceShifter and DeepFakeDetection (https://github.com/ondyari/FaceForensics).

    original_sequences/youtube/c23/videos/000.mp4
    original_sequences/actors/c23/videos/01__exit_phone_room.mp4
    manipulated_sequences/Deepfakes/c23/videos/000_003.mp4          video 000 with the face of video 003
    manipulated_sequences/DeepFakeDetection/c23/videos/01_02__exit_phone_room__YVGY8LOK.mp4
    train.json, val.json, test.json    [["000", "003"], ...], here or in splits/

Every compression that is there (raw or c0, c23, c40) is listed. The split files speak of the YouTube videos and what
was made from them; there are none for the actors.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from classifiers.datasets.components import connected
from classifiers.datasets.index_files import read_json
from classifiers.datasets.sample import Sample
from classifiers.errors import DataError

LOOKS_FOR = "the folders original_sequences and manipulated_sequences of FaceForensics++"

_ORIGINAL, _MANIPULATED = "original_sequences", "manipulated_sequences"
_COMPRESSIONS = frozenset(("raw", "c0", "c23", "c40"))
_FAMILIES = {
    "Deepfakes": "faceswap",
    "FaceSwap": "faceswap",
    "FaceShifter": "faceswap",
    "DeepFakeDetection": "faceswap",
    # The expression of a filmed face is altered; unlike other reenactments no whole face is generated.
    "Face2Face": "expression_swap",
    "NeuralTextures": "expression_swap",
}
_YOUTUBE = re.compile(r"(\d{3})(?:_(\d{3}))?")
_ACTORS = re.compile(r"(\d{2})(?:_(\d{2}))?__(.+?)(?:__[A-Z0-9]{8})?")


@dataclass(frozen=True, slots=True)
class _Video:
    """A video file and what its name says.

    `target` is the video or actor that was filmed, `donor` whose face or movement was put in ("" for originals), and
    `scene` what an actor does ("" for YouTube videos).
    """

    path: Path
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
    sources = _joined([video.target for video in videos if not video.scene], [*(pair for pair, _ in pairs), *made])
    return [
        Sample(
            path=video.path,
            fake=video.fake,
            split="" if video.scene else splits.get(video.target, ""),
            family=_FAMILIES.get(video.folder, "") if video.fake else "",
            source=f"{video.target}__{video.scene}" if video.scene else sources[video.target],
            clip=f"{video.folder}/{video.compression}/{video.path.stem}",
            person=f"actor {video.donor or video.target}" if video.scene else "",
        )
        for video in videos
    ]


def _videos(path: Path, kind: str) -> Iterable[_Video]:
    for file in sorted((path / kind).glob("*/*/videos/*.mp4")):
        folder, compression = file.parts[-4:-2]
        if compression not in _COMPRESSIONS:
            continue
        match = _YOUTUBE.fullmatch(file.stem) or _ACTORS.fullmatch(file.stem)
        if not match or bool(match[2]) is not (kind == _MANIPULATED):
            raise DataError(f"{file} is not named as the videos of FaceForensics++ in {kind} are")
        scene = match[3] if match.re is _ACTORS else ""
        yield _Video(file, folder, compression, kind == _MANIPULATED, match[1], match[2] or "", scene)


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


def _joined(videos: Iterable[str], pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Name, for each video, all that it hangs together with."""
    pairs = list(pairs)
    known = dict.fromkeys(sorted({*videos, *(video for pair in pairs for video in pair)}))
    return {video: "_".join(group) for group in connected(known, pairs) for video in group}
