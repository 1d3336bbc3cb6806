"""The plan of the house: imports go one way, no file is long, and each thing is where its name says."""

from __future__ import annotations

import ast
import re
import tokenize
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("extractors", "classifiers", "pipeline")

DOTTED = re.compile(r"`((?:pipeline|extractors|classifiers)(?:\.\w+)+)")
"""A name of ours in a docstring or a comment."""

SILENCED = re.compile(r"# *(?:noqa|type: *ignore)(.*)")
REASONED = re.compile(r"(?:: *[A-Z]+\d+ +-|\[[\w-]+\] +#) +\w+")

FLOORS = (
    {"version"},
    {"media"},
    {"results"},
    {"analysis"},
    {"batch", "evidence"},
    {"workbench", "live", "server"},
    {"__init__"},
    {"cli"},
)
"""Rooms of `pipeline` from the ground up; a room imports from those below it."""


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def files(*packages: str) -> Iterator[Path]:
    for package in packages:
        yield from sorted((ROOT / package).rglob("*.py"))


MODULES = {module_of(path): path for path in files(*PACKAGES)}


def imported(path: Path) -> set[str]:
    """Modules of the house that a file imports, also inside of functions and for type checkers alone."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            # What is imported from a package may be a module of it.
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in MODULES or f"{name}.__init__" in MODULES else node.module for name in names]
        found |= {name if name in MODULES else f"{name}.__init__" for name in names}
    return found & set(MODULES) - {module_of(path)}


IMPORTS = {name: imported(path) for name, path in MODULES.items()}


def room(module: str) -> str:
    """The folder of a module right below its package; a file there is a room of its own."""
    return ".".join(module.split(".")[:2])


def test_no_file_imports_itself_in_a_circle():
    # A package that hands on names from its modules lazily is the door of its room, not a part of it.
    doors = {name for name in IMPORTS if name.endswith(".__init__")}
    graph = {name: (targets - doors if name not in doors else targets) for name, targets in IMPORTS.items()}
    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"circle of imports: {' <- '.join(error.args[1])}")


@pytest.mark.parametrize("package", PACKAGES)
def test_no_room_imports_itself_in_a_circle(package):
    graph: dict[str, set[str]] = {}
    for name, targets in IMPORTS.items():
        if name.startswith(f"{package}.") and name != f"{package}.__init__":
            others = {room(target) for target in targets if target.startswith(f"{package}.")}
            graph.setdefault(room(name), set()).update(others - {room(name), f"{package}.__init__"})
    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"circle of rooms: {' <- '.join(error.args[1])}")


def test_arrows_point_down():
    floor = {name: number for number, names in enumerate(FLOORS) for name in names}
    for name, targets in IMPORTS.items():
        if name.startswith("pipeline."):
            mine = name.split(".")[1]
            for target in targets:
                if target.startswith("pipeline.") and target.split(".")[1] != mine:
                    assert floor[target.split(".")[1]] < floor[mine], f"{name} imports {target}"
        else:
            package = name.split(".")[0]
            assert all(target.split(".")[0] == package for target in targets), f"{name} imports {targets}"


@pytest.mark.parametrize("path", list(files(*PACKAGES)), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_is_long(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def test_arguments_are_parsed_in_the_command_line_alone():
    parsers = [name for name, path in MODULES.items() if "argparse" in path.read_text(encoding="utf-8")]
    assert all(name.startswith("pipeline.cli.") for name in parsers), parsers


def test_the_json_of_a_result_is_spelled_out_in_one_place():
    readers = [name for name, path in MODULES.items() if "result" + '["' in path.read_text(encoding="utf-8")]
    assert set(readers) <= {"pipeline.results.verdict"}


def test_only_the_command_line_prints():
    for name, path in MODULES.items():
        if not name.startswith("pipeline.cli."):
            calls = [
                node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)
            ]
            assert not [c for c in calls if isinstance(c.func, ast.Name) and c.func.id == "print"], name


def resolves(dotted: str) -> bool:
    """Tell whether a dotted name is a module, or leads from one to something that it holds."""
    parts = dotted.split(".")
    known = [
        n for n in range(1, len(parts) + 1) if {f"{'.'.join(parts[:n])}{end}" for end in ("", ".__init__")} & {*MODULES}
    ]
    found = import_module(".".join(parts[: known[-1]]))
    for name in parts[known[-1] :]:
        # A field of a dataclass without a default is no attribute of its class.
        if not hasattr(found, name) and name not in getattr(found, "__dataclass_fields__", {}):
            return False
        found = getattr(found, name, None)
    return True


def test_what_prose_names_is_there():
    lost = {
        (str(path.relative_to(ROOT)), name)
        for path in files(*PACKAGES, "scripts", "tests")
        for name in DOTTED.findall(path.read_text(encoding="utf-8"))
        if not name.endswith(".py") and not resolves(name)
    }
    assert not lost


@pytest.mark.parametrize("name", ["pipeline.media.probe.nothing", "pipeline.nothing", "extractors.face.Face.nothing"])
def test_a_name_that_is_not_there_is_noticed(name):
    assert not resolves(name)


@pytest.mark.parametrize("package", [*PACKAGES, "scripts", "tests"])
def test_whoever_silences_a_checker_says_why(package):
    for path in files(package):
        with tokenize.open(path) as file:
            comments = [
                each.string for each in tokenize.generate_tokens(file.readline) if each.type == tokenize.COMMENT
            ]
        silenced = [found[1] for comment in comments if (found := SILENCED.search(comment))]
        assert all(REASONED.match(rest) for rest in silenced), f"{path}: {silenced}"
