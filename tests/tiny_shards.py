"""A data set of a few face crops in the layout of the large ones.

from tests.tiny_shards import FACE, FACE_LANDMARKS, write_shards
"""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from skimage import data

FACE = data.astronaut()[20:204, 132:316]
FACE_LANDMARKS = np.float32([[71.5, 80], [113.5, 82], [92, 106.5], [70, 118.5], [112.5, 120.5]])

# Label, family, source, and what makes its pictures unlike those of the others: hue, side in pixels.
_STILLS = {
    "real": [("real", "", "portraits", 0, 184), ("real", "", "studio", 20, 150), ("real", "", "studio", 40, 170)],
    "generated": [("fake", "gan", "generator", 60, 160), ("fake", "diffusion", "painter", 80, 184)],
}
_CLIPS = [
    ("real", "", "talks", 100, 160, "talk one"),
    ("real", "", "talks", 115, 160, "talk two"),
    ("real", "", "news", 130, 184, "news"),
    ("fake", "faceswap", "swapper", 145, 184, "swap"),
    ("fake", "reenactment", "puppets", 160, 184, "puppet"),
]
_FRAMES_OF_A_CLIP = 3


def write_shards(folder: Path) -> Path:
    """Write the groups real, generated and video_faces, each with one shard and an index.

    Returns:
        The folder.
    """
    for name, stills in _STILLS.items():
        _write_group(folder, name, [(*still, {"licence": "CC0", "person": ""}) for still in stills])
    frames = [
        (*facts, {"repository": "owner/name", "clip": clip, "time_s": f"{number / 2}"})
        for *facts, clip in _CLIPS
        for number in range(_FRAMES_OF_A_CLIP)
    ]
    _write_group(folder, "video_faces", frames)
    return folder


def _write_group(folder: Path, name: str, samples: Sequence[tuple]) -> None:
    rows = []
    with zipfile.ZipFile(folder / f"{name}-00.zip", "w", zipfile.ZIP_STORED) as shard:
        for number, (label, family, source, hue, side, more) in enumerate(samples):
            file = f"{name}{number}.jpg"
            shard.writestr(file, _picture(hue, side, brightness=1 - 0.05 * (number % _FRAMES_OF_A_CLIP)))
            points = " ".join(f"{x:.1f},{y:.1f}" for x, y in FACE_LANDMARKS * (side / len(FACE)))
            rows.append(
                {
                    "shard": f"{name}-00.zip",
                    "file": file,
                    "split": "train",
                    "label": label,
                    "family": family,
                    "source": source,
                    "width": side,
                    "height": side,
                    "face_width_original": 83,
                    "box": "50.0 44.0 83.0 107.0",
                    "landmarks": points,
                    **more,
                }
            )
    with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _picture(hue: int, side: int, brightness: float) -> bytes:
    image = cv2.cvtColor(cv2.resize(FACE, (side, side)), cv2.COLOR_RGB2HSV)
    image[..., 0] = (image[..., 0] + hue) % 180
    image[..., 2] = (image[..., 2] * brightness).astype(np.uint8)
    return cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_HSV2BGR), (cv2.IMWRITE_JPEG_QUALITY, 95))[1].tobytes()
