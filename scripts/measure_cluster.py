"""Measure what scanning on a cluster gains from machines, and what it costs the one that keeps the results.

    python scripts/measure_cluster.py            files a second of one machine of one core, and of two
    python scripts/measure_cluster.py --memory   memory of the driver over 5,000 files that cannot be decoded

Needs `pip install '.[dev]'` and Linux. Each machine is what Ray takes for one, held to one core of this one; leave it
alone meanwhile.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from pipeline.batch.batch_scanner import ScannerSettings
from pipeline.batch.cluster import ClusterScanner
from pipeline.batch.output import Output
from pipeline.batch.scan_batch import scan_batch
from pipeline.media.sampling import SamplingPlan
from pipeline.results.input import Input

_SAMPLES = sorted((Path(__file__).parents[1] / "sample_videos").glob("*.mp4"))
_SETTINGS = ScannerSettings(None, "auto", "mtcnn", SamplingPlan.spread(16))
_VIDEOS = 60
_BROKEN = 5000
_REPETITIONS = 2


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--memory", action="store_true", help="measure the memory of the driver instead")
    options = parser.parse_args()
    os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32))
    with tempfile.TemporaryDirectory() as folder:
        if options.memory:
            _measure_memory(Path(folder))
        else:
            _measure_speed(Path(folder))


def _measure_speed(folder: Path) -> None:
    videos = [
        # So that no two have equal bytes.
        _written(folder / f"{number}.mp4", _SAMPLES[number % len(_SAMPLES)].read_bytes() + bytes(number))
        for number in range(_VIDEOS)
    ]
    for _ in range(_REPETITIONS):
        for machines in (1, 2):
            with _cluster(machines), ClusterScanner(_SETTINGS) as scanner:
                # Meanwhile all have loaded.
                _scan(scanner, videos[: _VIDEOS // 3])
                began = time.perf_counter()
                _scan(scanner, videos)
                rate = len(videos) / (time.perf_counter() - began)
            print(f"{machines} of one core each: {rate:.2f} files a second", flush=True)


def _measure_memory(folder: Path) -> None:
    broken = [_written(folder / f"{number}.mp4", secrets.token_bytes(100)) for number in range(_BROKEN)]
    with ClusterScanner(_SETTINGS) as scanner, Output(folder / "out") as output:
        output.expect(broken)
        for number, _ in enumerate(scan_batch(output, scanner), 1):
            if number % 1000 == 0:
                print(f"{number} files: {psutil.Process().memory_info().rss / 2**20:.1f} MB", flush=True)


@contextmanager
def _cluster(machines: int) -> Iterator[None]:
    """A cluster whose machines have one core each, beside a head that has none."""
    from ray.cluster_utils import Cluster

    cores = sorted(os.sched_getaffinity(0))
    if machines > len(cores):
        sys.exit(f"there are not {machines} cores")
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        for core in cores[:machines]:
            os.sched_setaffinity(0, {core})
            cluster.add_node(num_cpus=1)
        os.sched_setaffinity(0, cores)
        os.environ["RAY_ADDRESS"] = cluster.address
        yield
    finally:
        cluster.shutdown()


def _scan(scanner: ClusterScanner, sources: list[Input]) -> None:
    with Output(None) as output:
        output.expect(sources)
        for _ in scan_batch(output, scanner):
            pass


def _written(path: Path, content: bytes) -> Input:
    path.write_bytes(content)
    return Input(path, Path(path.name))


if __name__ == "__main__":
    main()
