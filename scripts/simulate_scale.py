"""Estimate what it takes to scan a million clips and a billion: time, money, memory, storage, network, and the limits.

    python scripts/simulate_scale.py                          the figures of the page on scale, in half a minute
    python scripts/simulate_scale.py --alike                  all clips of 10 s, as those that were measured
    python scripts/simulate_scale.py --figure FILE            also the picture, in two minutes
    python scripts/simulate_scale.py --measure RESULTS        what the driver spends on results of a scan, on this disk

What a clip costs was measured; fleet, store, prices and lengths of clips are assumed (`scaling/fleet.py`,
`scaling/clips.py`); the rest is simulated from these, the same for the same seed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from scaling.clips import ALIKE, Clips
from scaling.estimate import (
    AS_BUILT,
    CORE_BYTES,
    GZIP_BYTES,
    LEDGER_BYTES,
    LEDGER_ONLY,
    RESULT_BYTES,
    Estimate,
    Plan,
    estimate,
)
from scaling.fleet import Driver, Fleet, attempt_factor, driver_limit, store_limit
from scaling.measuring import measure_ledger, measure_results

_MILLION, _BILLION, _FOLDERS = 10**6, 10**9, 1000
_LEDGER_ROWS = 20_000
_STORES_GBIT = (10, 100, 1000)


def main() -> int:
    """Simulate or measure, and print."""
    options = _parse()
    if options.measure:
        try:
            _print_measured(options.measure)
        except (OSError, ValueError) as error:
            print(f"simulate_scale: {error}", file=sys.stderr)
            return 1
        return 0
    clips = ALIKE if options.alike else Clips()
    fleet = Fleet(1, failures_an_hour=options.failures, store_bytes_per_s=options.store_gbit / 8 * 1e9)
    _print_limits(clips, fleet, options.seed)
    print()
    _print_estimates([estimate(plan, clips, options.seed) for plan in _plans(fleet)], options.price)
    if options.figure:
        from scaling.figure import draw

        draw(clips, fleet, options.price[1], options.seed, options.figure)
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--alike", action="store_true", help="clips of 10 s, none of which is stuck")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--price", type=float, nargs=2, default=(0.02, 0.05), metavar="USD", help="of a core for an hour (0.02 0.05)"
    )
    parser.add_argument("--store-gbit", type=float, default=1000, metavar="N", help="of the store, a second (1000)")
    parser.add_argument("--failures", type=float, default=0.05, metavar="N", help="of a node, an hour (0.05)")
    parser.add_argument("--figure", type=Path, metavar="FILE", help="draw time and money against cores")
    parser.add_argument("--measure", type=Path, metavar="RESULTS", help="a folder that a scan wrote; simulate nothing")
    return parser.parse_args()


def _plans(fleet: Fleet) -> list[Plan]:
    def plan(name: str, files: int, cores: int, driver: Driver, folders: int = 1) -> Plan:
        return Plan(name, files, replace(fleet, cores=cores, driver=driver), folders)

    return [
        *(plan("10^6", _MILLION, cores, AS_BUILT) for cores in (16, 128, 1024, 4096)),
        *(plan("10^6, ledger only", _MILLION, cores, LEDGER_ONLY) for cores in (1024, 4096, 16384)),
        *(plan("10^9, 1000 folders", _BILLION, cores, AS_BUILT, _FOLDERS) for cores in (1000, 16000, 64000)),
    ]


def _print_limits(clips: Clips, fleet: Fleet, seed: int) -> None:
    """Print what follows from the mean of the clips alone."""
    drawn = clips.draw(_MILLION, np.random.default_rng(seed))
    scan_s, clip_bytes = float(drawn.seconds.mean()), float(drawn.bytes.mean())
    clip_s = scan_s + clip_bytes / fleet.stream_bytes_per_s
    task_s = clip_s * fleet.files_a_task
    print(f"a clip, on the average: {scan_s:.2f} s of a core, {clip_bytes / 1e6:.1f} MB, {clip_s:.2f} s with fetching")
    for percent in (50, 99, 99.9):
        print(f"  {percent:g}% take at most {np.percentile(drawn.seconds, percent):.1f} s")
    for files in (_MILLION, _BILLION):
        sizes = {"fetched": clip_bytes, "results": RESULT_BYTES, "gzipped": GZIP_BYTES, "ledger": LEDGER_BYTES}
        print(f"{files:,} clips: " + ", ".join(f"{name} {size * files / 1e9:,.1f} GB" for name, size in sizes.items()))
    for name, driver in (("as built", AS_BUILT), ("ledger only", LEDGER_ONLY)):
        driver_s = driver.task_s(fleet.files_a_task)
        rate, cores = fleet.files_a_task / driver_s, driver_limit(task_s, driver_s)
        print(f"one driver, {name}: {rate:,.0f} results a second, enough for {cores:,.0f} cores")
    for gbit in _STORES_GBIT:
        bytes_per_s = gbit / 8 * 1e9
        rate, cores = bytes_per_s / clip_bytes, store_limit(clip_s, clip_bytes, bytes_per_s)
        print(f"a store of {gbit} Gbit/s: {rate:,.0f} clips a second, enough for {cores:,.0f} cores")
    more = attempt_factor(task_s, fleet.failures_an_hour / 3600) - 1
    print(f"{fleet.failures_an_hour:g} failures of a node an hour: {more:.3%} of the work is done again")


def _print_estimates(estimates: Sequence[Estimate], price: tuple[float, float]) -> None:
    shares = ("scan", "fetch", "lost", "driver", "store")
    heading = f"{'clips':<20}{'cores':>7}{'hours':>9}{'core hours':>12}{'USD':>20}{'memory':>11}"
    print(heading + "".join(f"{name:>8}" for name in shares) + "  limit")
    for each in estimates:
        cores = each.plan.fleet.cores
        money = " to ".join(f"{each.core_hours * usd:,.0f}" for usd in price)
        print(
            f"{each.plan.name:<20}{cores:>7,}{each.wall_s / 3600:>9,.2f}{each.core_hours:>12,.0f}{money:>20}"
            f"{cores * CORE_BYTES / 2**30:>7,.0f} GiB"
            + "".join(f"{share:>8.2%}" for share in (each.scan, each.fetch, each.lost, each.driver, each.store))
            + f"  {each.limit}"
        )


def _print_measured(results: Path) -> None:
    # Beside the results, and so on the disk on which a scan would write them.
    with tempfile.TemporaryDirectory(prefix=".measuring-", dir=results) as name:
        folder = Path(name)
        cost = measure_results(results, folder)
        print(f"a result: {cost.json_bytes:,.0f} bytes as JSON, {cost.gzip_bytes:,.0f} gzipped")
        print(
            f"to receive it and make its JSON: {cost.receive_s * 1e3:.2f} ms; to write it: {cost.write_s * 1e3:.2f} ms"
        )
        for files in (1, 8):
            ledger = measure_ledger(folder, _LEDGER_ROWS, files)
            print(
                f"the ledger, three commits for {files} of {_LEDGER_ROWS:,} files: {ledger.seconds * 1e3:.3f} ms and "
                f"{ledger.bytes:.0f} bytes a file, {1 / ledger.seconds:,.0f} files a second"
            )


if __name__ == "__main__":
    sys.exit(main())
