"""Data sets of equal size and compression, split so that no real source is on two sides."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2

from classifiers.datasets import AlignFace, PictureReader, Sample, face_shards
from classifiers.datasets.face_crops import COLUMNS
from classifiers.datasets.splitting import split_by_group
from extractors.align import LANDMARK_TEMPLATE, aligner

SIDE = 128
"""Of every picture in pixels; all were larger, so that all are shrunk alike."""

QUALITY = 90
"""JPEG quality of every picture, the same for real and fake."""

# Whole sources for validation; their people are in no other source.
_VALIDATION = {"ropensci/roweb3", "rladies/rladies.github.io", "acani/fake_profile_pictures"}
# Crops that the face fills less than this are shrunk too little to lose their history.
_LEAST_SHRINKING = 1.15


def write_stills(faces: Path, folder: Path, seed: int) -> None:
    """Write portraits against pictures of the StyleGAN family, 200 and 200 of them for testing."""
    _write_portraits(faces, folder, "gan", seed, test=200, val=120)


def write_diffusion(faces: Path, folder: Path, seed: int) -> None:
    """Write portraits against pictures of Stable Diffusion 2.1, 150 and 150 of them for testing.

    Those pictures have more detail than most photographs, so photographs are matched to them.
    """
    _write_portraits(faces, folder, "diffusion", seed, test=150, val=50, matched=4)


def write_clips(faces: Path, folder: Path, seed: int) -> None:
    """Write frames of swapped, re-enacted and real clips; what the indexes hold out as whole sources is for testing."""
    samples = [s for name in ("video_faces", "video_swaps") for s in face_shards.samples(faces / f"{name}.csv")]
    held_out = [replace(sample, split="test" if sample.split == "val" else "train") for sample in samples]
    _write(split_by_group(held_out, by=("clip", "source"), seed=seed), folder)


DATA_SETS: dict[str, Callable[[Path, Path, int], None]] = {
    "stills": write_stills,
    "diffusion": write_diffusion,
    "clips": write_clips,
}
"""Every data set by name, and what writes it from the folder of the shards into another, split by a seed."""


def part_of_training(source: Path, folder: Path, percent: int, seed: int) -> None:
    """Write an index of the same pictures with a share of the training split, real and fake alike."""
    folder.mkdir(parents=True, exist_ok=True)
    with (source / "faces.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    kept = [row for row in rows if row["split"] != "train"]
    for label in ("real", "fake"):
        group = [row for row in rows if row["split"] == "train" and row["label"] == label]
        random.Random(seed).shuffle(group)
        kept += group[: max(1, len(group) * percent // 100)]
    _write_index([{**row, "file": str((source / row["file"]).resolve())} for row in kept], folder)


def _write_portraits(
    faces: Path, folder: Path, family: str, seed: int, *, test: int, val: int, matched: int = 0
) -> None:
    """Hold out whole sources of photographs; generated faces, who are nobody, picture by picture.

    Where `matched` is above 0, only photographs are taken that need as many bytes as a drawn face does, that many for
    each of the training split and one in the others: pictures of equal size and quality still differ in their detail.
    """
    photographs = [s for s in face_shards.samples(faces / "real.csv") if _is_large(s)]
    drawn = [s for s in face_shards.samples(faces / "generated.csv") if s.family == family and _is_large(s)]
    rng = random.Random(seed)
    for samples in (photographs, drawn):
        rng.shuffle(samples)
    fakes = {"test": drawn[:test], "val": drawn[test : test + val], "train": drawn[test + val :]}
    reals = {
        "test": [s for s in photographs if s.split == "val"],
        "val": [s for s in photographs if s.source in _VALIDATION],
        "train": [s for s in photographs if s.split == "train" and s.source not in _VALIDATION],
    }
    for split in fakes:
        if matched:
            reals[split] = _as_large(fakes[split], reals[split], matched if split == "train" else 1)
        elif split != "train":
            reals[split] = reals[split][: len(fakes[split])]
    _write([replace(s, split=split) for split in fakes for s in (*reals[split], *fakes[split])], folder)


def _as_large(wanted: Sequence[Sample], choice: Sequence[Sample], each: int) -> list[Sample]:
    """Choose, for each of some samples, those whose crops take the nearest number of bytes; none twice."""
    reader, align = PictureReader(), aligner(SIDE, SIDE)
    left = {sample: len(_encoded(sample, reader, align)) for sample in choice}
    chosen = []
    # Rare sizes first, while there is a choice.
    sizes = sorted((len(_encoded(sample, reader, align)) for sample in wanted), reverse=True)
    for size in sizes * each:
        nearest = min(left, key=lambda sample: abs(left[sample] - size))
        del left[nearest]
        chosen.append(nearest)
    return chosen


def _is_large(sample: Sample) -> bool:
    """Tell whether the crop of a face has clearly more pixels than it will have."""
    points = sample.known_landmarks
    eyes = float(((points[1] - points[0]) ** 2).sum() ** 0.5)
    template_eyes = (LANDMARK_TEMPLATE[1][0] - LANDMARK_TEMPLATE[0][0]) * SIDE
    return eyes >= _LEAST_SHRINKING * template_eyes


def _write(samples: Sequence[Sample], folder: Path) -> None:
    (folder / "faces").mkdir(parents=True, exist_ok=True)
    reader, align = PictureReader(), aligner(SIDE, SIDE)
    points = " ".join(f"{x * SIDE - 0.5:.2f},{y * SIDE - 0.5:.2f}" for x, y in LANDMARK_TEMPLATE)
    rows = []
    for number, sample in enumerate(samples):
        name = f"faces/{number:05}.jpg"
        (folder / name).write_bytes(_encoded(sample, reader, align))
        row = {
            "file": name,
            "label": "fake" if sample.fake else "real",
            "split": sample.split,
            "family": sample.family,
            "source": sample.source,
            "clip": sample.clip,
            "person": sample.person,
            "width": str(SIDE),
            "height": str(SIDE),
            "landmarks": points,
            "origin": sample.origin,
        }
        rows.append(row)
    _write_index(rows, folder)


def _encoded(sample: Sample, reader: PictureReader, align: AlignFace) -> bytes:
    """Cut and encode a face as it is written."""
    crop = cv2.cvtColor(align(reader.read(sample), sample.known_landmarks), cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", crop, (cv2.IMWRITE_JPEG_QUALITY, QUALITY))[1].tobytes()


def _write_index(rows: Sequence[dict[str, str]], folder: Path) -> None:
    with (folder / "faces.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        writer.writerows(rows)
    # Last, since it says that all is there.
    (folder / "faces.json").write_text(json.dumps({"complete": True, "side": SIDE, "quality": QUALITY}))
