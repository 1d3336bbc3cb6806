"""DeeperForensics-1.0 (Jiang et al., CVPR 2020, https://github.com/EndlessSora/DeeperForensics-1.0).

    manipulated_videos/end_to_end/000_M101.mp4      the face of actor M101 in video 000 of FaceForensics++
    manipulated_videos/end_to_end_level_3/...       the same with the picture disturbed, in ten variants
    source_videos/M101/BlendShape/camera_front/M101_BlendShape_camera_front.mp4
    source_videos/M101/light_down/angry/camera_up/M101_light_down_angry_camera_up.mp4
    lists/splits/train.txt, val.txt, test.txt       "000_M101.mp4"

or `frames/CLIP/` in a variant and below an actor, where there are no videos, as DeepfakeBench has it.

The source videos are real, but filmed in a studio, unlike the fakes: a detector may tell the classes apart by that. The
authors mean the videos of FaceForensics++ to be the real part, and do not hand these on.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

from classifiers.datasets.clip_files import clips_of, pictures_in
from classifiers.datasets.clip_names import DEEPER
from classifiers.datasets.media_types import is_video
from classifiers.datasets.sample import Sample
from classifiers.errors import DataError

LOOKS_FOR = "the folder manipulated_videos/end_to_end of DeeperForensics-1.0"

_LOGGER = logging.getLogger(__name__)
_FAKES, _REALS, _SPLITS = "manipulated_videos", "source_videos", "lists/splits"


def recognises(path: Path) -> bool:
    """Tell whether a folder has the folder of fakes with at least one variant."""
    variants = path / _FAKES
    return any(variants.glob("end_to_end*")) or (variants / "reenact_postprocess").is_dir()


def samples(path: Path) -> list[Sample]:
    """List the videos, those of an actor in the split that the lists give their fakes.

    `source` is the video of FaceForensics++ that a face was put into, `person` the actor who is seen. Without lists no
    split is given.

    Raises:
        DataError: one of the lists is missing, one is damaged, or a video is not named as here.
    """
    clips, actors = _official_splits(path)
    found = []
    for variant in sorted(folder for folder in (path / _FAKES).glob("*") if folder.is_dir()):
        for name, files in clips_of(variant).items():
            target, actor = _parts(name, files[0])
            found += [
                Sample(
                    path=file,
                    fake=True,
                    split=clips.get(name, ""),
                    family="faceswap",
                    source=target,
                    clip=f"{variant.name}/{name}",
                    person=actor,
                )
                for file in files
            ]
    reals = [
        Sample(path=file, fake=False, split=actors.get(folder.name, ""), clip=f"{_REALS}/{clip}", person=folder.name)
        for folder in sorted(folder for folder in (path / _REALS).glob("*") if folder.is_dir())
        for clip, file in _filmed(folder)
    ]
    if reals:
        _LOGGER.warning(
            "%s: the real videos were filmed in a studio, unlike the fakes; the authors mean the videos of "
            "FaceForensics++ to be the real part",
            path / _REALS,
        )
    return found + reals


def _filmed(actor: Path) -> list[tuple[str, Path]]:
    """Give the videos of an actor, or their frames, each with the name of its clip."""
    folders = [Path(folder) for folder, _, _ in os.walk(actor)]
    videos = sorted(file for folder in folders for file in folder.glob("*") if is_video(file))
    if videos:
        return [(video.stem, video) for video in videos]
    return [
        (folder.name, file)
        for folder in sorted(folders)
        if folder.parent.name == "frames"
        for file in pictures_in(folder)
    ]


def _official_splits(path: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Give the splits of the fakes by their names, and of the actors."""
    clips, actors = {}, {}
    if not (path / _SPLITS).is_dir():
        return {}, {}
    for split in ("train", "val", "test"):
        index = path / _SPLITS / f"{split}.txt"
        if not index.is_file():
            raise DataError(f"{index} is missing, though there are other lists of DeeperForensics-1.0")
        for line in index.read_text(encoding="utf-8-sig", errors="replace").split():
            name = Path(line).stem
            clips[name] = split
            actors[_parts(name, index)[1]] = split
    return clips, actors


def _parts(name: str, where: Path) -> tuple[str, str]:
    match = DEEPER.fullmatch(name)
    if not match:
        raise DataError(f"{name!r} in {where} is not named as the fakes of DeeperForensics-1.0 are, such as 000_M101")
    return match[1], match[2]
