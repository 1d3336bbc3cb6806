"""The ways of docs/tasks/from are walked as they are written, on miniatures of the data sets that they begin with."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest

from classifiers.model_spec import find_model
from pipeline.cli import main
from tests.media_files import write_video
from tests.test_docs import ROOT, commands_of, named

sys.path.insert(0, str(ROOT / "scripts"))

from drawn_faces import face, write_faces

pytest.importorskip("av", reason="training needs the extra 'train'")

WAYS = ROOT / "docs" / "tasks" / "from"
QUICKER = re.compile(r"settings too:\s+`([^`]+)`")
"""What the page itself says to add to `train` in order to try it."""


def write_140k(folder: Path) -> None:
    rows = {}
    for place, split in enumerate(("train", "valid", "test")):
        rows[split] = [",original_path,id,label,label_str,path"]
        for label, name in enumerate(("fake", "real")):
            inside, numbers = f"{split}/{name}", range(10 * place, 10 * place + 4)
            write_faces(
                folder / "archive/real_vs_fake/real-vs-fake" / inside,
                fake=name == "fake",
                numbers=range(10 * place, 10 * place + 4),
            )
            rows[split] += [f"0,x,{n},{label},{name},{inside}/{n:04}.jpg" for n in numbers]
        (folder / "archive" / f"{split}.csv").write_text("\n".join(rows[split]) + "\n")


def write_generated(folder: Path) -> None:
    write_faces(folder / "pictures/real", fake=False, numbers=range(14))
    write_faces(folder / "pictures/fake/stable_diffusion", fake=True, numbers=range(7))


def write_deepfake_and_real(folder: Path) -> None:
    for place, split in enumerate(("Train", "Validation", "Test")):
        for name in ("Real", "Fake"):
            write_faces(
                folder / "Dataset" / split / name, fake=name == "Fake", numbers=range(10 * place, 10 * place + 4)
            )
    cv2.imwrite(str(folder / "face.jpg"), face(99, fake=False)[..., ::-1])


def write_dfdc(folder: Path) -> None:
    part = folder / "dfdc_train_part_0"
    part.mkdir()
    table = {}
    for number in range(5):
        for fake in (False, True):
            name = f"{'fake' if fake else 'real'}{number}.mp4"
            write_video(part / name, [face(number, fake=fake, side=320)] * 16, fps=8)
            original = {"original": f"real{number}.mp4"} if fake else {}
            table[name] = {"label": "FAKE" if fake else "REAL", "split": "train", **original}
    (part / "metadata.json").write_text(json.dumps(table))


def write_real_and_fake(folder: Path) -> None:
    for name in ("real", "fake"):
        write_faces(folder / "real_and_fake_face" / f"training_{name}", fake=name == "fake", numbers=range(12))


MINIATURES: dict[str, Callable[[Path], None]] = {
    "real-vs-fake-140k": write_140k,
    "ai-generated": write_generated,
    "deepfake-and-real-images": write_deepfake_and_real,
    "dfdc": write_dfdc,
    "real-and-fake-face-detection": write_real_and_fake,
}


NOTEBOOKS = ("deepfake-and-real-images", "real-and-fake-face-detection")
"""Ways whose readers live in notebooks; each has one beside its page."""


def way(page: Path) -> tuple[list[list[str]], list[str]]:
    """Give the commands of the way, and what to add to those that train."""
    text = page.read_text(encoding="utf-8")
    (block,) = re.findall(r"^## The way\n+```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    (quicker,) = QUICKER.findall(text)
    return list(commands_of(block)), shlex.split(quicker)


def test_every_way_has_a_miniature_and_is_short():
    pages = {page.stem: page for page in WAYS.glob("*.md") if page.stem != "index"}
    assert set(pages) == set(MINIATURES)
    for page in pages.values():
        steps, _ = way(page)
        assert 5 <= len(steps) <= 8 and steps[-1][0] == "scan", named(page)


@pytest.fixture
def home(request, tmp_path, monkeypatch) -> Path:
    """A folder with a miniature data set and a clip."""
    MINIATURES[request.param](tmp_path)
    shutil.copy(ROOT / "sample_videos" / "real.mp4", tmp_path / "clip.mp4")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize(("name", "home"), [(name, name) for name in MINIATURES], indirect=["home"], ids=MINIATURES)
def test_way_leads_from_the_folder_to_a_scanned_video(name, home):
    steps, quicker = way(WAYS / f"{name}.md")
    for step in steps:
        assert main([*step, *quicker] if step[0] == "train" else step) == 0, shlex.join(step)
    manifest = steps[-1][steps[-1].index("--model") + 1]
    result = json.loads((home / "results" / "clip.mp4.json").read_text())
    assert result["status"] == "ok" and result["score_kind"] == "calibrated"
    assert result["model"]["weights_sha256"] in {file.sha256 for file in find_model(manifest).files.values()}
    assert (home / "results" / "clip.mp4.html").is_file() and (home / manifest).with_name("report.html").is_file()


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook_has_been_run_and_is_fit_to_publish(name):
    text = (WAYS / f"{name}.ipynb").read_text(encoding="utf-8")
    assert len(text) < 300_000
    assert not re.search(r"/(home|root|work|tmp|Users)/", text)
    cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert not any(output["output_type"] == "error" or output.get("name") == "stderr" for output in outputs)
    # The last cell shows the verdict on a video.
    assert "clip.mp4" in "".join(cells[-1]["outputs"][-1]["data"]["text/html"])


@pytest.mark.slow
@pytest.mark.parametrize(("name", "home"), [*zip(NOTEBOOKS, NOTEBOOKS, strict=True)], indirect=["home"], ids=NOTEBOOKS)
def test_notebook_runs(name, home):
    import nbclient
    import nbformat

    notebook = nbformat.read(WAYS / f"{name}.ipynb", as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    before = [[kind for output in cell.outputs for kind in sorted(output.get("data", {}))] for cell in code]
    nbclient.NotebookClient(notebook, timeout=240, resources={"metadata": {"path": str(home)}}).execute()
    after = [[kind for output in cell.outputs for kind in sorted(output.get("data", {}))] for cell in code]
    assert after == before
