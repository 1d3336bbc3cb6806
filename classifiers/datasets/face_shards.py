"""Face crops in stored zip shards, described by one index CSV per group."""

from __future__ import annotations

import csv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np


@dataclass(frozen=True, slots=True, eq=False)
class FaceSample:
    """One face crop of a data set.

    Attributes:
        shard: path of the zip file that holds the picture.
        file: its name in the shard.
        split: "train", "val" or "dev".
        fake: whether the face is not a camera's.
        family: kind of forgery ("gan", "diffusion", "faceswap", "reenactment", "lipsync"), "" for real ones.
        source: where it was published; samples of one source share people and compression.
        group: video clip, or the file itself for stills; samples of one group are never independent.
        video: whether it is a frame of a video.
        landmarks: float32 (5, 2) in pixels of the picture, subject's right eye first.
    """

    shard: Path
    file: str
    split: str
    fake: bool
    family: str
    source: str
    group: str
    video: bool
    landmarks: np.ndarray


class FaceShards:
    """Reads index CSVs and the pictures that they name.

    Args:
        folder: holds `NAME.csv` and the shards that it names.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._archives: dict[Path, zipfile.ZipFile] = {}

    def index(self, name: str) -> list[FaceSample]:
        """List the samples of the group `NAME.csv`, in the order of the file."""
        with (self._folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            return [self._sample(row) for row in csv.DictReader(file)]

    def read(self, sample: FaceSample) -> np.ndarray:
        """Decode one picture to RGB uint8 (height, width, 3)."""
        return cv2.cvtColor(cv2.imdecode(self._bytes(sample), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)

    def __getstate__(self) -> dict[str, object]:
        # Open archives share a file position with a forked or spawned reader: each process opens its own.
        return {"_folder": self._folder, "_archives": {}}

    def _bytes(self, sample: FaceSample) -> np.ndarray:
        archive = self._archives.get(sample.shard)
        if archive is None:
            archive = self._archives[sample.shard] = zipfile.ZipFile(sample.shard)
        return np.frombuffer(archive.read(sample.file), dtype=np.uint8)

    def _sample(self, row: dict[str, str]) -> FaceSample:
        points = [[float(value) for value in point.split(",")] for point in row["landmarks"].split()]
        return FaceSample(
            shard=self._folder / row["shard"],
            file=row["file"],
            split=row["split"],
            fake=row["label"] == "fake",
            family=row["family"],
            source=row["source"],
            group=row.get("clip") or row["file"],
            video="clip" in row,
            landmarks=np.asarray(points, dtype=np.float32),
        )
