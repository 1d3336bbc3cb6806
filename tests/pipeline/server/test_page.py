"""The page of the server in a real browser: a file is dropped, its progress is seen, its report is read."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

pytest.importorskip("playwright.sync_api", reason="the Python package playwright is not installed")
pytest.importorskip("fastapi", reason="the server's packages are not installed")

from playwright import sync_api as playwright
from serving.running import Server

from tests.browser import launched, violations
from tests.pipeline.server.clients import client, send, wait_for

# The first of them may have to install Chromium.
pytestmark = pytest.mark.timeout(1200)

ROOT = Path(__file__).parents[3]
SAMPLES = ROOT / "sample_videos"
TOKEN = "token-of-the-tests-1234"
ATTACK = "<img src=x onerror=alert(1)>.mp4"
PHONE = {"viewport": {"width": 360, "height": 740}}
SCHEMES = ("light", "dark")
SCAN_MS = 60_000

# What people read while a file is sent and scanned, each time that it changes.
WATCH = """() => {
  window.read = [];
  const look = () => window.read.push(document.getElementById('list').innerText);
  new MutationObserver(look).observe(document.body, {subtree: true, childList: true, characterData: true});
}"""
# A file on a disk has this time whenever it is chosen; one of playwright's has that of its making.
UNCHANGED = "() => { Object.defineProperty(File.prototype, 'lastModified', {value: 7}); }"
FOCUS = """() => {
  const e = document.activeElement;
  const ring = getComputedStyle(e).outlineStyle !== 'none';
  return {tag: e.tagName, id: e.id, text: e.textContent.trim(), ring};
}"""


@dataclass(slots=True, eq=False)
class Visit:
    """The page, opened.

    Attributes:
        page: of playwright.
        complaints: errors and warnings of its console, exceptions, and dialogs of the browser.
    """

    page: playwright.Page
    complaints: list[str] = field(default_factory=list)

    def names(self) -> list[str]:
        """Names of the files in the list, from top to bottom."""
        return self.page.locator("#rows th bdi").all_inner_texts()

    def choose(self, name: str, content: bytes) -> None:
        """Choose a file of that name."""
        self.page.set_input_files("#files", {"name": name, "mimeType": "video/mp4", "buffer": content})

    def row(self, name: str) -> playwright.Locator:
        return self.page.locator("#rows tr").filter(has=self.page.get_by_role("link", name=name, exact=True))

    def scanned(self, name: str) -> playwright.Locator:
        """Wait until the file of that name is done, and give its row."""
        row = self.row(name).and_(self.page.locator(".done")).first
        row.wait_for(timeout=SCAN_MS)
        return row


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with Server(tmp_path_factory.mktemp("page") / "data", "--workers", "1") as server:
        yield f"{server.address}/"


@pytest.fixture(scope="module")
def browser() -> Iterator[playwright.Browser]:
    with launched() as started:
        yield started


@contextlib.contextmanager
def visit(browser: playwright.Browser, address: str, **options: object) -> Iterator[Visit]:
    """Open the page; `options` are those of a browser context."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
    opened = Visit(context.new_page())
    tell = opened.complaints.append
    opened.page.on("console", lambda m: tell(m.text) if m.type in ("error", "warning") else None)
    opened.page.on("pageerror", lambda error: tell(str(error)))
    opened.page.on("dialog", lambda dialog: (tell(dialog.message), dialog.accept()))
    opened.page.goto(address)
    yield opened
    context.close()


@pytest.fixture
def clean(browser: playwright.Browser, address: str) -> Iterator[Visit]:
    """The page, which must have nothing to complain of, such as what its policy forbids."""
    with visit(browser, address) as opened:
        opened.page.locator("#limit").filter(has_text="500 MiB").wait_for()
        yield opened
        assert opened.complaints == []


