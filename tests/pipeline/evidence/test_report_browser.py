"""Pages as a browser shows them: opened from disk, without a network, by keyboard, in light and dark."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("playwright.sync_api", reason="the Python package playwright is not installed")

from pipeline import Scanner
from pipeline.evidence.report import report_folder, write_index
from pipeline.media.sampling import SamplingPlan
from tests.browser import launched, violations, visit
from tests.evidence import verdict

# The first of them may have to install Chromium.
pytestmark = pytest.mark.timeout(1200)

SAMPLES = Path(__file__).parents[3] / "sample_videos"
ATTACK = "<script>window.attacked = 1</script><img src=x onerror='window.attacked = 1'>"
SCHEMES = ("light", "dark")
ROWS = 5000
LIMIT_MS = 100

FILTER = """([id, value]) => {
  const control = document.getElementById(id);
  const before = performance.now();
  control.value = value;
  control.dispatchEvent(new Event('input', {bubbles: true}));
  document.body.getBoundingClientRect();  // lays the page out
  return performance.now() - before;
}"""
FOCUSED = """() => {
  const e = document.activeElement;
  const hidden = !e.checkVisibility({visibilityProperty: true});
  return [e.tagName, e.id, e.type ?? '', e.textContent.trim().slice(0, 40), hidden];
}"""
PICTURES = (
    """() => [...document.images].map(i => [i.className, i.complete && i.naturalWidth > 0, i.checkVisibility()])"""
)


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    with launched() as started:
        yield started


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the pages of a clip of two people and of one without a face."""
    folder = tmp_path_factory.mktemp("samples")
    scanner = Scanner(plan=SamplingPlan.spread(16))
    for name in ("two_people.mp4", "no_face.mp4"):
        document = scanner.scan(SAMPLES / name).to_json()
        (folder / f"{name}.json").write_text(json.dumps(document))
    report_folder(folder)
    return folder


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pages of results that are hard to show."""
    folder = tmp_path_factory.mktemp("odd")
    crowd = tuple(((level, -3.0),) * 6 for level in np.linspace(-3, 3, 60))
    results = {
        "attack": verdict(f"{ATTACK}.mp4", warnings=[ATTACK]),
        "long": verdict("x" * 10_000, warnings=["y" * 10_000, "z " * 5000]),
        "crowd": verdict("crowd.mp4", logits=crowd),
        "arabic": verdict(
            "\u0645\u0642\u0637\u0639 \u0641\u064a\u062f\u064a\u0648.mp4", status="insufficient_evidence"
        ),
        "damaged": verdict("damaged.mp4", status="undecodable", message=ATTACK),
    }
    for name, item in results.items():
        document = item.to_json()
        document["input"]["probe"] = {"kind": "video", "width": 640, "height": 360, "duration_s": 10_800.0}
        (folder / f"{name}.json").write_text(json.dumps(document))
    old = {**verdict("old.mp4").to_json(), "schema": "facewitness/verdict/0", "model": "mobilenet"}
    (folder / "old.json").write_text(json.dumps(old))
    report_folder(folder)
    return folder


@pytest.fixture(scope="module")
def long_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The index of thousands of results."""
    folder = tmp_path_factory.mktemp("many")
    base = verdict().to_json()
    base["tracks"] = [{**track, "observations": track["observations"][:1]} for track in base["tracks"]]
    none = verdict(status="no_face", message="no face was found in 32 frames").to_json()
    lines = []
    for number, score in enumerate(np.random.default_rng(3).uniform(0, 1, ROWS).round(4).tolist()):
        label = "likely_fake" if score >= 0.7 else "likely_real" if score <= 0.3 else "inconclusive"
        document = none if number % 10 == 0 else {**base, "score": score, "verdict": label}
        lines.append(
            json.dumps({**document, "input": {**document["input"], "path": f"case {number % 7}/clip-{number}.mp4"}})
        )
    (folder / "results.jsonl").write_text("\n".join(lines))
    return write_index(folder)


