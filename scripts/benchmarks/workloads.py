"""What is measured warm, each in a process of its own.

    python -m benchmarks.workloads NAME SETTINGS

loads a workload and does one job for every line of standard input, writing one line of JSON about each: its cost,
without memory, and its result. `SETTINGS` and the jobs are JSON objects: the keyword arguments of the functions below
and of the functions that these give.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

Workload = Callable[..., dict]

_FULL_BATCHES = 128
"""Crops for one call: a multiple of any batch that an engine forms."""


def scan(frames: int, **scanner_settings: object) -> Workload:
    """Scan files through the public interface."""
    from pipeline import Scanner
    from pipeline.media.sampling import SLACK, SamplingPlan

    scanner = Scanner(plan=SamplingPlan.spread(frames, SLACK), **scanner_settings)

    def run(paths: Sequence[str]) -> dict:
        stages, verdicts, crops, looked_at = Counter(), [], 0, 0
        for path, verdict in zip(paths, scanner.scan_many(paths), strict=True):
            stages.update(verdict.timing_s)
            crops += sum(len(item.track.observations) for item in verdict.tracks)
            looked_at += verdict.sampling.frames
            said = {"status": verdict.status, "verdict": verdict.label, "score": verdict.score}
            verdicts.append({"file": Path(path).name, **said})
        told = {"precision": scanner.identity.precision, "frames": looked_at, "crops": crops, "verdicts": verdicts}
        return {"stages_wall_s": dict(stages), **told}

    return run


def read_frames(frames: int) -> Workload:
    """Probe files and take the sampled frames out of them."""
    from pipeline.media import open_frames, probe
    from pipeline.media.sampling import SLACK, SamplingPlan

    plan = SamplingPlan.spread(frames, SLACK)

    def run(paths: Sequence[str]) -> dict:
        count = 0
        for path in paths:
            with open_frames(probe(Path(path)), plan) as reader:
                count += sum(1 for _ in reader)
        return {"frames": count}

    return run


def classify(threads: int | None = None, model: str | None = None) -> Workload:
    """Classify crops that are there already, in the engine and precision that a scan takes, in full batches."""
    import numpy as np

    from classifiers import create_engine, find_model

    spec = find_model(model)
    engine = create_engine("auto", spec, threads, "auto")
    shape = (_FULL_BATCHES, spec.crop_size, spec.crop_size, 3)
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)

    def run(crops: int) -> dict:
        for start in range(0, crops, _FULL_BATCHES):
            engine.predict(pixels[: crops - start])
        return {"crops": crops, "engine": engine.name, "precision": engine.precision}

    return run


def usual_stack() -> Workload:
    """Score files the usual way, with the classifier that a scan takes, in Keras."""
    from benchmarks.usual_stack import UsualStack
    from classifiers import find_model

    stack = UsualStack(find_model())

    def run(wanted: dict[str, list[int]]) -> dict:
        stack.cpu_s.clear()
        crops = sum(stack.score(path, set(frames))[1] for path, frames in wanted.items())
        return {"stages_cpu_s": dict(stack.cpu_s), "crops": crops}

    return run


WORKLOADS: dict[str, Callable[..., Workload]] = {
    "scan": scan,
    "read_frames": read_frames,
    "classify": classify,
    "usual_stack": usual_stack,
}
"""Name to what loads it."""


def main() -> None:
    """Load one workload and serve it."""
    # Standard output belongs to the measurements; libraries print to it too.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    name, settings = sys.argv[1:]
    workload = WORKLOADS[name](**json.loads(settings))
    for job in map(json.loads, sys.stdin):
        begin, (own, children) = time.perf_counter(), _cpu_s()
        outcome = workload(**job)
        wall_s, (own_after, children_after) = time.perf_counter() - begin, _cpu_s()
        children_cpu_s = children_after - children
        cost = {"cpu_s": own_after - own + children_cpu_s, "children_cpu_s": children_cpu_s, "wall_s": wall_s}
        print(json.dumps({**cost, "outcome": outcome}), file=answers, flush=True)


def _cpu_s() -> tuple[float, float]:
    """User and system seconds of this process, and of those that it started and that have ended."""
    usages = (resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return tuple(usage.ru_utime + usage.ru_stime for usage in usages)


if __name__ == "__main__":
    main()
