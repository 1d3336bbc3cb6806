"""The pages of a folder, their index, and the command that makes them."""

from __future__ import annotations

import html
import json
import os
import re
from pathlib import Path

import pytest

from classifiers import find_model
from pipeline.cli import main
from pipeline.evidence.report import (
    make_pages,
    report_folder,
    stored_results,
    write_index,
)
from tests.stored_results import seen_in, stored, text_of

ATTACK = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'</title>"


class TestFolder:
    def put(self, folder: Path, name: str, document: dict | bytes) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(document if isinstance(document, bytes) else json.dumps(document).encode())
        return path

    def test_every_result_gets_a_page_and_a_link(self, tmp_path):
        self.put(tmp_path, "a.mp4.json", stored(path="a.mp4"))
        self.put(tmp_path, "sub #1/ä?.mp4.json", stored(path="sub #1/ä?.mp4", status="no_face"))
        pages, failed, index = report_folder(tmp_path)
        assert (pages, failed) == (2, 0)
        assert index == tmp_path / "index.html"
        links = re.findall(r'href="(\./[^"]+)"', index.read_text(encoding="utf-8"))
        from urllib.parse import unquote

        assert all((tmp_path / unquote(html.unescape(link))).is_file() for link in links)
        assert len(links) == 2

    def test_json_lines_get_pages_too_and_cannot_write_elsewhere(self, tmp_path):
        folder = tmp_path / "results"
        lines = [stored(path=path) for path in ("../../evil.mp4", "b/clip.mp4", "c/clip.mp4", "index")]
        self.put(folder, "results.jsonl", "\n".join(map(json.dumps, lines)).encode() + b'\n{"cut')
        pages, failed, index = report_folder(folder)
        assert (pages, failed) == (4, 0)
        names = {p.name for p in folder.glob("*.html")}
        assert len(names) == 5 and {"evil.mp4.html", "index.html"} <= names
        assert len([name for name in names if re.fullmatch(r"clip-[0-9a-f]{12}\.mp4\.html", name)]) == 2
        assert any(re.fullmatch(r"index-[0-9a-f]{12}\.html", name) for name in names)
        assert list(tmp_path.iterdir()) == [folder]
        assert "1 file in this folder is no readable result" in text_of(index.read_text(encoding="utf-8"))

    def test_a_result_called_index_does_not_lose_its_page(self, tmp_path):
        self.put(tmp_path, "index.json", stored(path="index"))
        report_folder(tmp_path)
        assert "Evidence report" in (tmp_path / "index.report.html").read_text(encoding="utf-8")

    def test_other_json_files_are_passed_over_and_broken_ones_named(self, tmp_path):
        self.put(tmp_path, "a.mp4.json", stored(path="a.mp4"))
        self.put(tmp_path, "package.json", b'{"name": "something else"}')
        self.put(tmp_path, "half.mp4.json", b'{"schema": "facewitness/verd')
        self.put(tmp_path, "evaluation.json", b'{"schema": "facewitness/evaluation/1"}')
        index = report_folder(tmp_path).index_file
        shown = text_of(index.read_text(encoding="utf-8"))
        assert "half.mp4.json" in shown
        assert "package.json" not in shown
        assert "evaluation.json" not in shown

    def test_a_page_that_fails_costs_no_other(self, tmp_path, capsys):
        for name in ("a", "b", "c"):
            self.put(tmp_path, f"{name}.json", stored(path=name))
        (tmp_path / "b.html").mkdir()
        pages, failed, index = report_folder(tmp_path)
        assert (pages, failed) == (2, 1)
        assert (tmp_path / "a.html").is_file() and (tmp_path / "c.html").is_file() and index.is_file()

    def test_an_error_of_ours_costs_one_page(self, tmp_path, monkeypatch, caplog):
        for name in ("a", "b"):
            self.put(tmp_path, f"{name}.json", stored(path=name))
        write = make_pages.write_report

        def fail(verdict, *rest, **options):
            if verdict.input.name == "a":
                raise ZeroDivisionError("a bug")
            write(verdict, *rest, **options)

        monkeypatch.setattr(make_pages, "write_report", fail)
        assert report_folder(tmp_path)[:2] == (1, 1)
        assert "ZeroDivisionError: a bug" in caplog.text

    def test_places_are_whole_names_of_folders(self, tmp_path):
        for number, path in enumerate(["clip.mp4", ".hidden/clip.mp4", "../up/clip.mp4"]):
            self.put(tmp_path, f"{number}.json", stored(path=path))
        shown = text_of(report_folder(tmp_path).index_file.read_text(encoding="utf-8"))
        assert " .hidden " in shown
        assert " ../up " in shown
        assert " . " not in shown

    def test_up_to_date_pages_are_kept_and_those_without_pictures_made_again(self, clip, tmp_path):
        document = seen_in(clip)
        no_heat = self.put(tmp_path, "c.json", document).with_suffix(".html")
        document["model"].update(name="mobilenet_v2", weights_sha256=find_model("mobilenet_v2").sha256)
        complete = self.put(tmp_path, "a.json", document).with_suffix(".html")
        without = self.put(tmp_path, "b.json", stored(path="gone.mp4")).with_suffix(".html")
        report_folder(tmp_path)
        for page in (complete, without, no_heat):
            os.utime(page, (1, 1))
        report_folder(tmp_path)
        assert complete.stat().st_mtime == 1
        assert without.stat().st_mtime > 1
        assert no_heat.stat().st_mtime > 1
        report_folder(tmp_path, keep=False)
        assert complete.stat().st_mtime > 1

    def test_the_index_escapes_names(self, tmp_path):
        self.put(tmp_path, "a.json", stored(path=f"{ATTACK}.mp4", status="error", message=ATTACK))
        index = report_folder(tmp_path).index_file
        assert "<script>alert" not in index.read_text(encoding="utf-8")

    def test_an_index_without_pages_has_no_dead_links(self, tmp_path):
        self.put(tmp_path, "a.mp4.json", stored(path="a.mp4"))
        assert 'href="./' not in write_index(tmp_path).read_text(encoding="utf-8")

    def test_an_empty_folder_has_no_results(self, tmp_path):
        assert list(stored_results(tmp_path)) == []
        assert report_folder(tmp_path) == (0, 0, None)


