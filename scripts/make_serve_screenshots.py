"""Makes the pictures of `facewitness serve`: its page as a browser shows it.

    python scripts/make_serve_screenshots.py docs/pictures

Needs Chromium and the Python package playwright. It starts a server on a folder of its own, and sends it
`sample_videos` by its page.
"""

from __future__ import annotations

import argparse
import io
import re
import shutil
import sys
import tempfile
from pathlib import Path

from make_screenshots import BROWSERS, SAMPLES, compressed
from PIL import Image
from serving.running import Server

MAX_BYTES = 150_000
_DESKTOP = {"width": 1280, "height": 800}
_PHONE = {"width": 390, "height": 844}
_MARGIN = 24
_PATIENCE_MS = 120_000
# What is still on its way in the picture: so many bytes, at so many a second.
_SENT_NAMES = ("interview_raw.mp4", "press_conference.mp4", "stairs_cam.mp4", "stairs_cam_2.mp4")
_SENT_BYTES = 9_000_000
_SENT_A_SECOND = 1_500_000


def main() -> int:
    """Start a server, fill it with samples and photograph its page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=Path("docs/pictures"), help="write the pictures here")
    folder = parser.parse_args().folder
    from playwright.sync_api import sync_playwright

    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        print("make_serve_screenshots: no Chromium was found; install it", file=sys.stderr)
        return 1
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as data,
        Server(Path(data), "--workers", "1") as server,
        sync_playwright() as driver,
    ):
        browser = driver.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        for name, picture in _pictures(browser, server.address):
            content = compressed(picture, MAX_BYTES)
            (folder / name).write_bytes(content)
            print(f"{folder / name}: {len(content):,} bytes")
        browser.close()
    return 0


def _pictures(browser: object, address: str) -> list[tuple[str, Image.Image]]:
    desktop = browser.new_context(viewport=_DESKTOP, color_scheme="light").new_page()
    desktop.goto(address)
    samples = sorted(SAMPLES.glob("*.mp4"))
    desktop.set_input_files("#files", samples)
    desktop.locator("#rows tr.done").nth(len(samples) - 1).wait_for(timeout=_PATIENCE_MS)

    dark = browser.new_context(viewport=_DESKTOP, color_scheme="dark").new_page()
    phones = [browser.new_context(viewport=_PHONE, color_scheme=scheme).new_page() for scheme in ("light", "dark")]
    phones[0].goto(address)
    phones[0].locator("#rows tr").first.wait_for()
    for page in (dark, phones[1]):
        page.goto(address)
        page.get_by_role("link", name="two_people.mp4").click()
        page.frame_locator("iframe").locator("h1").wait_for(timeout=_PATIENCE_MS)

    limits = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": _SENT_A_SECOND}
    desktop.context.new_cdp_session(desktop).send("Network.emulateNetworkConditions", limits)
    files = [{"name": name, "mimeType": "video/mp4", "buffer": bytes(_SENT_BYTES)} for name in _SENT_NAMES]
    desktop.set_input_files("#files", files)
    desktop.locator("#transfers .numbers").filter(has_text=re.compile(r"^[3-6]\d% of")).first.wait_for()
    return [
        ("serve-list.png", _photographed(desktop)),
        ("serve-report.png", _photographed(dark)),
        ("serve-phone.png", _side_by_side([_photographed(page) for page in phones])),
    ]


def _photographed(page: object) -> Image.Image:
    return Image.open(io.BytesIO(page.screenshot(animations="disabled"))).convert("RGB")


def _side_by_side(pictures: list[Image.Image]) -> Image.Image:
    width = sum(picture.width + _MARGIN for picture in pictures) - _MARGIN
    joined = Image.new("RGB", (width, pictures[0].height), "#8a8f98")
    left = 0
    for picture in pictures:
        joined.paste(picture, (left, 0))
        left += picture.width + _MARGIN
    return joined


if __name__ == "__main__":
    sys.exit(main())
