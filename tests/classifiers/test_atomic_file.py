"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from classifiers.atomic_file import remove_parts, replacing, write_whole


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(("data", "content"), [(b"\x00\xff", b"\x00\xff"), ("é\r\n", "é\r\n".encode())])
def test_bytes_and_text_are_written_as_they_are(tmp_path, data, content):
    write_whole(tmp_path / "file", data)
    assert (tmp_path / "file").read_bytes() == content
    assert names(tmp_path) == ["file"]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path):
    file = tmp_path / "file"
    file.write_text("old")
    with pytest.raises(RuntimeError, match="half"), replacing(file) as part:
        part.write_text("ne")
        assert file.read_text() == "old"
        raise RuntimeError("half")
    with pytest.raises(UnicodeEncodeError):
        write_whole(file, "\udcff")
    assert file.read_text() == "old" and names(tmp_path) == ["file"]


def test_libraries_find_the_suffix_that_they_look_for(tmp_path):
    with replacing(tmp_path / "arrays.npz") as part:
        np.savez(part, values=np.arange(3))
    assert np.load(tmp_path / "arrays.npz")["values"].tolist() == [0, 1, 2]
    assert names(tmp_path) == ["arrays.npz"]


def test_content_is_on_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    steps = []
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda descriptor: (steps.append("sync"), fsync(descriptor))[1])
    monkeypatch.setattr(Path, "replace", lambda path, target: (steps.append("rename"), replace(path, target))[1])
    write_whole(tmp_path / "file", b"content")
    assert steps == ["sync", "rename"]


def test_a_folder_that_is_missing_is_an_error_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "nowhere" / "file", b"")


def test_writers_at_once_leave_one_whole_file(tmp_path):
    contents = [bytes([number]) * 100_000 for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda content: write_whole(tmp_path / "file", content), contents))
    assert (tmp_path / "file").read_bytes() in contents and names(tmp_path) == ["file"]


def test_what_a_killed_process_left_can_be_removed(tmp_path):
    write_whole(tmp_path / "file", "whole")
    write_whole(tmp_path / "other", "whole")
    with replacing(tmp_path / "file") as part:
        left = part.name
        part.touch()
    for name in (left, left.replace("file", "other")):
        (tmp_path / name).touch()
    remove_parts(tmp_path / "file")
    assert names(tmp_path) == sorted(["file", "other", left.replace("file", "other")])