class TestReport:
    @pytest.mark.parametrize("name", ["two_people.mp4.html", "no_face.mp4.html", "index.html"])
    def test_it_opens_from_disk_without_a_complaint_or_a_request(self, browser, samples, name):
        with visit(browser, samples / name) as seen:
            assert seen.page.locator("h1").is_visible()
            assert seen.complaints == []
            assert seen.requests == []

    def test_pictures_and_heat_maps_are_seen(self, browser, samples):
        with visit(browser, samples / "two_people.mp4.html") as seen:
            seen.page.locator("details").evaluate_all("all => all.forEach(d => d.open = true)")
            pictures = seen.page.evaluate(PICTURES)
            assert len(pictures) > 30
            assert all(loaded and visible for _, loaded, visible in pictures)
            assert sum(kind == "heat" for kind, *_ in pictures) >= 6
            assert seen.page.locator(".lane svg").count() >= 2
            box = seen.page.locator(".lane svg").first.bounding_box()
            assert box["width"] > 300
            assert box["height"] > 20

    def test_first_sight_answers_who_when_how_sure_and_which_file(self, browser, samples):
        document = json.loads((samples / "two_people.mp4.json").read_text())
        with visit(browser, samples / "two_people.mp4.html") as seen:
            header = seen.page.locator("header").inner_text()
        assert "Likely fake" in header
        assert "Person 1 (left)" in header
        assert "0:04." in header
        assert f"{document['score']:.2f} of 1" in header
        assert "two_people.mp4" in header
        assert document["input"]["sha256"][:12] in header

    def test_arrow_keys_move_through_the_frames(self, browser, samples):
        with visit(browser, samples / "two_people.mp4.html") as seen:
            slider, image = seen.page.locator("#moment"), seen.page.locator("#preview img")
            # Whoever hears the page is told who is seen where the slider stands at first, as whoever looks at it is.
            assert "Person 1 0.9" in slider.get_attribute("aria-valuetext")
            slider.focus()
            seen.page.keyboard.press("Home")
            first, first_said = image.get_attribute("src"), slider.get_attribute("aria-valuetext")
            assert "Person 1 0.9" in first_said
            seen.page.keyboard.press("ArrowRight")
            assert image.get_attribute("src") != first
            assert slider.get_attribute("aria-valuetext") != first_said
            assert image.evaluate("i => i.decode().then(() => i.naturalWidth)") > 0
            seen.page.keyboard.press("End")
            assert "0:04." in seen.page.locator("#preview .time").inner_text()
            assert seen.page.locator("#preview rect").count() >= 4

    def test_the_pointer_shows_the_frame_under_it(self, browser, samples):
        with visit(browser, samples / "two_people.mp4.html") as seen:
            seen.page.locator(".scrub").scroll_into_view_if_needed()
            area = seen.page.locator(".scrub").bounding_box()
            said = []
            for share in (0.02, 0.5, 0.98):
                seen.page.mouse.move(area["x"] + share * area["width"], area["y"] + 20)
                said.append(seen.page.locator("#preview .time").inner_text())
            assert len(set(said)) == 3
            assert said[0].endswith(("0:00.1", "0:00.2"))
            assert "0:02." in said[1]

    @pytest.mark.parametrize("name", ["two_people.mp4.html", "no_face.mp4.html", "index.html"])
    def test_every_control_is_reached_by_keyboard(self, browser, samples, name):
        with visit(browser, samples / name) as seen:
            controls = seen.page.locator("a[href], button:enabled, input, select, summary").filter(visible=True).count()
            reached = set()
            for _ in range(controls + 12):
                seen.page.keyboard.press("Tab")
                tag, *rest, hidden = seen.page.evaluate(FOCUSED)
                assert not hidden
                if tag in ("A", "BUTTON", "INPUT", "SELECT", "SUMMARY"):
                    reached.add((tag, *rest))
            assert len(reached) == controls

    @pytest.mark.parametrize("scheme", SCHEMES)
    @pytest.mark.parametrize("name", ["two_people.mp4.html", "no_face.mp4.html", "index.html"])
    def test_axe_finds_nothing_serious(self, browser, samples, name, scheme):
        with visit(browser, samples / name, color_scheme=scheme) as seen:
            seen.page.locator("details").evaluate_all("all => all.forEach(d => d.open = true)")
            assert violations(seen.page) == []

    def test_axe_would_find_something(self, browser, samples):
        with visit(browser, samples / "two_people.mp4.html") as seen:
            seen.page.evaluate("document.querySelector('.lead').style.color = '#e0a080'")
            seen.page.evaluate("document.querySelector('#moment').removeAttribute('aria-label')")
            assert {found.split(":")[0] for found in violations(seen.page)} == {"color-contrast", "label"}

    def test_dark_and_light_differ(self, browser, samples):
        shades = []
        for scheme in SCHEMES:
            with visit(browser, samples / "two_people.mp4.html", color_scheme=scheme) as seen:
                shades.append(seen.page.evaluate("getComputedStyle(document.body).backgroundColor"))
        assert shades == ["rgb(255, 255, 255)", "rgb(20, 23, 27)"]

    @pytest.mark.parametrize("name", ["two_people.mp4.html", "no_face.mp4.html", "index.html"])
    def test_nothing_runs_over_the_edge_of_a_telephone(self, browser, samples, name):
        with visit(browser, samples / name, viewport={"width": 360, "height": 740}) as seen:
            assert seen.page.evaluate("document.documentElement.scrollWidth") <= 360

    def test_print_is_light_and_holds_what_is_folded(self, browser, odd):
        with visit(browser, odd / "crowd.html", color_scheme="dark") as seen:
            seen.page.emulate_media(media="print")
            assert seen.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
            folded = seen.page.locator("details article").first
            assert folded.evaluate("e => e.checkVisibility({contentVisibilityAuto: true})")


