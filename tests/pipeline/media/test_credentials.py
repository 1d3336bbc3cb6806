"""Content Credentials that hold, that were broken or damaged, or that lie elsewhere, from where nothing is fetched."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.media import probe
from pipeline.media.provenance.credentials import read_credentials
from pipeline.media.provenance.declarations import Credentials
from pipeline.media.provenance.reading import Found, read_provenance
from pipeline.media.provenance.trust import TrustList, TrustListError
from tests.media_files import number_frames, write_video

c2pa = pytest.importorskip("c2pa", reason="Content Credentials need the extra `c2pa`")

from tests.signed_media import AI, CAMERA, MIME, Authority, sign, with_changed_pixel  # noqa: E402 - needs the library

SUFFIXES = (".jpg", ".png", ".mp4")


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("plain")
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 96, 3), np.uint8))
    for suffix in (".jpg", ".png"):
        noise.save(folder / f"plain{suffix}")
    write_video(folder / "plain.mp4", number_frames(20))
    return {suffix: folder / f"plain{suffix}" for suffix in SUFFIXES}


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def signed(plain, authority, tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("signed")
    return {suffix: sign(file, folder / f"signed{suffix}", authority, source_type=AI) for suffix, file in plain.items()}


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    """An address, and what was asked for there so far."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        do_POST = do_GET  # noqa: N815 - the library wants this name

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}", asked
        running.shutdown()


def found_in(path: Path, trust: TrustList | None = None) -> Found:
    return read_provenance(probe(path), trust)


def credentials_of(path: Path, trust: TrustList | None = None) -> Credentials:
    return found_in(path, trust).credentials


def list_of(authority: Authority, file: Path) -> TrustList:
    file.write_text(authority.pem)
    return TrustList.load(file)


@pytest.mark.parametrize("suffix", SUFFIXES)
class TestStates:
    def test_a_signed_file_says_who_made_it_and_how(self, signed, suffix):
        assert credentials_of(signed[suffix]) == Credentials(
            "valid",
            signer="Test Signer",
            issuer="Test Signer Ltd",
            generator="Test Camera 1.0",
            actions=("c2pa.created",),
            source_types=(AI,),
        )
        assert credentials_of(signed[suffix]).declares == "generated"

    def test_a_file_without_credentials_has_none(self, plain, suffix):
        assert credentials_of(plain[suffix]) == Credentials("none")
        assert credentials_of(plain[suffix]).declares is None

    def test_a_pixel_that_was_changed_breaks_the_signature(self, signed, tmp_path, suffix):
        changed = with_changed_pixel(signed[suffix], tmp_path / f"changed{suffix}")
        credentials = credentials_of(changed)
        assert credentials.state == "invalid" and credentials.trusted is None
        assert any("Hash.mismatch" in problem for problem in credentials.problems)

    def test_a_camera_is_no_generator(self, plain, authority, tmp_path, suffix):
        credentials = credentials_of(sign(plain[suffix], tmp_path / f"a{suffix}", authority, source_type=CAMERA))
        assert credentials.state == "valid" and credentials.source_types == (CAMERA,) and credentials.declares is None

    def test_a_signer_is_trusted_if_the_list_of_the_user_says_so(self, signed, authority, tmp_path, suffix):
        mine, other = list_of(authority, tmp_path / "mine.pem"), list_of(Authority("Other"), tmp_path / "other.pem")
        found = [credentials_of(signed[suffix], trust) for trust in (mine, other, None)]
        assert [(each.state, each.trusted) for each in found] == [("valid", True), ("valid", False), ("valid", None)]
        changed = with_changed_pixel(signed[suffix], tmp_path / f"changed{suffix}")
        assert credentials_of(changed, mine).trusted is None

    def test_what_a_file_was_edited_from_counts(self, plain, signed, authority, tmp_path, suffix):
        edited = sign(plain[suffix], tmp_path / f"edited{suffix}", authority, parent=signed[suffix])
        credentials = credentials_of(edited)
        assert credentials.actions == ("c2pa.opened", "c2pa.edited")
        assert credentials.source_types == (AI,) and credentials.declares == "generated"
        with_part = credentials_of(sign(plain[suffix], tmp_path / f"part{suffix}", authority, part=signed[suffix]))
        assert with_part.source_types == (CAMERA,) and with_part.part_source_types == (AI,)
        assert with_part.declares == "partly_generated"

    def test_credentials_at_an_address_are_not_fetched(self, plain, authority, tmp_path, server, suffix):
        address, asked = server
        url = f"{address}/manifest.c2pa"
        remote = sign(plain[suffix], tmp_path / f"remote{suffix}", authority, remote_url=url)
        assert credentials_of(remote) == Credentials("remote", message=url)
        with remote.open("rb") as file:  # in this process, which may use the network
            assert read_credentials(file, MIME[suffix], None) == {"state": "remote", "message": url}
            assert asked == []
            # It would be fetched by default.
            with pytest.raises(c2pa.C2paError):
                c2pa.Reader(MIME[suffix], file, context=c2pa.Context())
        assert asked == ["/manifest.c2pa"]


def test_nobody_is_asked_whether_a_certificate_was_revoked(plain, tmp_path, server):
    address, asked = server
    signed = sign(plain[".jpg"], tmp_path / "a.jpg", Authority(ocsp_url=address))
    with signed.open("rb") as file:
        assert read_credentials(file, "image/jpeg", None)["state"] == "valid"
    assert asked == []


@settings(max_examples=60, deadline=None)
@given(data=st.data(), suffix=st.sampled_from(SUFFIXES))
def test_damaged_credentials_never_break_what_reads_them(signed, data, suffix):
    content = bytearray(signed[suffix].read_bytes())
    start = content.find(b"jumb")
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(start - 8, min(start + 12_000, len(content) - 1)))
        content[at : at + data.draw(st.integers(1, 3))] = data.draw(st.binary(max_size=3))
    damaged = signed[suffix].with_name(f"damaged{suffix}")
    damaged.write_bytes(content)
    with damaged.open("rb") as file:
        found = read_credentials(file, MIME[suffix], None)
    assert found["state"] in ("none", "valid", "invalid", "unreadable", "remote")
    json.dumps(found)


def test_damaged_credentials_are_called_so_and_the_picture_is_read_all_the_same(signed, tmp_path):
    content = signed[".jpg"].read_bytes()
    start = content.find(b"c2pa.claim")
    damaged = tmp_path / "a.jpg"
    damaged.write_bytes(content[: start + 30] + bytes(200) + content[start + 230 :])
    credentials = credentials_of(damaged)
    assert credentials.state == "unreadable" and credentials.message and credentials.declares is None


def test_trust_lists_hold_certificates(tmp_path):
    for name, content in {
        "a": b"",
        "b": b"\xff",
        "c": b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----",
    }.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(TrustListError, match="holds no certificates"):
            TrustList.load(tmp_path / name)
    with pytest.raises(TrustListError, match="cannot be read"):
        TrustList.load(tmp_path / "missing")
    (tmp_path / "large").write_bytes(bytes(5 << 20))
    with pytest.raises(TrustListError, match="more than 4 MB"):
        TrustList.load(tmp_path / "large")