class TestCommand:
    def run(self, *arguments: object) -> int:
        return main(["report", *map(str, arguments)])

    @pytest.fixture
    def result(self, clip, tmp_path) -> Path:
        path = tmp_path / "clip.mp4.json"
        path.write_text(json.dumps(seen_in(clip)))
        return path

    def test_a_result_gets_its_page_beside_it(self, result, capsys):
        assert self.run(result) == 0
        page = result.with_suffix(".html")
        assert str(page) in capsys.readouterr().out
        assert page.read_text(encoding="utf-8").count("data:image/jpeg") > 5

    @pytest.mark.parametrize(("output", "page"), [("x.html", "x.html"), ("new/", "new/clip.mp4.html")])
    def test_the_page_goes_where_the_user_says(self, result, tmp_path, output, page):
        assert self.run(result, "-o", f"{tmp_path}/{output}") == 0
        assert (tmp_path / page).is_file()

    def test_the_page_does_not_replace_the_result(self, result, capsys):
        before = result.read_bytes()
        assert self.run(result, "-o", result) == 2
        assert "is the result itself" in capsys.readouterr().err
        assert result.read_bytes() == before

    def test_pages_that_fail_are_counted(self, result, capsys):
        result.with_suffix(".html").mkdir()
        assert self.run(result.parent) == 1
        assert "0 pages, 1 could not be made" in capsys.readouterr().out

    def test_a_moved_file_can_be_named(self, result, clip, tmp_path):
        changed = json.loads(result.read_text())
        changed["input"]["path"] = "gone/clip.mp4"
        result.write_text(json.dumps(changed))
        assert self.run(result) == 0
        assert "data:image/jpeg" not in result.with_suffix(".html").read_text(encoding="utf-8")
        assert "no longer there" in text_of(result.with_suffix(".html").read_text(encoding="utf-8"))
        assert self.run(result, "--media", clip) == 0
        assert "data:image/jpeg" in result.with_suffix(".html").read_text(encoding="utf-8")

    def test_a_changed_file_is_told_and_its_pictures_are_not_shown(self, result, tmp_path, clip):
        changed = tmp_path / "changed.mp4"
        changed.write_bytes(clip.read_bytes() + b"\0")
        assert self.run(result, "--media", changed) == 0
        page = result.with_suffix(".html").read_text(encoding="utf-8")
        assert "data:image/jpeg" not in page
        assert "is not the file that was scanned" in text_of(page)

    @pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\x89PNG"])
    def test_what_is_no_result_is_wrong_usage(self, tmp_path, content, capsys):
        path = tmp_path / "x.json"
        path.write_bytes(content)
        assert self.run(path) == 2
        message = capsys.readouterr().err
        assert message.startswith("facewitness report: ")
        assert "Traceback" not in message

    def test_what_is_not_there_is_wrong_usage(self, tmp_path, capsys):
        assert self.run(tmp_path / "nothing.json") == 2
        assert self.run(tmp_path) == 2
        assert capsys.readouterr().err.count("facewitness report: ") == 2

    def test_a_place_that_cannot_be_written_is_told(self, result, tmp_path, capsys):
        (tmp_path / "file").write_bytes(b"")
        assert self.run(result, "-o", tmp_path / "file" / "x.html") == 1
        assert "cannot write" in capsys.readouterr().err
