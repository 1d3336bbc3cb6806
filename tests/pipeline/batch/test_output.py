"""Results as files, lists and a table."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from pipeline.batch.ledger import LEDGER
from pipeline.batch.output import FORMATS, Output
from pipeline.results.coverage import Coverage
from pipeline.results.input import Input
from pipeline.results.lists import CSV_COLUMNS
from pipeline.results.summary import Summary
from pipeline.results.table import table
from pipeline.results.verdict import Verdict
from pipeline.results.writers import WriteError, json_line
from tests.evidence import verdict

FAKE = ((4.0, -20.0),) * 20
REAL = ((-2.0, -20.0),) * 20
AWKWARD = 'two\nlines, a comma and a "quote".mp4'


def laid_out(results: list[Verdict]) -> str:
    return table(map(Summary.of, results))


def source(path: str, relative: str | None = None) -> Input:
    return Input(Path(path), Path(relative or Path(path).name))


def result(path: str, status: str = "ok", **details: object) -> Verdict:
    return verdict(Path(path), status, **details)


def stored(folder: Path, result_format: str, path: str) -> dict | None:
    with Output(folder, result_format) as output:
        found = output.stored(source(path))
    return found and found.to_json()


def write_all(folder: Path, result_format: str, results: dict[str, Verdict]) -> None:
    with Output(folder, result_format) as output:
        output.expect(map(source, results))
        for path, each in results.items():
            output.write(source(path), each, None, "")


def read_csv(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def read_jsonl(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]


def files_in(folder: Path) -> set[str]:
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return files - {"ledger.sqlite"}


@pytest.fixture
def results() -> dict[str, Verdict]:
    return {
        "a.mp4": result("a.mp4", logits=[FAKE], coverage=Coverage(20.0, 0.5, 0.75, ((0.0, 10.0),))),
        "b.jpg": result("b.jpg", "no_face"),
        AWKWARD: result(AWKWARD, logits=[REAL]),
    }


@pytest.mark.parametrize("result_format", ["json", "csv"])
def test_one_json_file_for_each_input(tmp_path, results, result_format):
    write_all(tmp_path, result_format, results)
    for path, each in results.items():
        assert json.loads((tmp_path / f"{path}.json").read_text()) == each.to_json()


def test_files_of_each_format(tmp_path, results):
    documents = {f"{path}.json" for path in results}
    expected = {
        "json": documents | {"results.csv"},
        "csv": documents | {"results.csv", "labels.csv"},
        "jsonl": {"results.jsonl", "results.csv"},
        "parquet": documents | {"results.csv", "results.parquet"},
    }
    for result_format in FORMATS:
        write_all(tmp_path / result_format, result_format, results)
        assert files_in(tmp_path / result_format) == expected[result_format]


def test_json_lines_in_order(tmp_path, results):
    write_all(tmp_path, "jsonl", results)
    assert read_jsonl(tmp_path) == [each.to_json() for each in results.values()]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp1252"])
def test_list_of_a_version_without_a_ledger_keeps_its_rows(tmp_path, results, encoding):
    """Also as a spreadsheet may have stored it."""
    write_all(tmp_path, "json", results)
    (tmp_path / LEDGER).unlink()
    rows = (tmp_path / "results.csv").read_text(encoding="utf-8").replace("a.mp4", "\u00e4.mp4")
    (tmp_path / "results.csv").write_text(rows, encoding=encoding)
    write_all(tmp_path, "json", {"new.mp4": result("new.mp4")})
    header, first, *others = read_csv(tmp_path / "results.csv")
    assert header == list(CSV_COLUMNS)
    assert first[0] == ("\u00e4.mp4" if encoding == "utf-8-sig" else "\\xe4.mp4")
    assert [row[0] for row in others] == ["b.jpg", AWKWARD, "new.mp4"]


def test_list_of_four_columns_keeps_its_rows(tmp_path):
    (tmp_path / "results.csv").write_text("filename,status,verdict,score\r\nold.mp4,ok,likely_fake,0.9000\r\n")
    write_all(tmp_path, "json", {"new.mp4": result("new.mp4")})
    header, *rows = read_csv(tmp_path / "results.csv")
    assert header == list(CSV_COLUMNS)
    assert [row[0] for row in rows] == ["old.mp4", "new.mp4"]
    assert rows[0] == ["old.mp4", "ok", "likely_fake", "0.9000", "", ""]


@pytest.mark.parametrize("order", [1, -1])
def test_lists_have_the_order_of_the_inputs_in_whatever_order_results_come(tmp_path, results, order):
    with Output(tmp_path) as output:
        output.expect(map(source, results))
        for path, each in list(results.items())[::order]:
            output.write(source(path), each, None, "")
    assert [row[0] for row in read_csv(tmp_path / "results.csv")[1:]] == list(results)


def test_what_cannot_be_taken_over_is_not_forgotten(tmp_path, results):
    """The ledger is made before, and must not be taken for one that knows all."""
    write_all(tmp_path, "json", results)
    (tmp_path / LEDGER).unlink()
    listing = tmp_path / "results.csv"
    before = listing.read_text(encoding="utf-8")
    listing.write_text(before.replace("0.9820", "much"), encoding="utf-8")
    for _ in range(2):
        with pytest.raises(WriteError, match="cannot read the earlier"):
            write_all(tmp_path, "json", {"new.mp4": result("new.mp4")})
    listing.write_text(before, encoding="utf-8")
    write_all(tmp_path, "json", {"new.mp4": result("new.mp4")})
    assert [row[0] for row in read_csv(listing)[1:]] == [*results, "new.mp4"]


def test_lines_of_an_earlier_version_outlive_runs_in_another_format(tmp_path, results):
    write_all(tmp_path, "jsonl", results)
    (tmp_path / LEDGER).unlink()
    write_all(tmp_path, "json", {"b.mp4": result("b.mp4")})
    write_all(tmp_path, "jsonl", {"c.mp4": result("c.mp4")})
    assert {each["input"]["path"] for each in read_jsonl(tmp_path)} == {*results, "c.mp4"}


def test_columns_of_parquet(tmp_path, results):
    parquet = pytest.importorskip("pyarrow.parquet")
    write_all(tmp_path, "parquet", results)
    rows = parquet.read_table(tmp_path / "results.parquet").to_pylist()
    assert [row["path"] for row in rows] == list(results)
    assert rows[0]["label"] == "likely_fake" and rows[0]["score"] == pytest.approx(0.982, abs=1e-4)
    assert rows[1]["label"] is None and rows[1]["score"] is None and rows[1]["status"] == "no_face"
    assert set(rows[0]) == {each.name for each in fields(Summary)}


@pytest.mark.parametrize("result_format", FORMATS)
def test_list_of_all_results(tmp_path, results, result_format):
    write_all(tmp_path, result_format, results)
    assert read_csv(tmp_path / "results.csv") == [
        ["filename", "status", "verdict", "score", "seen", "with_face"],
        ["a.mp4", "ok", "likely_fake", "0.9820", "0.5000", "0.7500"],
        ["b.jpg", "no_face", "", "", "", ""],
        [AWKWARD, "ok", "likely_real", "0.1192", "", ""],
    ]


def test_labels_for_the_challenge_are_a_half_only_where_there_is_no_verdict(tmp_path):
    half = result("half.mp4", logits=[((0.0, -20.0),) * 20])
    unknown = {f"{status}.mp4": result(f"{status}.mp4", status) for status in ("no_face", "undecodable", "error")}
    write_all(tmp_path, "csv", {"sub/a.mp4": result("sub/a.mp4", logits=[FAKE]), "half.mp4": half} | unknown)
    assert read_csv(tmp_path / "labels.csv") == [
        ["filename", "label"],
        ["a.mp4", "0.9820"],
        ["half.mp4", "0.5000"],
        ["no_face.mp4", "0.5"],
        ["undecodable.mp4", "0.5"],
        ["error.mp4", "0.5"],
    ]


def test_sub_folders_are_mirrored(tmp_path):
    with Output(tmp_path) as output:
        for day in ("day 1", "day 2"):
            clip = f"/media/{day}/a.mp4"
            output.write(source(clip, f"{day}/a.mp4"), result(clip), None, "")
    assert files_in(tmp_path) == {"day 1/a.mp4.json", "day 2/a.mp4.json", "results.csv"}
    assert json.loads((tmp_path / "day 2/a.mp4.json").read_text())["input"]["path"] == "/media/day 2/a.mp4"


@pytest.mark.parametrize("result_format", FORMATS)
def test_result_is_on_disk_before_the_next_one_is_made(tmp_path, result_format):
    """The process ends before it closes anything, as if it had been killed."""
    script = (
        "import os, sys; from pathlib import Path\n"
        "from tests.pipeline.batch.test_output import Output, result, source\n"
        "output = Output(Path(sys.argv[1]), sys.argv[2]); output.expect([source('a.mp4')])\n"
        "output.write(source('a.mp4'), result('a.mp4'), None, ''); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", script, tmp_path, result_format], check=True)
    assert stored(tmp_path, result_format, "a.mp4") == result("a.mp4").to_json()


@pytest.mark.parametrize("result_format", FORMATS)
def test_later_run_finds_and_keeps_the_results_of_an_earlier_one(tmp_path, results, result_format):
    write_all(tmp_path, result_format, results)
    write_all(tmp_path, result_format, {"new.mp4": result("new.mp4")})
    assert len(read_csv(tmp_path / "results.csv")) == 1 + len(results) + 1
    for path, each in results.items():
        assert stored(tmp_path, result_format, path) == each.to_json()
    assert stored(tmp_path, result_format, "new.mp4") == result("new.mp4").to_json()


@pytest.mark.parametrize("result_format", FORMATS)
def test_results_of_the_first_schema_are_found_and_stay_as_they_are(tmp_path, results, result_format):
    write_all(tmp_path, result_format, results)
    (tmp_path / LEDGER).unlink()
    name = "results.jsonl" if result_format == "jsonl" else "a.mp4.json"
    old = (tmp_path / name).read_text().replace("facewitness/verdict/2", "facewitness/verdict/1")
    (tmp_path / name).write_text(old)
    with Output(tmp_path, result_format) as output:
        output.keep(source("a.mp4"), output.stored(source("a.mp4")), None, "")
    assert (tmp_path / name).read_text() == old


@pytest.mark.parametrize("result_format", FORMATS)
def test_new_result_takes_the_place_of_the_old_one(tmp_path, result_format):
    write_all(tmp_path, result_format, {"a.mp4": result("a.mp4", "timeout"), "b.mp4": result("b.mp4")})
    write_all(tmp_path, result_format, {"a.mp4": result("a.mp4", logits=[FAKE])})
    assert stored(tmp_path, result_format, "a.mp4")["status"] == "ok"
    assert stored(tmp_path, result_format, "b.mp4") == result("b.mp4").to_json(), "what was not scanned again is kept"
    if result_format == "jsonl":
        assert len(read_jsonl(tmp_path)) == 2


@pytest.mark.parametrize("left", [0.1, 0.5, 0.999])
def test_line_of_an_earlier_version_that_was_cut_off_costs_only_its_own_result(tmp_path, results, left):
    write_all(tmp_path, "jsonl", results)
    (tmp_path / LEDGER).unlink()
    listing = tmp_path / "results.jsonl"
    last = json_line(results[AWKWARD])
    listing.write_text(listing.read_text()[: -len(last) - 1] + last[: int(len(last) * left)])
    with Output(tmp_path, "jsonl") as output:
        assert output.stored(source("b.jpg")).to_json() == results["b.jpg"].to_json()
        assert output.stored(source(AWKWARD)) is None
        output.expect(map(source, (AWKWARD, "new.mp4")))
        output.write(source(AWKWARD), results[AWKWARD], None, "")
        output.write(source("new.mp4"), result("new.mp4"), None, "")
    assert read_jsonl(tmp_path) == [each.to_json() for each in [*results.values(), result("new.mp4")]]


@pytest.mark.parametrize(("first", "then"), [("json", "jsonl"), ("jsonl", "json"), ("csv", "parquet")])
def test_results_in_another_format_are_found(tmp_path, results, first, then):
    write_all(tmp_path, first, results)
    with Output(tmp_path, then) as output:
        output.expect(map(source, results))
        for path in results:
            output.keep(source(path), output.stored(source(path)), None, "")
    for path, each in results.items():
        assert stored(tmp_path, then, path) == each.to_json()
    assert (tmp_path / ("results.jsonl" if then == "jsonl" else "a.mp4.json")).is_file()


@pytest.mark.parametrize("content", ["", "{", "[]", "17", '{"input": {}}', "\x00", "null"])
@pytest.mark.parametrize("result_format", FORMATS)
def test_file_that_holds_no_result_is_as_good_as_none(tmp_path, result_format, content):
    name = "results.jsonl" if result_format == "jsonl" else "a.mp4.json"
    (tmp_path / name).write_text(content)
    assert stored(tmp_path, result_format, "a.mp4") is None
    write_all(tmp_path, result_format, {"a.mp4": result("a.mp4")})
    assert stored(tmp_path, result_format, "a.mp4") == result("a.mp4").to_json()


def test_without_a_folder_nothing_is_written_or_stored(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Output(None) as output:
        output.expect([source("a.mp4")])
        output.write(source("a.mp4"), result("a.mp4"), None, "")
        assert output.stored(source("a.mp4")) is None
        output.ledger.list_input(source("a.mp4"))
        assert list(output.ledger.summaries_of_run()) == [Summary.of(result("a.mp4"))]
    assert files_in(tmp_path) == set()


@pytest.mark.parametrize(
    ("result_format", "name"),
    [("jsonl", "results.jsonl"), ("json", "results.csv"), ("json", LEDGER), ("parquet", "results.parquet")],
)
def test_folder_in_the_place_of_a_list_is_told(tmp_path, result_format, name):
    (tmp_path / name).mkdir()
    with pytest.raises(WriteError, match=name):
        write_all(tmp_path, result_format, {"a.mp4": result("a.mp4")})


def test_unknown_format_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no result format is called 'xml'; there are json, jsonl, csv, parquet"):
        Output(tmp_path / "out", "xml")
    assert not (tmp_path / "out").exists()


def test_folder_is_made(tmp_path):
    write_all(tmp_path / "deep" / "down", "json", {"a.mp4": result("a.mp4")})
    assert files_in(tmp_path / "deep/down") == {"a.mp4.json", "results.csv"}


def test_a_folder_that_another_run_writes_to_is_refused(tmp_path):
    with Output(tmp_path), pytest.raises(WriteError, match=r"another scan is writing to '.*': wait until it has ended"):
        Output(tmp_path)
    Output(tmp_path).close()


def test_what_a_killed_run_left_of_its_files_is_removed(tmp_path):
    write_all(tmp_path, "json", {"a.mp4": result("a.mp4")})
    parts = [tmp_path / ".part-0123-a.mp4.json", tmp_path / "deep/.part-4567-b.mp4"]
    parts[1].parent.mkdir()
    for part in parts:
        part.write_text("half")
    write_all(tmp_path, "json", {"b.mp4": result("b.mp4")})
    assert files_in(tmp_path) == {"a.mp4.json", "b.mp4.json", "results.csv"}


@pytest.mark.skipif(os.name == "nt", reason="names of files are text there")
@pytest.mark.parametrize("result_format", FORMATS)
def test_name_that_is_no_utf8(tmp_path, result_format):
    name = os.fsdecode(b"caf\xe9.mp4")
    write_all(tmp_path, result_format, {name: result(name)})
    assert stored(tmp_path, result_format, name) == result(name).to_json()
    assert read_csv(tmp_path / "results.csv")[1][0] == "caf\\xe9.mp4"


def test_line_of_json_has_no_line_break():
    failed = result(AWKWARD, "error", message="line\u2028separator\nand break")
    assert len(json_line(failed).splitlines()) == 1
    assert json.loads(json_line(failed)) == failed.to_json()


def test_table_has_a_row_for_each_input(results):
    lines = laid_out(list(results.values())).splitlines()
    assert len(lines) == 2 + len(results)
    assert lines[0].split() == ["file", "verdict", "score", "faces", "seen", "seconds"]
    assert lines[2].split() == ["a.mp4", "likely_fake", "0.98", "1", "50%", "1.2"]
    assert lines[3].split(maxsplit=4) == ["b.jpg", "no_face", "0", "1.2", "this is why there is no verdict"]
    assert "likely_real" in lines[4] and "0.12" in lines[4]


def test_columns_of_the_table_are_aligned(results):
    lines = laid_out(list(results.values())).splitlines()
    verdicts = [
        line.index(word) for line, word in zip(lines[2:], ("likely_fake", "no_face", "likely_real"), strict=True)
    ]
    assert verdicts == [lines[0].index("verdict")] * 3


@pytest.mark.parametrize("text", ["two\nlines", "two\r\nlines", "\x1b[2Jcleared", "bell\x07", "\udce9", "a\u2028b"])
def test_odd_characters_do_not_break_the_table(text):
    documents = [
        result(f"{text}.mp4"),
        result("a.mp4", "error", message=f"'{text}.mp4' cannot be read"),
        result("b.mp4", warnings=[f"the stream {text} is damaged"]),
    ]
    lines = laid_out(documents).splitlines()
    assert len(lines) == 2 + len(documents)
    assert all(line.isprintable() and line.encode("utf-8") for line in lines)
    assert all("\\" in line for line in lines[3:])


def test_long_name_keeps_its_end():
    lines = laid_out([result("x" * 200 + "/interview.mp4")]).splitlines()
    assert lines[2].startswith("…") and "/interview.mp4 " in lines[2]
    assert lines[2].index("likely") < 60


def test_table_names_the_fake_among_several_people():
    lines = laid_out([result("a.mp4", logits=[REAL, FAKE, REAL]), result("b.mp4", logits=[REAL, REAL])]).splitlines()
    assert lines[2].endswith("track 2, 0.0 to 19.0 s")
    assert "track" not in lines[3]


def test_table_counts_the_people_of_whom_there_is_enough():
    passer_by = FAKE[:1]
    assert laid_out([result("a.mp4", logits=[REAL, passer_by, REAL])]).splitlines()[2].split()[3] == "2"


def test_table_tells_warnings():
    assert laid_out([result("a.mp4", warnings=["one", "two"])]).endswith("one; two")


def test_table_of_nothing_is_a_header():
    assert laid_out([]).split()[:2] == ["file", "verdict"]