@pytest.fixture(scope="module")
def two_people(address: str) -> dict:
    """A scan of the clip in which one of two people is manipulated."""
    with client(address) as asked:
        sent = send(asked, (SAMPLES / "two_people.mp4").read_bytes(), "stored.mp4")
        return wait_for(asked, sent["id"])


@pytest.fixture(scope="module")
def stored(address: str, two_people: dict) -> list[str]:
    """Names of three scans of different kind, the newest first."""
    with client(address) as asked:
        for name in ("no_face.mp4", "real.mp4"):
            wait_for(asked, send(asked, (SAMPLES / name).read_bytes(), name)["id"])
    return ["real.mp4", "no_face.mp4", "stored.mp4"]


def drop(page: playwright.Page, *paths: Path) -> None:
    """Drop files or folders in the middle of the page, as a hand does that comes from above."""
    session = page.context.new_cdp_session(page)
    data = {"items": [], "files": [*map(str, paths)], "dragOperationsMask": 1}
    for step, y in (("dragEnter", 10), ("dragOver", 10), ("dragOver", 400), ("drop", 400)):
        session.send("Input.dispatchDragEvent", {"type": step, "x": 640, "y": y, "data": data})
        # Where a frame lies is told to the whole browser with the next picture of the page.
        page.wait_for_timeout(200)


class Network:
    """The network of a page, which can be slow or cut."""

    def __init__(self, page: playwright.Page) -> None:
        self._session = page.context.new_cdp_session(page)

    def limit(self, bytes_a_second: int, cut: bool = False) -> None:
        limits = {"offline": cut, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_a_second}
        self._session.send("Network.emulateNetworkConditions", limits)


def long_clip(size: int) -> bytes:
    """A clip of so many bytes: behind its end stands a box that decoders leave out."""
    content = (SAMPLES / "real.mp4").read_bytes()
    rest = size - len(content)
    return content + rest.to_bytes(4, "big") + b"free" + bytes(rest - 8)


def most_suspicious(scan: dict) -> dict:
    return max(scan["result"]["tracks"], key=lambda track: track["score"])


def test_a_dropped_file_is_sent_scanned_and_shown(clean, address):
    page = clean.page
    page.evaluate(WATCH)
    Network(page).limit(500_000)
    drop(page, SAMPLES / "two_people.mp4")
    row = clean.scanned("two_people.mp4")
    read = "\n".join(page.evaluate("window.read"))
    percents = {int(found) for found in re.findall(r"(\d+)% of 405 KiB", read)}
    assert len(percents) >= 2 and max(percents) > 0
    assert "Being scanned" in read

    scan = httpx.get(f"{address}v1/scans?query=two_people.mp4").json()["scans"][0]
    fake = most_suspicious(scan)
    # In this clip the person on the left is manipulated, and the other is not.
    assert fake["observations"][0]["box"][0] < min(
        track["observations"][0]["box"][0] for track in scan["result"]["tracks"] if track is not fake
    )
    assert f"Person {fake['id']} of 2" in row.inner_text() and "Likely fake" in row.inner_text()

    row.get_by_role("link").click()
    report = page.frame_locator("iframe")
    report.get_by_role("heading", level=1, name="Likely fake").wait_for(timeout=SCAN_MS)
    assert (
        f"Person {fake['id']}, on the left, shows strong signs of an altered face"
        in report.locator("main").inner_text()
    )
    # All of it is seen without scrolling within it, and its own script runs.
    assert report.locator("html").evaluate("e => e.scrollHeight <= innerHeight + 1")
    report.get_by_role("slider").press("ArrowRight")
    assert page.locator("#detail-facts").inner_text().startswith("Likely fake")


def test_colours_are_those_of_the_report(clean, address):
    report = ROOT / "pipeline" / "evidence" / "report" / "templates" / "colours.css"
    assert httpx.get(f"{address}static/colours.css").text == report.read_text()
    ink = re.search(r"--ink: (#\w+)", report.read_text())[1]
    shown = "() => getComputedStyle(document.documentElement).getPropertyValue('--ink').trim()"
    assert clean.page.evaluate(shown) == ink


