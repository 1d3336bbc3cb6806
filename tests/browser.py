"""Opens pages in headless Chromium, and checks their accessibility with axe-core.

Chromium comes from Debian's package where it is missing and this process may install it. axe-core comes from npm and is
kept in the user's cache folder. Where one cannot be had, tests that need it are skipped and say why.
"""

from __future__ import annotations

import functools
import io
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="the Python package playwright is not installed")

AXE = "axe-core@4.10.2"
_BINARIES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
_INSTALL_TIMEOUT_S = 900


@dataclass(slots=True, eq=False)
class Visit:
    """A page that was opened from disk.

    Attributes:
        page: of playwright.
        complaints: errors and warnings of its console, and exceptions.
        requests: addresses that it asked for, other than itself and what it holds.
    """

    page: playwright.Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@functools.cache
def chromium() -> str:
    """Find Chromium or install it; skips the test where there is none."""
    found = next(filter(None, map(shutil.which, _BINARIES)), None) or (str(_MAC) if _MAC.exists() else None)
    if found is None and shutil.which("apt-get") and os.geteuid() == 0:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for step in (["update"], ["install", "-y", "--no-install-recommends", "chromium"]):
            subprocess.run(
                ["apt-get", "-q", *step], env=environment, capture_output=True, timeout=_INSTALL_TIMEOUT_S, check=False
            )
        found = shutil.which("chromium")
    if found is None:
        pytest.skip("no Chromium: it is not installed, and could not be installed by apt-get as root")
    return found


@contextmanager
def launched() -> Iterator[playwright.Browser]:
    """Start a browser that may not use a network."""
    with playwright.sync_playwright() as driver:
        # Its sandbox does not work for root, as tests run in containers.
        browser = driver.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def visit(browser: playwright.Browser, file: Path, **options: object) -> Iterator[Visit]:
    """Open a file; `options` are those of a browser context, such as color_scheme and viewport."""
    context = browser.new_context(**{"offline": True, "viewport": {"width": 1280, "height": 900}, **options})
    opened = Visit(context.new_page())
    address = file.resolve().as_uri()
    opened.page.on("console", lambda m: opened.complaints.append(m.text) if m.type in ("error", "warning") else None)
    opened.page.on("pageerror", lambda error: opened.complaints.append(str(error)))
    opened.page.on(
        "request",
        lambda request: None if request.url.startswith(("data:", address)) else opened.requests.append(request.url),
    )
    opened.page.goto(address)
    yield opened
    context.close()


@functools.cache
def axe_source() -> str:
    """Give the code of axe-core; skips the test where it cannot be had."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "facewitness-tests"
    kept = cache / (AXE.replace("@", "-") + ".min.js")
    if not kept.exists():
        if not shutil.which("npm"):
            pytest.skip("no axe-core: npm is not installed")
        with tempfile.TemporaryDirectory() as folder:
            packed = subprocess.run(
                ["npm", "pack", AXE, "--silent"], cwd=folder, capture_output=True, text=True, timeout=120, check=False
            )
            archives = list(Path(folder).glob("*.tgz"))
            if packed.returncode or not archives:
                pytest.skip(f"no axe-core: npm could not fetch it ({packed.stderr.strip()[:200]})")
            with tarfile.open(fileobj=io.BytesIO(archives[0].read_bytes())) as archive:
                code = archive.extractfile("package/axe.min.js").read()
        cache.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(code)
    return kept.read_text(encoding="utf-8")


def violations(page: playwright.Page) -> list[str]:
    """List what axe-core finds serious or critical: rule, what it is about and where."""
    # Through the debugger, since the page's own policy forbids scripts that are not its own.
    page.evaluate(axe_source() + "; undefined")
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{v['id']}: {v['help']}: {json.dumps([node['html'][:200] for node in v['nodes'][:3]])}"
        for v in found["violations"]
        if v["impact"] in ("serious", "critical")
    ]
