"""Names of results: they follow from the input, whatever comes before, after and beside it, and every input has one."""

from __future__ import annotations

import csv
import io
import itertools
import json
import os
import resource
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import pytest

from classifiers.csv_cells import FORMULA_STARTS, guarded, unguarded
from pipeline.batch.inputs import expand_inputs
from pipeline.batch.output import Output
from pipeline.cli import main
from pipeline.media import MediaError, probe
from pipeline.results.input import Input
from pipeline.results.summary import Summary
from pipeline.results.table import table
from tests.evidence import verdict
from tests.media_files import number_frames, write_video

LONGEST_COMPANION = ".annotated.mp4"
NFC, NFD = (unicodedata.normalize(form, "é.mp4") for form in ("NFC", "NFD"))


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with files of equal names in several folders."""
    for name in (*(f"{place}/clip.mp4" for place in ("a", "a/deep", "b", "b/deep", "c", ".")), "c/CLIP.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(arguments: Sequence[str], out: Path, result_format: str = "json") -> tuple[list[str], dict[str, str]]:
    """Go through inputs as a scan does: what has no result gets one.

    Returns:
        The paths that had none, and the name of the result of each.
    """
    listed = io.BytesIO("\n".join(arguments[1:]).encode()) if arguments[0] == "-" else None
    new = []
    with Output(out, result_format) as output:
        output.expect(expand_inputs(arguments[:1] if listed else arguments, listed))
        inputs = list(output.ledger.inputs())
        for source in inputs:
            if not output.stored(source):
                new.append(str(source.path))
                output.write(source, verdict(source.path), None, "")
        return new, {str(source.path): output.path(source).relative_to(out).as_posix() for source in inputs}


def rows(file: Path) -> list[list[str]]:
    with file.open(newline="", encoding="utf-8") as table:
        return list(csv.reader(table))[1:]


@pytest.mark.parametrize(
    ("first", "then", "new"),
    [
        (["a/clip.mp4", "b/clip.mp4"], ["b/clip.mp4", "a/clip.mp4"], []),
        (["a/clip.mp4", "b/clip.mp4", "c/clip.mp4"], ["c/clip.mp4"], []),
        (["b/clip.mp4"], ["a/clip.mp4", "b/clip.mp4"], ["a/clip.mp4"]),
        (["a/clip.mp4", "b/clip.mp4"], ["c/clip.mp4", "b/clip.mp4", "clip.mp4"], ["c/clip.mp4", "clip.mp4"]),
        (["a", "b"], ["b", "a"], []),
        (["a", "b"], ["b"], []),
        (["a"], ["b", "a"], ["b/clip.mp4", "b/deep/clip.mp4"]),
        (["a"], ["a/deep/clip.mp4"], []),
        (["a"], ["a/deep"], []),
        (["a/deep"], ["a"], ["a/clip.mp4"]),
        (["a/deep/clip.mp4"], ["a"], ["a/clip.mp4"]),
        (["a", "a/deep/clip.mp4"], ["a/deep/clip.mp4", "a"], []),
        (["."], ["a", "b/deep/clip.mp4"], []),
        (["-", "a/clip.mp4", "b/clip.mp4"], ["-", "b/clip.mp4", "a/clip.mp4"], []),
        (["*/clip.mp4"], ["b/clip.mp4", "a/*.mp4"], []),
        (["./a/clip.mp4", "b//clip.mp4"], ["b/clip.mp4", "a/clip.mp4"], []),
        (["c"], ["c/clip.mp4", "c/CLIP.mp4"], []),
    ],
    ids=[
        "other-order", "a-part", "with-another", "with-others", "folders-in-other-order", "one-of-the-folders",
        "with-another-folder", "file-of-a-folder", "sub-folder", "folder-of-a-sub-folder", "folder-of-a-file",
        "folder-and-its-file", "parts-of-the-working-folder", "list", "pattern", "other-spelling", "upper-case",
    ],
)  # fmt: skip
def test_whoever_comes_again_meets_its_own_results(tree, first, then, new):
    out = tree / "out"
    names = run(first, out)[1]
    again, named = run(then, out)
    assert again == new
    assert all(named[path] == name for path, name in names.items() if path in named)
    names |= named
    assert len({name.casefold() for name in names.values()}) == len(names)
    assert all(json.loads((out / name).read_text())["input"]["path"] == path for path, name in names.items())
    assert sorted(row[0] for row in rows(out / "results.csv")) == sorted(names)


@pytest.mark.parametrize("places", [["a", "b"], ["a", "b", "c"], ["a/deep", "b/deep"]])
def test_names_do_not_depend_on_the_order(tree, places):
    orders = itertools.permutations([f"{place}/clip.mp4" for place in places])
    named = [run(order, tree / f"out{number}")[1] for number, order in enumerate(orders)]
    assert all(names == named[0] for names in named)
    assert all(name.startswith("clip-") and name.endswith(".mp4.json") for name in named[0].values())


def test_absolute_and_relative_paths_of_one_file_meet(tree):
    assert run(["a/clip.mp4"], tree / "out") == (["a/clip.mp4"], {"a/clip.mp4": "clip.mp4.json"})
    assert run([str(tree / "a/clip.mp4")], tree / "out")[0] == []


def test_names_that_some_file_systems_take_for_one(tree):
    for name in (NFC, NFD, NFC.upper()):
        (tree / name).write_bytes(b"x")
    names = run([NFC, NFD, NFC.upper()], tree / "out")[1].values()
    assert len({unicodedata.normalize("NFC", name).casefold() for name in names}) == 3


def test_a_single_file_and_the_files_of_a_folder_are_named_plainly(tree):
    assert run(["a/clip.mp4"], tree / "one")[1] == {"a/clip.mp4": "clip.mp4.json"}
    assert set(run(["a"], tree / "folder")[1].values()) == {"clip.mp4.json", "deep/clip.mp4.json"}


@pytest.mark.parametrize("result_format", ["json", "csv", "jsonl"])
def test_lists_tell_files_of_one_name_apart(tree, result_format):
    run(["a/clip.mp4", "b/clip.mp4", "c/CLIP.mp4"], tree / "out", result_format)
    assert [row[0] for row in rows(tree / "out/results.csv")] == ["a/clip.mp4", "b/clip.mp4", "c/CLIP.mp4"]
    if result_format == "csv":
        assert [row[0] for row in rows(tree / "out/labels.csv")] == ["a/clip.mp4", "b/clip.mp4", "CLIP.mp4"]


LONG = {
    "230 bytes": "x" * 226 + ".mp4",
    "231 bytes": "x" * 227 + ".mp4",
    "244 bytes": "x" * 240 + ".mp4",
    "251 bytes": "x" * 247 + ".mp4",
    "255 bytes": "x" * 251 + ".mp4",
    "two bytes a letter": "ä" * 125 + ".mp4",
    "three bytes a letter": "漢" * 83 + ".mp4",
    "four bytes a letter": "😀" * 62 + ".mp4",
    "no text": os.fsdecode(b"\xff" * 251 + b".mp4"),
    "no ending": "x" * 255,
    "long ending": "x." + "y" * 250,
    "many dots": "." + "x.y." * 60 + "mp4",
}


@pytest.mark.parametrize("name", LONG.values(), ids=LONG)
@pytest.mark.parametrize("place", ["", "deep"])
def test_long_names(tmp_path, name, place):
    relative = Path(place, name)
    inputs = [Input("in" / relative, relative), Input("elsewhere" / relative, relative)]
    with Output(tmp_path) as output:
        output.expect(inputs)
        for source in inputs:
            output.write(source, verdict(source.path), None, "")
        names = {source: output.path(source) for source in inputs}
    assert len(set(names.values())) == 2
    for source, file in names.items():
        assert file.is_file() and file.parent == tmp_path / place
        assert len(os.fsencode(file.name.removesuffix(".json") + LONGEST_COMPANION)) <= 255
        assert os.fsencode(file.name)[:50] == os.fsencode(name)[:50] or name == LONG["no text"]
        with Output(tmp_path) as output:
            assert output.stored(source) is not None


def test_long_names_that_differ_at_their_end(tmp_path):
    names = ["x" * 240 + f"{number}.mp4" for number in range(3)]
    with Output(tmp_path) as output:
        files = {output.path(Input(Path("in", name), Path(name))) for name in names}
    assert len(files) == 3


def test_a_long_name_with_all_that_is_written_beside_its_result(tmp_path, capsys):
    clip = tmp_path / ("ä" * 125 + ".mp4")
    write_video(tmp_path / "clip.mp4", number_frames(3)).rename(clip)
    out = tmp_path / "out"
    assert main(["scan", str(clip), "-o", str(out), "--frames", "2", "--report", "--annotate", "--heatmaps"]) == 0
    output, errors = capsys.readouterr()
    assert "no_face" in output and not errors
    suffixes = {path.name.rpartition(".mp4.")[2] for path in out.glob("ä*")}
    # The end of the annotated copy is taken for that of the clip.
    assert suffixes >= {"json", "html"} and len(list(out.glob("*.annotated.mp4"))) == 1


def test_what_cannot_be_written_costs_no_other(tmp_path, capsys):
    """A folder is in the place of one result, and a file in the place of the folder of another."""
    source, out = tmp_path / "in", tmp_path / "out"
    (source / "sub").mkdir(parents=True)
    for name in ("clip.mp4", "sub/clip.mp4", "other.mp4"):
        (source / name).write_bytes(b"no video")
    (out / "clip.mp4.json" / "something").mkdir(parents=True)
    (out / "sub").write_text("")
    assert main(["scan", str(source), "-o", str(out)]) == 1
    table = capsys.readouterr().out.splitlines()
    assert len([line for line in table if "its result was lost: cannot write" in line]) == 2
    assert len([line for line in table if "undecodable" in line]) == 1
    assert sorted(row[1] for row in rows(out / "results.csv")) == ["error", "error", "undecodable"]


def test_a_folder_that_takes_nothing_ends_the_batch_with_a_table(tmp_path, capsys):
    """A limit on the size of files stands for a disk that is full."""
    inputs = [tmp_path / f"{number}.mp4" for number in range(20)]
    for path in inputs:
        path.write_bytes(b"no video")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, before[1]))
    try:
        assert main(["scan", *map(str, inputs), "-o", str(tmp_path / "out")]) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    output, errors = capsys.readouterr()
    assert "cannot write" in errors and "bug" not in errors
    assert output.count("undecodable") < 20


FORMULAS = [f"{start}cmd|'!A1.mp4" for start in FORMULA_STARTS]


@pytest.mark.parametrize("name", FORMULAS, ids=ascii)
def test_no_name_of_a_file_is_a_formula_in_a_list(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(b"x")
    out = tmp_path / "out"
    for _ in range(2):
        run([f"./{name}"], out, "csv")
        for file in ("results.csv", "labels.csv"):
            (row,) = rows(out / file)
            assert not row[0].startswith(FORMULA_STARTS)
            assert Path(row[0]) == Path(name), "it is still the path of the file"


@pytest.mark.parametrize("text", [*FORMULAS, "'=x", "''=x", "plain", "'quoted'", "", "a=b", "71.5,80.0"], ids=ascii)
def test_texts_of_others_come_back_from_a_table_as_they_were(text):
    assert not guarded(text).startswith(FORMULA_STARTS)
    assert unguarded(guarded(text)) == text
    assert (guarded(text) == text) is not text.lstrip("'").startswith(FORMULA_STARTS)


@pytest.mark.parametrize(("name", "shown"), [
    ("a\x1b[2Jb.mp4", r"a\x1b[2Jb.mp4"), ("a\nb.mp4", r"a\nb.mp4"), ("a\u202eb.mp4", r"a\u202eb.mp4"),
    ("bell\x07.mp4", r"bell\x07.mp4"), (os.fsdecode(b"caf\xe9.mp4"), r"caf\xe9.mp4"),
])  # fmt: skip
def test_what_would_steer_a_terminal_is_shown_escaped(name, shown):
    assert table([Summary.of(verdict(Path(name)))]).splitlines()[2].startswith(f"{shown} ")


ADDRESSES = [
    "https://example.org/clip.mp4", "rtsp://10.0.0.1/stream", "smb://10.0.0.1/a/b.mp4", "ftp://10.0.0.1/watch?v=1&x=[2]*",
    "s3://bucket/a/b.mp4", "gs://bucket/a*[b].mp4",
]  # fmt: skip


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("by", ["argument", "list"])
def test_addresses_are_told_as_they_were_given_and_nothing_is_fetched_that_is_no_scan_of_them(
    tmp_path, capsys, address, by, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    listed = io.BytesIO(address.encode())
    (source,) = expand_inputs([address] if by == "argument" else ["-"], listed)
    assert (source.address == address) is address.startswith(("https:", "s3:", "gs:"))
    with pytest.raises(MediaError, match="is an address, from which nothing is fetched") as failure:
        probe(source.path)
    assert f"'{address}'" in str(failure.value)
    with Output(tmp_path / "out") as output:
        output.expect([source])
        output.write(source, verdict(source.path, "error"), None, "")
    assert rows(tmp_path / "out/results.csv")[0][0] == address
