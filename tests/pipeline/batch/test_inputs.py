from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from pipeline.batch.inputs import expand_inputs
from pipeline.batch.ledger import Ledger


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with media files, files that are none, hidden ones and sub-folders."""
    root = tmp_path / "clips"
    media = ("b.mp4", "a.MOV", "day 2/c.webm", "day 2/b.mp4", "day 2/deep/d.jpg")
    for name in (*media, "notes.txt", ".hidden.mp4"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    (root / "no media").mkdir()
    return root


def expand(*arguments: object, stdin: bytes = b"") -> list[tuple[str, str]]:
    ledger = Ledger(None)
    ledger.expect(expand_inputs([str(argument) for argument in arguments], io.BytesIO(stdin)))
    found = ledger.inputs()
    return [(str(item.path), item.relative.as_posix()) for item in found]


def test_file(tree):
    assert expand(tree / "b.mp4") == [(str(tree / "b.mp4"), "b.mp4")]


def test_file_of_any_name(tree):
    assert expand(tree / "notes.txt") == [(str(tree / "notes.txt"), "notes.txt")]


def test_folder(tree):
    names = [name for _, name in expand(tree)]
    assert names == ["a.MOV", "b.mp4", "day 2/b.mp4", "day 2/c.webm", "day 2/deep/d.jpg"]
    assert all(Path(path) == tree / name for path, name in expand(tree))


def test_current_folder(tree, monkeypatch):
    monkeypatch.chdir(tree / "day 2")
    assert expand(".") == [("b.mp4", "b.mp4"), ("c.webm", "c.webm"), ("deep/d.jpg", "deep/d.jpg")]


@pytest.mark.parametrize("argument", [".", "", ".."])
def test_folder_without_name_and_without_media(argument, tree, monkeypatch):
    (tree / "no media" / "inner").mkdir()
    monkeypatch.chdir(tree / "no media" / "inner")
    assert [name for _, name in expand(argument)] == ["input"]


def test_folder_without_media_is_given_itself(tree):
    assert expand(tree / "no media") == [(str(tree / "no media"), "no media")]


def test_missing_path_is_given_itself(tree):
    assert expand(tree / "gone.mp4") == [(str(tree / "gone.mp4"), "gone.mp4")]


def test_pattern(tree):
    assert [name for _, name in expand(tree / "*.mp4")] == ["b.mp4"]
    assert [name for _, name in expand(tree / "**" / "b.mp4")] == ["b.mp4", "day 2/b.mp4"]
    assert [name for _, name in expand(tree / "day?2")] == ["day 2/b.mp4", "day 2/c.webm", "day 2/deep/d.jpg"]


def test_pattern_that_matches_a_folder_without_media(tree):
    assert [name for _, name in expand(tree / "no*")] == ["no media", "notes.txt"]


def test_pattern_cannot_lead_out_of_the_output_folder(tree):
    (tree / "twin").mkdir()
    (tree.parent / "up.mp4").write_bytes(b"x")
    assert [name for _, name in expand(tree / "tw*" / ".." / ".." / "up.mp4")] == ["up.mp4"]


@pytest.fixture
def scanned(tree) -> Path:
    """A folder whose results were written beside its clips."""
    names = ("b.mp4.annotated.mp4", "d.jpg.annotated.jpg", "b.mp4.heatmaps/person-1_0.000s_0.97_face.png")
    for name in (*names, "day 2/c.webm.annotated.mp4", "day 2/c.webm.heatmaps/person-1_0.000s_0.97_face.png"):
        (tree / name).parent.mkdir(exist_ok=True)
        (tree / name).write_bytes(b"x")
    return tree


def test_what_a_scan_wrote_is_no_input(scanned):
    assert [name for _, name in expand(scanned)] == [
        "a.MOV",
        "b.mp4",
        "day 2/b.mp4",
        "day 2/c.webm",
        "day 2/deep/d.jpg",
    ]
    assert [name for _, name in expand(scanned / "b*")] == ["b.mp4"]
    assert [name for _, name in expand(scanned / "**" / "*.png")] == ["input"]


@pytest.mark.parametrize("name", ["b.mp4.annotated.mp4", "b.mp4.heatmaps/person-1_0.000s_0.97_face.png"])
def test_what_a_scan_wrote_is_taken_where_it_is_named(scanned, name):
    assert [path for path, _ in expand(scanned / name)] == [str(scanned / name)]
    assert len(expand((scanned / name).parent if "/" in name else scanned / name)) == 1


def test_pattern_without_match(tree):
    assert expand(tree / "*.avi") == [(str(tree / "*.avi"), "input")]


def test_file_named_like_a_pattern(tree):
    odd = tree / "[b].mp4"
    odd.write_bytes(b"x")
    assert expand(odd) == [(str(odd), "[b].mp4")]


def test_standard_input(tree):
    listing = f"{tree / 'b.mp4'}\r\n\n{tree / 'day 2'}\n{tree / '*.mp4'}".encode()
    names = [name for _, name in expand("-", stdin=listing)]
    assert names == ["b.mp4", "b.mp4", "c.webm", "deep/d.jpg", "*.mp4"]


@pytest.mark.skipif(os.name == "nt", reason="names of files are text there")
def test_names_that_are_no_utf8(tree):
    name = os.fsdecode(b"caf\xe9.mp4")
    (tree / name).write_bytes(b"x")
    assert (str(tree / name), name) in expand(tree)
    assert expand("-", stdin=os.fsencode(tree / name)) == [(str(tree / name), name)]


def test_a_file_that_is_named_twice_is_taken_once(tree):
    found = expand(tree / "b.mp4", tree / "day 2" / "b.mp4", tree / "day 2")
    assert found == [
        (str(tree / "b.mp4"), "b.mp4"),
        (str(tree / "day 2/b.mp4"), "b.mp4"),
        (str(tree / "day 2/c.webm"), "c.webm"),
        (str(tree / "day 2/deep/d.jpg"), "deep/d.jpg"),
    ]


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
def test_links(tree):
    (tree / "day 2" / "loop").symlink_to(tree)
    (tree / "day 2" / "elsewhere").symlink_to(tree / "day 2" / "deep")
    (tree / "broken.mp4").symlink_to(tree / "gone")
    (tree / "self").symlink_to(tree / "self")
    names = [name for _, name in expand(tree)]
    assert names == ["a.MOV", "b.mp4", "broken.mp4", "day 2/b.mp4", "day 2/c.webm", "day 2/deep/d.jpg"]


def test_locked_folder_is_given_itself(tree, monkeypatch):
    scandir = os.scandir

    def refuse(path):
        if Path(path).name == "deep":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert [name for _, name in expand(tree / "day 2")] == ["b.mp4", "c.webm", "deep"]


def test_is_lazy(tree):
    def arguments():
        yield str(tree / "b.mp4")
        raise AssertionError("asked for more than was needed")

    assert next(expand_inputs(arguments())).path == tree / "b.mp4"