@pytest.mark.slow
class TestReader:
    def test_from_load_to_report_by_keyboard(self, clean):
        page = clean.page

        def tab_to(wanted, most=30):
            for _ in range(most):
                page.keyboard.press("Tab")
                focus = page.evaluate(FOCUS)
                assert focus["ring"] or focus["tag"] == "IFRAME", f"nothing shows that {focus} has the focus"
                if wanted(focus):
                    return
            raise AssertionError(f"not reached; at last {focus}")

        # Begun early: a dialog that opens before the browser knows that it is waited for is lost.
        with page.expect_file_chooser() as choosing:
            tab_to(lambda focus: focus["id"] == "choose")
            page.keyboard.press("Enter")
        choosing.value.set_files(
            {"name": "keys.mp4", "mimeType": "video/mp4", "buffer": (SAMPLES / "two_people.mp4").read_bytes()}
        )
        clean.scanned("keys.mp4")
        # Screen readers are told.
        page.locator("#news").filter(has_text="keys.mp4: Likely fake").wait_for(timeout=5000)
        tab_to(lambda focus: focus["text"] == "keys.mp4")
        page.keyboard.press("Enter")
        page.frame_locator("iframe").get_by_role("heading", level=1).wait_for(timeout=SCAN_MS)
        assert page.evaluate(FOCUS)["id"] == "detail-title"
        tab_to(lambda focus: focus["tag"] == "IFRAME")
        page.go_back()
        page.locator("#list").wait_for()
        assert page.evaluate(FOCUS)["text"] == "keys.mp4"

    @pytest.mark.parametrize("scheme", SCHEMES)
    def test_nothing_serious_against_accessibility(self, browser, address, stored, two_people, scheme):
        with visit(browser, address, color_scheme=scheme) as opened:
            opened.scanned("stored.mp4")
            assert violations(opened.page) == []
            opened.page.goto(f"{address}#/scan/{two_people['id']}")
            opened.page.locator("iframe").wait_for(timeout=SCAN_MS)
            assert violations(opened.page) == []
            opened.page.get_by_role("button", name="Delete").click()
            assert violations(opened.page) == []

    def test_a_phone_needs_no_sideways_scrolling(self, browser, address, stored, two_people):
        width = "() => [document.documentElement.scrollWidth, innerWidth]"
        with visit(browser, address, **PHONE) as opened:
            opened.page.locator("#limit").filter(has_text="MiB").wait_for()
            opened.choose("refused" * 20 + ".mp4", b"nothing to be seen")
            opened.scanned("refused" * 20 + ".mp4")
            opened.scanned("stored.mp4")
            assert opened.page.evaluate(width) == [360, 360]
            opened.page.goto(f"{address}#/scan/{two_people['id']}")
            report = opened.page.frame_locator("iframe")
            report.get_by_role("heading", level=1).wait_for(timeout=SCAN_MS)
            assert opened.page.evaluate(width) == [360, 360]
            assert report.locator("html").evaluate("e => e.scrollWidth <= innerWidth")

    @pytest.mark.parametrize(("name", "shown"), [("../../x", "x"), (ATTACK, ATTACK)])
    def test_names_do_no_harm(self, clean, name, shown):
        clean.choose(name, (SAMPLES / "no_face.mp4").read_bytes())
        row = clean.scanned(shown)
        assert "No face" in row.inner_text()
        row.get_by_role("link").click()
        report = clean.page.frame_locator("iframe")
        report.get_by_role("heading", level=1, name="No face was found").wait_for(timeout=SCAN_MS)
        assert clean.page.locator("#detail-name").inner_text() == shown
        clean.page.get_by_role("button", name="Delete").click()
        assert clean.page.locator("#sure-name").inner_text() == shown
        assert clean.page.locator("img").count() == 0

    def test_history_is_kept_searched_and_filtered(self, clean, stored):
        page = clean.page
        page.reload()
        clean.scanned("stored.mp4")
        assert [name for name in clean.names() if name in stored] == stored
        page.get_by_label("Search", exact=True).fill("NO_FACE")
        page.locator("#count").filter(has_text="1 found").wait_for()
        assert clean.names() == ["no_face.mp4"]
        page.get_by_label("Search", exact=True).fill("nothing is called that")
        page.get_by_text("No scan matches").wait_for()
        page.get_by_label("Search", exact=True).fill("")
        page.get_by_label("Verdict").select_option("Likely real")
        page.locator("#count").filter(has_text="found").wait_for()
        assert "real.mp4" in clean.names() and not {"stored.mp4", "no_face.mp4"} & set(clean.names())
        page.get_by_label("Verdict").select_option("No face")
        clean.scanned("no_face.mp4")
        assert "real.mp4" not in clean.names()

    def test_what_is_deleted_is_gone_and_only_that(self, clean, address, stored):
        page = clean.page
        clean.choose("to_delete.mp4", b"neither a video nor a picture")
        row = clean.scanned("to_delete.mp4")
        assert "neither a video nor an image" in row.inner_text()
        row.get_by_role("button", name="Delete").click()
        page.get_by_role("button", name="Keep it").click()
        assert "to_delete.mp4" in clean.names()
        row.get_by_role("button", name="Delete").click()
        page.locator("#sure-yes").click()
        row.wait_for(state="detached")
        assert page.evaluate("document.activeElement.closest('#rows, #choose') !== null")
        assert httpx.get(f"{address}v1/scans?query=to_delete").json()["scans"] == []
        assert {*stored} <= {*clean.names()}

    def test_results_can_be_taken_away(self, clean, address, two_people):
        page = clean.page
        page.goto(f"{address}#/scan/{two_people['id']}")
        page.locator("iframe").wait_for(timeout=SCAN_MS)
        taken = {}
        for button in ("Download JSON", "Download Report", "Download Annotated copy"):
            with page.expect_download(timeout=SCAN_MS) as download:
                page.locator(f'[aria-label="{button}"]').click()
            taken[download.value.suggested_filename] = Path(download.value.path()).read_bytes()
        assert {*taken} == {"stored.mp4.json", "stored.mp4.html", "stored.mp4.annotated.mp4"}
        assert httpx.Response(200, content=taken["stored.mp4.json"]).json() == two_people["result"]
        assert taken["stored.mp4.annotated.mp4"][4:8] == b"ftyp"

    def test_a_scan_that_is_not_there(self, browser, address):
        with visit(browser, f"{address}#/scan/nothing") as opened:
            opened.page.get_by_text("There is no such scan").wait_for()