class TestOddResults:
    @pytest.mark.parametrize("name", ["attack", "long", "crowd", "arabic", "damaged", "old", "index"])
    def test_it_opens_whole_and_nothing_in_it_runs(self, browser, odd, name):
        with visit(browser, odd / f"{name}.html", viewport={"width": 1000, "height": 800}) as seen:
            assert seen.page.locator("footer").is_visible()
            assert seen.page.evaluate("window.attacked") is None
            assert seen.page.evaluate("document.documentElement.scrollWidth") <= 1000
            assert seen.complaints == []
            assert seen.requests == []

    @pytest.mark.parametrize("scheme", SCHEMES)
    @pytest.mark.parametrize("name", ["long", "crowd", "old", "damaged", "arabic", "index"])
    def test_axe_finds_nothing_serious(self, browser, odd, name, scheme):
        with visit(browser, odd / f"{name}.html", color_scheme=scheme) as seen:
            assert violations(seen.page) == []

    def test_without_pictures_the_places_of_the_faces_are_drawn(self, browser, odd):
        with visit(browser, odd / "crowd.html") as seen:
            assert seen.page.locator("#preview rect").count() == 120
            seen.page.locator("#moment").press("ArrowRight")
            assert seen.page.locator("#preview rect").count() == 120
            assert "55 more" in seen.page.locator("#preview").inner_text()

    @pytest.mark.skipif(os.name != "posix", reason="names of files must be Unicode here")
    def test_a_page_of_any_name_is_reached_from_the_index(self, browser, tmp_path):
        for name in ("100% #1?.mp4", os.fsdecode(b"caf\xe9.mp4"), "a:b.mp4"):
            try:
                (tmp_path / f"{name}.json").write_text(json.dumps(verdict(name).to_json()))
            except OSError:
                continue  # this file system knows only UTF-8
        report_folder(tmp_path)
        with visit(browser, tmp_path / "index.html") as seen:
            links = seen.page.locator("tbody a")
            count = links.count()
            assert count >= 2
            for place in range(count):
                links.nth(place).click()
                assert seen.page.locator("h1").inner_text() == "Likely fake"
                seen.page.go_back()


class TestIndex:
    def test_thousands_of_rows_are_filtered_within_a_tenth_of_a_second(self, browser, long_index):
        with visit(browser, long_index) as seen:
            page = seen.page
            steps = [("search", "clip-1"), ("search", "clip-12"), ("verdict", "likely_fake"), ("search", "")]
            steps += [
                ("status", "no_face"),
                ("verdict", ""),
                ("search", "nothing has this"),
                ("search", ""),
                ("status", ""),
            ]
            page.evaluate(FILTER, ["search", "warm up"])
            # How long it takes depends on what else the machine does: the best of three.
            rounds = [[page.evaluate(FILTER, list(step)) for step in steps] for _ in range(3)]
            taken = np.min(rounds, axis=0)
            print(f"\nfilters over {ROWS} rows: slowest {taken.max():.0f} ms, median {np.median(taken):.0f} ms")
            assert taken.max() < LIMIT_MS
            assert seen.complaints == []

    def test_search_band_and_status_narrow_the_rows(self, browser, long_index):
        with visit(browser, long_index) as seen:
            page, count = seen.page, seen.page.locator("#count")
            assert count.inner_text() == "5,000 of 5,000 files"
            page.locator("#search").fill("CASE 3")
            assert count.inner_text().startswith("714 of")
            page.locator("#verdict").select_option("likely_fake")
            assert set(page.locator("tbody td:nth-child(2)").all_inner_texts()) == {"Likely fake"}
            page.locator("#clear").click()
            page.locator("#status").select_option("no_face")
            assert count.inner_text() == "500 of 5,000 files"
            page.locator("#verdict").select_option("likely_fake")
            assert count.inner_text().startswith("No file matches")

    def test_columns_sort_both_ways_by_keyboard_and_gaps_come_last(self, browser, long_index):
        with visit(browser, long_index) as seen:
            page = seen.page

            def scores() -> list[float]:
                return [float(text) for text in page.locator("tbody td:nth-child(3)").all_inner_texts() if text]

            head = page.locator("thead th:nth-child(3)")
            assert scores() == sorted(scores(), reverse=True)
            assert len(scores()) == 50
            head.locator("button").focus()
            page.keyboard.press("Enter")
            assert head.get_attribute("aria-sort") == "ascending"
            assert scores() == sorted(scores())
            assert len(scores()) == 50
            page.locator("thead th:nth-child(1) button").click()
            names = page.locator("tbody th bdi:first-of-type").all_inner_texts()
            assert "clip-0.mp4" in names[0]

    def test_all_pages_hold_all_rows_once(self, browser, long_index):
        with visit(browser, long_index) as seen:
            seen.page.locator("#search").fill("clip-12")
            names = set()
            while True:
                names |= set(seen.page.locator("tbody th").all_inner_texts())
                if seen.page.locator("#next").is_disabled():
                    break
                seen.page.locator("#next").click()
            assert len(names) == 111

    def test_axe_finds_nothing_serious_among_many(self, browser, long_index):
        with visit(browser, long_index) as seen:
            assert violations(seen.page) == []
