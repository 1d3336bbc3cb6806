"""Makes pictures of the README and the docs: reports of sample videos and of a training run as a browser shows them.

    python scripts/make_screenshots.py docs/pictures

Needs Chromium and the Python package playwright. Every picture is of `sample_videos` or of faces that
`scripts/drawn_faces.py` draws, and stays below 300 KB.
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from drawn_faces import write_faces
from PIL import Image

from pipeline import Scanner, workbench
from pipeline.evidence.report import report_folder

SAMPLES = Path(__file__).parent.parent / "sample_videos"
MAX_BYTES = 300_000
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_WIDTH = 1180

# Name of the picture, page, colour scheme, first and last element that it shows.
PICTURES = (
    ("report-verdict.png", "two_people.mp4.html", "light", "header", "#timeline + p + .timeline"),
    ("report-evidence.png", "two_people.mp4.html", "dark", "#person-1", "#person-1"),
    ("report-index.png", "index.html", "light", "header", "#files"),
    ("run.png", "run/report.html", "light", "section:nth-of-type(3)", "section:nth-of-type(4)"),
)


def main() -> int:
    """Scan the samples, make their pages and photograph them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=Path("docs/pictures"), help="write the pictures here")
    folder = parser.parse_args().folder
    from playwright.sync_api import sync_playwright

    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        print("make_screenshots: no Chromium was found; install it", file=sys.stderr)
        return 1
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as driver:
        pages = Path(temporary) / "sample_videos"
        pages.mkdir()
        scanner = Scanner()
        for video in sorted(SAMPLES.glob("*.mp4")):
            verdict = scanner.scan(video)
            named = replace(verdict, input=replace(verdict.input, path=f"sample_videos/{video.name}"))
            (pages / f"{video.name}.json").write_text(json.dumps(named.to_json()), encoding="utf-8")
        report_folder(pages, media=SAMPLES)
        _train(pages)
        browser = driver.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        for name, page, scheme, first, last in PICTURES:
            picture = _photograph(browser, pages / page, scheme, first, last)
            (folder / name).write_bytes(picture)
            print(f"{folder / name}: {len(picture):,} bytes")
        browser.close()
    return 0


def _train(folder: Path) -> None:
    """Train a network on drawn faces as docs/tasks/from/deepfake-and-real-images.md does, in `run`."""
    first = 0
    for split, count in (("Train", 90), ("Validation", 30), ("Test", 30)):
        for name in ("Real", "Fake"):
            numbers = range(first, first + count)
            write_faces(folder / "Dataset" / split / name, fake=name == "Fake", numbers=numbers)
        first += count
    workbench.cut_faces(folder / "Dataset", folder / "crops")
    settings = {"input_size": 64, "steps": 240, "steps_per_epoch": 30}
    config = workbench.TrainingConfig.from_preset("tutorial-cnn", settings)
    workbench.train(folder / "crops", folder / "run", config=config)
    workbench.report_run(folder / "run")


def _photograph(browser: object, page: Path, scheme: str, first: str, last: str) -> bytes:
    """Take a picture from the top of one element to the bottom of another, with a margin."""
    context = browser.new_context(viewport={"width": _WIDTH, "height": 900}, color_scheme=scheme, offline=True)
    opened = context.new_page()
    opened.goto(page.as_uri())
    top = opened.locator(first).first.bounding_box()["y"]
    end = opened.locator(last).first.bounding_box()
    clip = {"x": 0, "y": max(0, top - 24), "width": _WIDTH, "height": end["y"] + end["height"] - max(0, top - 24) + 32}
    shot = Image.open(io.BytesIO(opened.screenshot(full_page=True, clip=clip))).convert("RGB")
    context.close()
    return compressed(shot, MAX_BYTES)


def compressed(shot: Image.Image, most_bytes: int) -> bytes:
    """Write a picture as PNG of so many bytes at most.

    Raises:
        ValueError: it cannot be made so small.
    """
    # A palette shows flat colours exactly and photographs well enough; fewer colours where it is still too large.
    for colours in (256, 192, 128, 64):
        content = io.BytesIO()
        shot.quantize(colours, kmeans=3).save(content, "PNG", optimize=True)
        if content.tell() <= most_bytes:
            return content.getvalue()
    raise ValueError(f"the picture is larger than {most_bytes:,} bytes")


if __name__ == "__main__":
    sys.exit(main())
