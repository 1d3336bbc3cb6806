"""Fuzz what the project parses itself, guided by which lines of the parsers are reached.

    python scripts/fuzz_parsers.py result --seconds 300
    python scripts/fuzz_parsers.py result --input findings/crash-...      one input once more

Needs atheris, besides the project: `pip install atheris`, which has wheels for Linux on x86-64. The tests give the same
parsers less, without it. A parser must take any bytes, or refuse them with the error that it documents. The first other
exception ends the run with a traceback and an exit status that is not 0, and leaves the input in --keep. Inputs that
reached something new stay in a folder of --keep as well, from which the next run goes on.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from random import Random

_LONGEST_BYTES = 1 << 15
_HANG_S = 20
_MEMORY_MB = 4096


def main() -> None:
    """Fuzz one target."""
    try:
        import atheris
    except ImportError:
        sys.exit("fuzz_parsers: atheris is missing: pip install atheris")
    # Only what is imported here is told apart line by line.
    with atheris.instrument_imports(include=["pipeline", "classifiers", "json"]):
        from fuzzing.targets import TARGETS
    options = _parse(list(TARGETS))
    target = TARGETS[options.target]
    if options.input:
        target.try_out(options.input.read_bytes())
        return
    corpus = options.keep / options.target
    corpus.mkdir(parents=True, exist_ok=True)
    for number, example in enumerate(target.examples):
        (corpus / f"example-{number}").write_bytes(example)
    flags = {
        "max_total_time": options.seconds,
        "max_len": _LONGEST_BYTES,
        "timeout": _HANG_S,
        "rss_limit_mb": _MEMORY_MB,
        "artifact_prefix": f"{options.keep}/",
    }

    def change(data: bytes, most_bytes: int, seed: int) -> bytes:
        random = Random(seed)
        changed = target.change(data, random) if random.random() < 0.5 else atheris.Mutate(data, most_bytes)
        return changed[:most_bytes]

    arguments = [sys.argv[0], *(f"-{name}={value}" for name, value in flags.items()), str(corpus)]
    atheris.Setup(arguments, target.try_out, custom_mutator=change)
    atheris.Fuzz()


def _parse(targets: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", choices=targets, help="what to fuzz: %(choices)s", metavar="TARGET")
    parser.add_argument("--seconds", type=int, default=60, metavar="S", help="how long (%(default)s)")
    parser.add_argument("--input", type=Path, metavar="FILE", help="give it this input alone, and do no more")
    parser.add_argument(
        "--keep", type=Path, default=Path("out/fuzz-parsers"), metavar="DIR", help="where inputs are kept (%(default)s)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