@pytest.mark.slow
class TestSender:
    def test_folders_are_dropped_with_all_within_them(self, clean, tmp_path, two_people):
        (tmp_path / "films" / "older").mkdir(parents=True)
        (tmp_path / "films" / "in_folder.mp4").write_bytes(b"neither a video nor a picture")
        (tmp_path / "films" / "older" / "further_in.mp4").write_bytes(b"neither a video nor a picture")
        # Also on a report, which has no use for them.
        clean.page.goto(f"{clean.page.url.partition('#')[0]}#/scan/{two_people['id']}")
        clean.page.frame_locator("iframe").get_by_role("heading", level=1).wait_for(timeout=SCAN_MS)
        drop(clean.page, tmp_path / "films")
        for name in ("in_folder.mp4", "further_in.mp4"):
            clean.scanned(name)

    def test_an_upload_goes_on_after_a_cut_and_a_reload(self, browser, address):
        size = 9_000_000
        with visit(browser, address) as opened:
            page = opened.page
            begun, offsets = [], []

            def look(request):
                if request.method == "POST":
                    begun.append(request.url)
                elif request.method == "PATCH":
                    offsets.append(int(request.headers["upload-offset"]))

            page.on("request", look)
            file = {"name": "long.mp4", "mimeType": "video/mp4", "buffer": long_clip(size)}
            page.locator("#limit").filter(has_text="MiB").wait_for()
            network = Network(page)
            network.limit(3_000_000)
            page.evaluate(UNCHANGED)
            page.set_input_files("#files", file)
            sent = page.locator("#transfers .numbers")
            sent.filter(has_text=re.compile(r"^[1-9]\d% of")).wait_for()
            network.limit(3_000_000, cut=True)
            sent.filter(has_text="The server does not answer").wait_for()
            network.limit(3_000_000)
            sent.filter(has_text=re.compile(r"^[6-9]\d% of")).wait_for(timeout=SCAN_MS)
            page.reload()
            opened.row("long.mp4").get_by_text("Choose the same file again").wait_for()
            page.evaluate(UNCHANGED)
            page.set_input_files("#files", file)
            opened.scanned("long.mp4")
            assert len(begun) == 1 and len({*offsets}) >= 3
            scans = httpx.get(f"{address}v1/scans?query=long.mp4").json()["scans"]
            assert [scan["size"] for scan in scans] == [size]

    def test_what_is_refused_says_why_beside_the_file(self, browser, address):
        with visit(browser, address) as opened:
            # The browser holds no 600 MB: what it says of the size is enough for the server.
            opened.page.locator("#limit").filter(has_text="MiB").wait_for()
            opened.page.evaluate("() => { Object.defineProperty(Blob.prototype, 'size', {value: 600 * 2 ** 20}); }")
            opened.choose("large.mp4", b"x")
            row = opened.page.locator("#transfers li")
            row.get_by_text("500 MiB").wait_for()
            row.get_by_role("button", name="Dismiss").click()
            row.wait_for(state="detached")

    def test_token_is_asked_for_also_by_a_server_that_is_back(self, browser, tmp_path):
        with Server(tmp_path, FACEWITNESS_TOKEN=TOKEN) as server, visit(browser, server.address) as opened:
            page, token = opened.page, opened.page.get_by_label("This server asks for its token")
            token.fill("another-token-1234")
            page.keyboard.press("Enter")
            page.get_by_text("This is not the token").wait_for()
            token.fill(TOKEN)
            page.keyboard.press("Enter")
            page.get_by_text("Nothing has been scanned yet").wait_for()
            opened.choose("note.mp4", b"neither a video nor a picture")
            opened.scanned("note.mp4").get_by_role("link").click()
            page.frame_locator("iframe").get_by_role("heading", level=1).wait_for(timeout=SCAN_MS)
            assert not [said for said in opened.complaints if "Content Security Policy" in said]
            server.end()
            page.get_by_text("The server does not answer").wait_for()
            with Server(tmp_path, "--port", server.address.rpartition(":")[2], FACEWITNESS_TOKEN=TOKEN):
                token.fill(TOKEN, timeout=SCAN_MS)
                page.keyboard.press("Enter")
                page.locator("#away").wait_for(state="hidden", timeout=SCAN_MS)
                page.get_by_role("button", name="Sign out").click()
                token.wait_for()

    def test_a_page_left_open_lets_go_of_the_oldest_rows(self, browser, tmp_path):
        with Server(tmp_path) as server, visit(browser, server.address) as opened, client(server.address) as asked:
            opened.page.get_by_text("Nothing has been scanned yet").wait_for()
            for number in range(53):
                send(asked, f"no video, {number}".encode(), f"{number}.mp4")
            opened.scanned("52.mp4")
            assert opened.names() == [f"{number}.mp4" for number in range(52, 2, -1)]
            opened.page.get_by_role("button", name="Show earlier scans").click()
            opened.row("0.mp4").wait_for()
            assert opened.names() == [f"{number}.mp4" for number in range(52, -1, -1)]
