"""Explore a data set of still faces, train every architecture on it, and compare and evaluate them, in one go.

    python scripts/compare_architectures.py --faces SHARDS/dev_images.csv --out out/comparison

Takes the FFHQ photographs and the StyleGAN faces of an index of face shards (or, with --sources, any others), splits
them by person, and leaves in --out: `data/`, `explore/`, `compare/` with a folder for each trained network, and
`evaluate/`. A run that was interrupted goes on. Every step is a command that can be given alone, and is printed;
trainings run two at a time.
"""

from __future__ import annotations

import argparse
import csv
import shlex
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from classifiers.architectures import ARCHITECTURES
from classifiers.datasets import PictureReader, face_shards

# Small networks need many steps, which cost little. Those that are shipped go on from there: MobileNetV2 halves its
# maps too often to begin from nothing at this size, and the two large ones would take most of the time.
_OWN_SETTINGS = {
    "capsnet": {"steps": 450, "input-size": 64},
    "cnn": {"steps": 1200},
    "efficientnet_lite2": {"steps": 100, "learning-rate": 2e-4, "start": "efficientnet_lite2"},
    "efficientnet_v2_b0": {"steps": 400},
    "inception_resnet_v2": {"steps": 100, "learning-rate": 3e-4, "start": "inception_resnet_v2"},
    "mesoinception": {"steps": 1000},
    "mesonet": {"steps": 1200, "learning-rate": 2e-3},
    "mobilenet_efficientnet": {"steps": 100, "learning-rate": 2e-4, "start": "mobilenet_efficientnet"},
    "mobilenet_v2": {"steps": 300, "learning-rate": 3e-4, "start": "mobilenet_v2"},
    "vgg16": {"steps": 100, "learning-rate": 1e-4, "start": "vgg16"},
}

# These first, so that no long one is left alone at the end.
_LONGEST = ("xception", "resnet50", "inception_resnet_v2", "capsnet")

# Trainings at a time: much of each is spent by one core alone, on building, tracing and storing the network.
_TOGETHER = 2


def main() -> None:
    """Run all steps."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=Path, required=True, help="index CSV of face shards")
    parser.add_argument("--sources", default="140k-real-and-fake", help="take sources that begin like this")
    parser.add_argument("--out", type=Path, required=True, help="folder of everything that is made")
    parser.add_argument("--input-size", type=int, default=80, help="side of the crop in pixels")
    parser.add_argument("--steps", type=int, default=300, help="of the networks that have no number of their own")
    parser.add_argument("--batch-size", type=int, default=12)
    arguments = parser.parse_args()
    began = time.monotonic()
    data = arguments.out / "data"
    _write_data_set(arguments.faces, arguments.sources, data)
    _run("explore", data, "-o", arguments.out / "explore")
    usual = {
        "input-size": arguments.input_size,
        "steps": arguments.steps,
        "learning-rate": 1e-3,
        "batch-size": arguments.batch_size,
        "warmup-steps": 20,
        "augment": 0.1,
        "ema-momentum": 0.98,
        "split-by": "clip,person",
    }
    # Large networks learn so few faces by heart unless they also learn what a trained one sees in them.
    taught = {"teacher": "mobilenet_v2", "teacher-weight": 3, "ema-momentum": 0.99, "kept-batches": 140}
    compared = arguments.out / "compare"
    trainings = []
    for name in (*_LONGEST, *sorted(ARCHITECTURES.keys() - set(_LONGEST))):
        own = _OWN_SETTINGS.get(name) or taught | {"batch-folder": arguments.out / "batches" / name}
        trainings.append(("train", data, "-o", compared / name, "--architecture", name, *_options(usual | own)))
    with ThreadPoolExecutor(_TOGETHER) as pool:
        try:
            for done in as_completed([pool.submit(_run, *training, together=True) for training in trainings]):
                done.result()
        except BaseException:
            # Those that have not begun would be run before an error or an interrupt got through.
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    models = [part for name in sorted(ARCHITECTURES) for part in ("--model", compared / name / "manifest.json")]
    _run("compare", data, "-o", compared, "--split-by", "clip,person", *models)
    _run("evaluate", data, "-o", arguments.out / "evaluate", "--split", "test", "--split-by", "clip,person", *models)
    print(f"\nAll of it took {(time.monotonic() - began) / 60:.1f} minutes; see {arguments.out}")


def _write_data_set(index: Path, sources: str, folder: Path) -> None:
    """Copy the pictures into one folder a class, with a table that says where the landmarks are."""
    reader, rows = PictureReader(), []
    for sample in face_shards.samples(index):
        if not sample.source.startswith(sources):
            continue
        file = Path("fake" if sample.fake else "real", sample.member)
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(reader.bytes(sample))
        landmarks = " ".join(f"{x:.1f},{y:.1f}" for x, y in sample.landmarks)
        known = {"family": sample.family, "clip": sample.clip, "person": sample.person}
        rows.append({"file": file, "label": file.parent, **known, "landmarks": landmarks})
    if not rows:
        sys.exit(f"{index} has no source that begins with {sources!r}")
    with (folder / "faces.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def _options(settings: dict[str, object]) -> list[object]:
    epoch = max(1, settings["steps"] // 5)
    epochs = {"steps": settings["steps"] // epoch * epoch, "steps-per-epoch": epoch}
    return [part for name, value in (settings | epochs).items() for part in (f"--{name}", value)]


def _run(*arguments: object, together: bool = False) -> None:
    """Run a command; show what one that runs together with others has printed when it is over."""
    command = ["facewitness", *map(str, arguments)]
    title = f"\n$ {shlex.join(command)}"
    if together:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        print(title, done.stdout, sep="\n", flush=True)
    else:
        print(title, flush=True)
        done = subprocess.run(command)
    if done.returncode:
        sys.exit(done.returncode)


if __name__ == "__main__":
    main()
