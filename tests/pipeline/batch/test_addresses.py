"""What of an address is written down, and what counts as one."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from pipeline.batch.addresses import input_at, is_fetched, without_secrets
from pipeline.batch.inputs import expand_inputs
from pipeline.batch.ledger import Ledger
from pipeline.media.types import display_path
from pipeline.results.input import Input


@pytest.mark.parametrize(("address", "written"), [
    ("https://host/a/clip.mp4", "https://host/a/clip.mp4"),
    ("https://host:8443/clip.mp4", "https://host:8443/clip.mp4"),
    ("https://me:pass@host/clip.mp4", "https://host/clip.mp4"),
    ("https://me:p@ss@host/clip.mp4", "https://host/clip.mp4"),
    ("https://host/clip.mp4#t=10", "https://host/clip.mp4"),
    ("https://host/clip.mp4?X-Amz-Signature=abc&X-Amz-Credential=me", "https://host/clip.mp4"),
    ("https://host/clip.mp4?GoogleAccessId=me&Expires=1&Signature=abc", "https://host/clip.mp4"),
    ("https://host/clip.mp4?sv=2022&st=1&se=2&sr=b&sp=r&sig=abc&skoid=1", "https://host/clip.mp4"),
    ("https://host/clip.mp4?access_token=abc&api_key=1", "https://host/clip.mp4"),
    ("s3://bucket/what?.mp4", "s3://bucket/what?.mp4"),
    ("s3://bucket/part#1.mp4", "s3://bucket/part#1.mp4"),
    ("s3://bucket/a.mp4?X-Amz-Signature=abc", "s3://bucket/a.mp4"),
    ("s3://key:secret@bucket/a.mp4", "s3://bucket/a.mp4"),
    ("gs://bucket/a.mp4", "gs://bucket/a.mp4"),
])  # fmt: skip
def test_what_is_written_down_of_an_address(address, written):
    assert without_secrets(address) == written
    assert display_path(input_at(address).path) == written
    assert "abc" not in repr(input_at(address)) and "secret" not in repr(input_at(address))


def test_files_that_differ_in_their_query_are_told_apart_and_new_signatures_make_no_new_file():
    one, two = "https://host/watch?v=hidden&sig=1", "https://host/watch?v=other&sig=1"
    assert without_secrets(one) != without_secrets(two)
    assert without_secrets(one) == without_secrets("https://host/watch?sig=2&v=hidden")
    assert "hidden" not in without_secrets(one)
    assert [source.relative for source in expand_inputs([one, two])] == [Path("watch")] * 2


@pytest.mark.parametrize(
    "address", ["https://host", "https://host/", "https://host/..", "s3://bucket/../..", "https://"]
)
def test_no_address_names_a_result_outside_of_the_output_folder(address):
    assert input_at(address).relative == Path("input")


@pytest.mark.parametrize("relative", ["../x.mp4", "a/../../x.mp4", "/etc/x.mp4"])
def test_no_name_in_a_store_leads_out_of_the_output_folder(relative):
    assert input_at("s3://bucket/x.mp4", Path(relative)).relative == Path("x.mp4")


@pytest.mark.parametrize(
    "name", ["https:/host/x.mp4", "rtsp://host/x", "file:///x.mp4", "clip.mp4", "./https://x", "ftp://h/x"]
)
def test_what_is_not_fetched(name):
    assert not is_fetched(name)


@pytest.mark.parametrize("argument", [".", "https:", "https:/host", "https:/host/clip.mp4", "*/*/*.mp4", "-"])
def test_what_lies_here_is_no_address_whatever_it_is_called(tmp_path, monkeypatch, argument):
    """An archive that was unpacked can hold such a folder."""
    clip = tmp_path / "https:" / "host" / "clip.mp4"
    clip.parent.mkdir(parents=True)
    clip.write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    (source,) = expand_inputs([argument], io.BytesIO(b"https:/host/clip.mp4"))
    assert source.address is None and display_path(source.path) == str(clip)
    ledger = Ledger(None)
    ledger.expect([source])
    assert [each.address for each in ledger.inputs()] == [None]
    ledger.close()


def test_a_ledger_gives_addresses_back_and_writes_no_secret(tmp_path):
    address = "https://me:pass@host/a//clip.mp4?v=hidden&Signature=abc"
    ledger = Ledger(tmp_path)
    ledger.expect([input_at(address), input_at("s3://bucket/a.mp4"), Input(Path("a.mp4"), Path("a.mp4"))])
    assert [each.address for each in ledger.inputs()] == [address, "s3://bucket/a.mp4", None]
    ledger.close()
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"host/a" in written and not any(each in written for each in (b"pass", b"hidden", b"abc"))
