"""Measure whether an honest hour stays honest, and whether five forged seconds in ten minutes are found.

    python scripts/study_long_files.py [--seeds 20] [--variants 60] [--real CLIP] [--forged CLIP]

Scanning so many hours would take days. So clips with varied crop, light, noise and compression are made of a real clip
and of its forgery, the same for both, and scanned at two frames a second. From their observations, those of a clip
together and in order, tracks of an hour and of ten minutes are put together and weighed as a scan would: each is one
person in one shot. Prints the figures for the clips as they are and for the varied ones.
"""

from __future__ import annotations

import argparse
import itertools
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline import Scanner
from pipeline.analysis.aggregate import Evidence, weigh
from pipeline.media.ffmpeg import find_binary
from pipeline.media.sampling import SamplingPlan
from pipeline.results.parts import Observation, Track, label_of

SAMPLES = Path(__file__).resolve().parents[1] / "sample_videos"
STEP_S = 0.5

Run = Sequence[Observation]
"""The observations of one clip, in order."""


@dataclass(frozen=True, slots=True)
class Pair:
    """What was seen in a real clip and in its forgery."""

    real: Run
    forged: Run


def main() -> int:
    """Scan the clips and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--variants", type=int, default=60)
    parser.add_argument("--real", type=Path, default=SAMPLES / "real.mp4")
    parser.add_argument("--forged", type=Path, default=SAMPLES / "manipulated.mp4")
    options = parser.parse_args()
    scanner = Scanner(plan=SamplingPlan.at_fps(1 / STEP_S))
    with tempfile.TemporaryDirectory(prefix="facewitness-") as folder:
        clips = [
            varied(clip, number, Path(folder, f"{number}-{clip.stem}.mkv"))
            for number in range(options.variants)
            for clip in (options.real, options.forged)
        ]
        runs = [run_of(scanner, clip) for clip in (options.real, options.forged, *clips)]
    pairs = [Pair(real, forged) for real, forged in zip(runs[::2], runs[1::2], strict=True) if real and forged]
    for name, some in (("as they are", pairs[:1]), (f"{len(pairs) - 1} variants", pairs[1:])):
        print(f"{name}: an honest hour: {honest_hours(scanner, some, options.seeds)}")
        print(f"{name}: forged seconds in ten minutes: {forged_seconds(scanner, some, options.seeds)}")
    return 0


def varied(clip: Path, number: int, target: Path) -> Path:
    """Write a clip with another crop, light, noise, sharpness and compression; the same for every clip of a number."""
    chance = random.Random(number)
    zoom, left, top = chance.uniform(0.62, 1), chance.uniform(0.3, 0.7), chance.uniform(0.2, 0.6)
    filters = [
        f"crop=iw*{zoom:.3f}:ih*{zoom:.3f}:(iw-ow)*{left:.3f}:(ih-oh)*{top:.3f}",
        "scale=640:-2",
        f"eq=brightness={chance.uniform(-0.18, 0.18):.3f}:contrast={chance.uniform(0.7, 1.3):.3f}"
        f":gamma={chance.uniform(0.7, 1.5):.3f}:saturation={chance.uniform(0.4, 1.6):.3f}",
    ]
    sometimes = {
        "hflip": 0.3,
        f"noise=alls={chance.randint(3, 14)}:allf=t": 0.25,
        f"gblur=sigma={chance.uniform(0.4, 1.4):.2f}": 0.2,
        f"scale=iw*{chance.uniform(0.4, 0.8):.2f}:-2,scale=640:-2": 0.25,
    }
    filters += [name for name, share in sometimes.items() if chance.random() < share]
    codec = ["-c:v", "libx264", "-preset", "veryfast", "-crf", str(chance.randint(18, 38)), "-pix_fmt", "yuv420p"]
    command = [find_binary().path, "-v", "error", "-y", "-i", str(clip), "-vf", ",".join(filters), "-an", *codec]
    subprocess.run([*command, str(target)], check=True, stdin=subprocess.DEVNULL)
    return target


def run_of(scanner: Scanner, clip: Path) -> Run:
    """Give what was seen of the person who was seen most; nothing where nobody was."""
    tracks = [item.track.observations for item in scanner.scan(clip).tracks]
    return max(tracks, key=len, default=[])


def honest_hours(scanner: Scanner, pairs: Sequence[Pair], seeds: int) -> str:
    """Say what comes of hours of the real clips."""
    labels: Counter[str] = Counter()
    segments, highest = 0, 0.0
    for seed in range(seeds):
        evidence = weighed(scanner, [pair.real for pair in shuffled(random.Random(seed), pairs, 3600)])
        labels[label(scanner, evidence)] += 1
        segments += len(evidence.segments)
        highest = max(highest, score(evidence))
    counts = ", ".join(f"{count} {name}" for name, count in labels.most_common())
    return f"{counts} of {seeds}; highest score {highest:.3f}; {segments} segments"


def forged_seconds(scanner: Scanner, pairs: Sequence[Pair], seeds: int) -> str:
    """Say whether one forged clip anywhere in ten minutes of real ones is found, and where."""
    found = alone = elsewhere = 0
    off_s = 0.0
    for seed in range(seeds):
        chance = random.Random(1000 + seed)
        order = list(shuffled(chance, pairs, 600))
        place = chance.randrange(len(order))
        runs = [pair.real for pair in order]
        runs[place] = order[place].forged
        start_s = STEP_S * sum(map(len, runs[:place]))
        end_s = start_s + STEP_S * (len(runs[place]) - 1)
        alone += label(scanner, weighed(scanner, [runs[place]])) == "likely_fake"
        segments = weighed(scanner, runs).segments
        hits = [segment for segment in segments if segment.start_s <= end_s and segment.end_s >= start_s]
        elsewhere += len(segments) - len(hits)
        if hits:
            found += 1
            off_s = max(off_s, abs(hits[0].start_s - start_s), abs(hits[-1].end_s - end_s))
    return (
        f"{found} of {seeds} found, where {alone} are likely_fake alone; start and end off by at most {off_s:.1f} s; "
        f"{elsewhere} segments elsewhere"
    )


def shuffled(chance: random.Random, pairs: Sequence[Pair], seconds: float) -> list[Pair]:
    """Give clips in any order, each one to four times in a row, that last so long together."""
    found: list[Pair] = []
    while sum(len(pair.real) for pair in found) * STEP_S < seconds:
        found += itertools.repeat(chance.choice(pairs), chance.randint(1, 4))
    return found


def weighed(scanner: Scanner, runs: Sequence[Run]) -> Evidence:
    """Weigh the observations of clips as those of one track, one clip after the other."""
    joined = [seen for run in runs for seen in run]
    track = Track(1, [replace(seen, frame=None, time_s=STEP_S * number) for number, seen in enumerate(joined)])
    return weigh([track], len(joined), scanner.model.calibration, scanner.model.thresholds)


def score(evidence: Evidence) -> float:
    """Give the score of a file."""
    return evidence.scores.fake if evidence.scores else 0.0


def label(scanner: Scanner, evidence: Evidence) -> str:
    """Give the verdict on a file."""
    return label_of(score(evidence), scanner.model.thresholds)


if __name__ == "__main__":
    sys.exit(main())
