"""The built site, as a browser shows it from a folder."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from classifiers.model_spec import shipped_models
from tests.browser import launched, playwright, violations, visit

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    pytest.importorskip("mkdocs")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[playwright.Browser]:
    with launched() as started:
        yield started


def pages(site: Path) -> list[Path]:
    found = [page for page in sorted(site.rglob("*.html")) if page.name != "404.html"]
    assert len(found) > 30
    return found


def test_every_model_has_a_page(site):
    for name, model in shipped_models().items():
        page = (site / "models" / model.card).with_suffix(".html")
        assert f"Model card: {name}" in page.read_text(encoding="utf-8")


def test_pages_fit_a_phone_and_load_nothing_from_elsewhere(site, browser):
    for page in pages(site):
        with visit(browser, page, viewport=PHONE) as opened:
            assert not [address for address in opened.requests if not address.startswith(("file:", "blob:"))]
            assert not opened.complaints
            too_wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            assert opened.page.evaluate(too_wide) <= 0, f"{page} has to be scrolled sideways"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_can_be_used_by_everyone(site, browser, scheme):
    for name in ("index.html", "results.html", "tasks/explore.html", "extend/detector.html", "api/pipeline.html"):
        with visit(browser, site / name, color_scheme=scheme) as opened:
            # That the search has no name is a fault of the theme.
            assert not [found for found in violations(opened.page) if not found.startswith("aria-dialog-name")], name


def test_search_works_from_a_folder(site, browser):
    with visit(browser, site / "index.html") as opened:
        opened.page.fill("input[name=query]", "calibrate")
        opened.page.wait_for_selector(".md-search-result__item a[href*='calibrate.html']", state="attached")
