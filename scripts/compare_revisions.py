"""Scans files with another revision of this repository and with the working tree, and compares the results.

    python scripts/compare_revisions.py 72e24cb sample_videos ../clips [-- --precision f32]

Prints each file whose verdict, scores or faces differ, and the largest difference of a score; exit status 1 if any do.
What follows `--` is given to both scans.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


def scan(tree: Path, inputs: list[str], options: list[str], output: Path) -> dict[str, dict[str, Any]]:
    """Scan with the code of a tree; results by path of the input."""
    # Without the working folder, which Python searches first, and which is a tree too.
    program = f"import sys; sys.path[0] = {str(tree)!r}; from pipeline.cli import main; main()"
    command = [sys.executable, "-c", program, "scan", *inputs, "-o", str(output)]
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    # Exit status 1 says that some file could not be read: that is a result like any other.
    subprocess.run([*command, *options], env=environment, stdout=subprocess.DEVNULL, check=False)
    documents = [json.loads(path.read_text(encoding="utf-8")) for path in output.rglob("*.json")]
    return {document["input"]["path"]: document for document in documents}


def facts(document: dict[str, Any]) -> dict[str, Any]:
    """Give what must not change: everything but versions, times, and what only one schema has."""
    kept = ("status", "verdict", "score", "components", "thresholds", "segments", "warnings", "message", "sampling")
    found = {name: document[name] for name in kept}
    found["input"] = {name: document["input"][name] for name in ("sha256", "bytes", "probe")}
    found["tracks"] = [
        {
            **{name: track[name] for name in ("id", "start_s", "end_s", "score", "components", "supported")},
            "observations": [
                {name: seen[name] for name in ("time_s", "frame", "box", "landmarks", "score")}
                for seen in track["observations"]
            ],
        }
        for track in document["tracks"]
    ]
    return found


def main() -> int:
    """Scan twice and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("revision", help="the other revision")
    parser.add_argument("inputs", nargs="+", help="files and folders to scan")
    place = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    chosen, options = parser.parse_args(sys.argv[1:place]), sys.argv[place + 1 :]
    inputs = [str(Path(path).resolve()) for path in chosen.inputs]
    with tempfile.TemporaryDirectory(prefix="facewitness-") as folder:
        tree = Path(folder, "tree")
        subprocess.run(["git", "-C", ROOT, "worktree", "add", "-q", "--detach", tree, chosen.revision], check=True)
        try:
            before = scan(tree, inputs, options, Path(folder, "before"))
            after = scan(ROOT, inputs, options, Path(folder, "after"))
        finally:
            subprocess.run(["git", "-C", ROOT, "worktree", "remove", "--force", tree], check=True)
    return compare(before, after)


def compare(before: dict[str, dict[str, Any]], after: dict[str, dict[str, Any]]) -> int:
    """Print what differs; 1 if anything does."""
    different, largest = 0, 0.0
    for path in sorted({*before, *after}):
        if path not in before or path not in after:
            print(f"{Path(path).name}: scanned by one of them only")
            different += 1
            continue
        one, other = facts(before[path]), facts(after[path])
        if None not in (one["score"], other["score"]):
            largest = max(largest, abs(one["score"] - other["score"]))
        names = [name for name in one if one[name] != other[name]]
        if names:
            different += 1
            print(f"{Path(path).name}: {', '.join(names)}; score {one['score']} and {other['score']}")
    print(
        f"{len(before)} files before, {len(after)} after; {different} differ; largest difference of a score {largest}"
    )
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
