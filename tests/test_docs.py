"""What the README and the pages of the site name is there: files, commands, options, Python names and fields."""

from __future__ import annotations

import argparse
import ast
import contextlib
import importlib
import io
import itertools
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from classifiers import ENGINES
from classifiers.architectures import ARCHITECTURES
from classifiers.datasets import LAYOUTS
from classifiers.model_spec import FAST, shipped_models
from classifiers.training.config import TrainingConfig
from extractors import DETECTORS
from pipeline.cli import main
from pipeline.results.schema import schema

ROOT = Path(__file__).parent.parent
NOTEBOOK = ROOT / "docs" / "example.ipynb"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
TOP_FOLDERS = ("classifiers", "docs", "extractors", "pipeline", "sample_videos", "scripts", "tests")

_FENCE = re.compile(r"^( *)```(\w+)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


pages = pytest.mark.parametrize("page", PAGES, ids=named)


def blocks(page: Path, language: str) -> list[str]:
    """Give the code blocks of a page in one language."""
    return [body for _, found, body in _FENCE.findall(page.read_text(encoding="utf-8")) if found == language]


def programs(page: Path) -> list[str]:
    """Give the Python that a page shows, but for the lines that registries are given."""
    return [block for block in blocks(page, "python") if not block.lstrip().startswith('"')]


def spans(page: Path) -> list[str]:
    """Give what stands in backticks in the text of a page."""
    return _CODE.findall(_FENCE.sub("", page.read_text(encoding="utf-8")))


def commands(page: Path) -> Iterator[list[str]]:
    """Give the arguments of every `facewitness` that a page shows in a block, as a shell would."""
    return commands_of("".join(blocks(page, "sh")))


def commands_of(block: str) -> Iterator[list[str]]:
    """Give the arguments of every `facewitness` in lines of a shell."""
    for line in block.splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|")
        lexer.whitespace_split = True
        for is_pipe, words in itertools.groupby(lexer, lambda word: word == "|"):
            program, *arguments = words
            if not is_pipe and program == "facewitness":
                yield arguments


class Parsed(Exception):  # noqa: N818 - no error: it ends a command before it runs
    """Raised in place of running a command."""


@pytest.fixture
def parse(monkeypatch):
    """Give a function that parses a command line as the command does, and fails the test where it cannot."""
    parse_args = argparse.ArgumentParser.parse_args

    def stop(parser, arguments=None, namespace=None):
        raise Parsed(parse_args(parser, arguments, namespace))

    def parse(arguments: list[str]) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(argparse.ArgumentParser, "parse_args", stop)
            try:
                main(arguments)
            except Parsed:
                return
            except SystemExit as end:
                assert end.code == 0, f"facewitness {shlex.join(arguments)} is not understood"

    return parse


@pytest.fixture(scope="module")
def help_texts() -> dict[str, str]:
    """Give the help of every command by its name, and that of the program by ""."""
    texts = {"": help_of()}
    # A name, and another by which it goes, if any, in brackets.
    names = re.findall(r"^    (\w[\w-]*)(?: \((\w+)\))?", texts[""], re.MULTILINE)
    texts |= {name: help_of(name) for name in itertools.chain(*names) if name}
    actions = re.findall(r"^    (\w[\w-]*)", texts["models"], re.MULTILINE)
    return texts | {"models": "".join([texts["models"], *(help_of("models", action) for action in actions)])}


def help_of(*command: str) -> str:
    """Give what a command prints with --help."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), pytest.raises(SystemExit):
        main([*command, "--help"])
    return printed.getvalue()


@pages
def test_links_lead_somewhere(page):
    for target in _LINK.findall(_FENCE.sub("", page.read_text(encoding="utf-8"))):
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        found = page if not file else page.parent / file
        assert found.exists(), f"{target} leads nowhere"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", found.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-") for h in headings}, target


@pages
def test_files_that_are_named_exist(page):
    text = page.read_text(encoding="utf-8")
    included = re.findall(r'^--8<-- "(.+)"$', text, re.MULTILINE)
    assert len(included) == len(re.findall(r"^-+8 *<", text, re.MULTILINE)), "a file is not included but quoted"
    shown = re.findall(r"(?:scripts|tests|classifiers|extractors|pipeline|docs)/[\w./-]+", "".join(blocks(page, "sh")))
    words = [word for span in spans(page) for word in span.split()]
    paths = [word for word in words if "/" in word and word.partition("/")[0] in TOP_FOLDERS]
    for path in (*included, *shown, *paths):
        assert any(ROOT.glob(path.rstrip("/,"))), f"{path} does not exist"


def test_files_that_the_notebook_names_exist():
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    text = "".join(line for cell in cells if cell["cell_type"] == "markdown" for line in cell["source"])
    paths = [span for span in _CODE.findall(text) if span.partition("/")[0] in TOP_FOLDERS]
    assert paths and all((ROOT / path).exists() for path in paths), paths


@pages
def test_commands_are_understood(page, parse):
    for arguments in commands(page):
        parse(arguments)


@pages
def test_options_in_the_text_exist(page, help_texts):
    everything = "".join(help_texts.values())
    for span in spans(page):
        words = span.split()
        if words[0] == "facewitness" and len(words) > 1 and not words[1].startswith("-"):
            assert words[1] in help_texts, f"there is no command {span}"
            known = help_texts[words[1]]
        elif words[0].startswith("--"):
            known = everything
        else:
            continue
        for option in re.findall(r"(?<!\S)--?[a-z][\w-]*", span):
            assert re.search(rf"(?<![\w-]){option}(?![\w-])", known), f"no {option} as in {span}"


@pages
def test_make_targets_and_extras_exist(page):
    text = page.read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    extras = re.findall(r"^(\w+) =$", (ROOT / "setup.cfg").read_text(encoding="utf-8"), re.MULTILINE)
    for target in re.findall(r"(?:^|`)make (?:PYTHON=\S+ )?([a-z-]+)", text, re.MULTILINE):
        assert target in targets
    for extra in re.findall(r"pip install '\.\[(\w+)\]'", text):
        assert extra in extras


@pages
def test_python_is_whole_and_imports_what_is_there(page):
    for block in programs(page):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] in TOP_FOLDERS:
                module = importlib.import_module(node.module)
                for name in node.names:
                    assert hasattr(module, name.name), f"{node.module} has no {name.name}"


@pytest.mark.slow
@pages
def test_python_runs(page, tmp_path, monkeypatch):
    """Each block as if it were a program of its own, beside the sample videos and a stored result of one."""
    (tmp_path / "sample_videos").symlink_to(ROOT / "sample_videos")
    monkeypatch.chdir(tmp_path)
    for block in programs(page):
        if "results/" in block:
            assert main(["scan", "sample_videos/two_people.mp4", "-o", "results"]) == 0
        exec(compile(block, named(page), "exec"), {"__name__": "__main__"})


@pages
def test_settings_are_those_of_a_training(page):
    for block in blocks(page, "yaml"):
        TrainingConfig(**yaml.safe_load(block))


@pytest.mark.parametrize(
    ("page", "registry"),
    [
        ("scan.md", DETECTORS),
        ("scan.md", ENGINES),
        ("tasks/train.md", ARCHITECTURES),
        ("tasks/explore.md", LAYOUTS),
        ("models/index.md", shipped_models()),
        ("limits.md", shipped_models()),
    ],
)
def test_choices_are_all_named(page, registry):
    missing = set(registry) - {span.strip("`") for span in spans(ROOT / "docs" / page)}
    assert not missing


def test_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= 1200


def test_every_field_of_a_result_is_explained():
    def fields(part: object) -> Iterator[str]:
        if isinstance(part, dict):
            yield from part.get("properties", {}) if isinstance(part.get("properties"), dict) else ()
            for inner in part.values():
                yield from fields(inner)

    explained = set(re.findall(r"\w+", " ".join(spans(ROOT / "docs" / "results.md"))))
    assert len(set(fields(schema()))) > 50
    assert not set(fields(schema())) - explained


def test_result_that_is_shown_is_a_real_one():
    import jsonschema

    (shown,) = blocks(ROOT / "docs" / "results.md", "json")
    jsonschema.validate(json.loads(shown), schema())


def test_every_model_has_a_card_and_the_fast_one_is_called_so():
    assert all((ROOT / "classifiers" / "weights" / model.card).is_file() for model in shipped_models().values())
    assert f"`--model fast`, which is `{FAST}`" in (ROOT / "docs" / "models" / "index.md").read_text(encoding="utf-8")


def test_citation_names_this_version():
    from pipeline import __version__

    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0" and citation["version"] == __version__
    assert {"message", "title", "authors"} <= citation.keys()
