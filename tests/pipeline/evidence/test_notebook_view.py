"""How verdicts look in a notebook."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from classifiers import find_model
from pipeline.evidence.texts import say
from pipeline.results.parts import FAILURES
from tests.evidence import verdict

FAKE = ((4.0, -20.0),) * 20
REAL = ((-2.0, -20.0),) * 20
_VOID = {"rect", "path"}
NOTEBOOK = Path(__file__).parents[3] / "docs" / "example.ipynb"


class Page(HTMLParser):
    """Reads a piece of HTML, of which every tag must be closed."""

    def __init__(self, html: str):
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert not self._open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        assert tag in _VOID
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_verdict_shows_band_score_and_people():
    page = Page(verdict("folder/clip.mp4", logits=[REAL, FAKE])._repr_html_())
    for words in ("Likely fake", "0.98", "clip.mp4", "Person 1", "Likely real", "Person 2"):
        assert words in page.text
    assert "folder" not in page.text
    assert page.tags.count("svg") == 3  # the scale, and a timeline for each


@pytest.mark.parametrize("status", ["no_face", "insufficient_evidence", *FAILURES])
def test_result_without_verdict_says_why(status):
    page = Page(verdict(status=status, message="this is why")._repr_html_())
    assert say(f"{status}_title") in page.text and "this is why" in page.text
    assert "0." not in page.text.partition("frames")[0] or status == "insufficient_evidence"


def test_names_and_warnings_do_nothing():
    evil = '<script>alert(1)</script>"onload="x'
    page = Page(verdict(f"{evil}.mp4", warnings=[evil])._repr_html_())
    assert set(page.tags) <= {"div", "span", "b", "svg", "title", "rect", "path"}
    names = {name for name, _ in page.attributes}
    assert not any(name.startswith("on") or name in ("href", "src") for name in names)
    assert "alert(1)" in page.text


def test_a_crowd_is_cut_short():
    page = Page(verdict(logits=[REAL] * 60)._repr_html_())
    assert page.text.count("Person") < 40 and "and 48 more" in page.text


def test_plain_text_is_short():
    assert repr(verdict(logits=[FAKE])) == "<Verdict on 'clip.mp4': likely_fake 0.982>"
    assert repr(verdict(status="no_face")) == "<Verdict on 'clip.mp4': no_face>"


def test_scanning_does_not_load_it():
    script = "import sys, pipeline.results.verdict; print([m for m in sys.modules if 'evidence' in m])"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_example_notebook_has_been_run_and_is_fit_to_publish():
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert len(text) < 300_000
    assert not re.search(r"/(home|root|work|tmp|Users)/|[A-Z]:\\\\", text)
    cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert not any(output["output_type"] == "error" or output.get("name") == "stderr" for output in outputs)
    shown = {kind for output in outputs for kind in output.get("data", {})}
    assert {"text/html", "image/jpeg"} <= shown
    assert f"name: {find_model().name}" in "".join("".join(output.get("text", [])) for output in outputs)


@pytest.mark.slow
def test_example_notebook_runs():
    import nbclient
    import nbformat

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    before = [[sorted(output.get("data", {})) for output in cell.get("outputs", [])] for cell in notebook.cells]
    nbclient.NotebookClient(notebook, timeout=240, resources={"metadata": {"path": str(NOTEBOOK.parent)}}).execute()
    after = [[sorted(output.get("data", {})) for output in cell.get("outputs", [])] for cell in notebook.cells]
    assert after == before
