"""Evidence bundles: what they hold, and that nothing in them can be changed unnoticed."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifiers import find_model
from pipeline.cli import main
from pipeline.evidence.bundle import BundleError, make_bundle, verify_bundle
from pipeline.evidence.bundle.container import Entry, entry_of, write_end, write_entry
from pipeline.evidence.bundle.manifest import Manifest, Member
from tests.media_files import number_frames, write_video
from tests.stored_results import as_version_1, seen_in, stored


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    return write_video(tmp_path_factory.mktemp("clip") / "clip.mp4", number_frames(30))


@pytest.fixture(scope="module")
def document(clip) -> dict:
    found = seen_in(clip)
    model = find_model()
    found["model"] |= {"name": model.name, "weights_sha256": model.sha256}
    return found


@pytest.fixture
def result(tmp_path, document) -> Path:
    return put(tmp_path / "clip.mp4.json", document)


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    """A bundle without pictures and original, for what is done with it a thousand times."""
    folder = tmp_path_factory.mktemp("small")
    bundle = folder / "small.zip"
    make_bundle(put(folder / "gone.mp4.json", stored(path="gone.mp4", logits=(((2.0, -1.0),) * 3,))), bundle)
    return bundle


def put(path: Path, document: dict) -> Path:
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def contents(bundle: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(bundle) as file:
        return {name: file.read(name) for name in file.namelist()}


def packed(path: Path, *files: tuple[str, bytes]) -> Path:
    """A container as bundles have it, with any files."""
    entries = [entry_of(name, content) for name, content in files]
    with path.open("wb") as file:
        for entry, (_, content) in zip(entries, files, strict=True):
            write_entry(file, entry, [content])
        write_end(file, entries)
    return path


def listed(files: dict[str, bytes], **changes: object) -> bytes:
    """The manifest of these files."""
    result = json.loads(files["result.json"])["input"] if "result.json" in files else {"sha256": None, "bytes": None}
    members = [Member(name, len(files[name]), hashlib.sha256(files[name]).hexdigest()) for name in sorted(files)]
    facts = {"original_sha256": result["sha256"], "original_bytes": result["bytes"], "signed_by": None} | changes
    return Manifest(tuple(members), **facts).to_bytes()


def repacked(path: Path, files: dict[str, bytes], **changes: object) -> Path:
    """A bundle of these files with a manifest that lists them."""
    return packed(path, ("manifest.json", listed(files, **changes)), *sorted(files.items()))


def parts(bundle: Path) -> dict[str, bytes]:
    return {name: content for name, content in contents(bundle).items() if not name.startswith("manifest")}


class TestWhatItHolds:
    def test_result_page_card_versions_and_the_hash_of_the_original(self, tmp_path, result, clip, document):
        bundle = tmp_path / "out" / "bundle.zip"
        made = make_bundle(result, bundle)
        found = contents(bundle)
        assert [*found] == ["manifest.json", "model-card.md", "report.html", "result.json", "versions.json"]
        assert made == (4, [])
        assert found["result.json"] == result.read_bytes()
        assert b"data:image" in found["report.html"]
        assert found["model-card.md"] == (find_model().folder / find_model().card).read_bytes()
        assert {"facewitness", "Python", "numpy"} <= json.loads(found["versions.json"]).keys()
        manifest = json.loads(found["manifest.json"])
        assert manifest["original"] == {
            "sha256": hashlib.sha256(clip.read_bytes()).hexdigest(),
            "bytes": clip.stat().st_size,
        }
        verified = verify_bundle(bundle, clip)
        assert verified.verdict.score == document["score"] and verified.manifest.original is None

    def test_it_is_the_same_to_the_byte_wherever_it_is_made(self, tmp_path, result):
        other = tmp_path / "other"
        other.mkdir()
        make_bundle(result, tmp_path / "a.zip", with_original=True)
        make_bundle(put(other / "x.json", json.loads(result.read_text())), other / "b.zip", with_original=True)
        assert (tmp_path / "a.zip").read_bytes() == (other / "b.zip").read_bytes()

    def test_the_original_is_in_it_if_wanted(self, tmp_path, result, clip):
        bundle = tmp_path / "bundle.zip"
        make_bundle(result, bundle, with_original=True)
        assert contents(bundle)["original.mp4"] == clip.read_bytes()
        assert verify_bundle(bundle).manifest.original.name == "original.mp4"

    def test_a_file_that_is_not_the_original_is_not_put_into_it(self, tmp_path, result, clip, capsys):
        changed = tmp_path / "clip.mp4"
        changed.write_bytes(clip.read_bytes() + b"x")
        arguments = ["report", str(result), "--bundle", str(tmp_path / "b.zip"), "--media", str(changed)]
        assert main([*arguments, "--with-original"]) == 1
        assert "is not the file that was scanned" in capsys.readouterr().err
        assert not (tmp_path / "b.zip").exists()
        assert main(arguments) == 0
        assert "The page has no pictures" in capsys.readouterr().err

    def test_each_of_several_models_has_its_card(self, tmp_path, document):
        fast = find_model("fast")
        of_fast = document["model"] | {"name": fast.name, "weights_sha256": fast.sha256}
        shared = {name: document[name] for name in ("verdict", "score", "score_kind", "components", "thresholds")}
        opinions = [{"model": model, "tracks": [], **shared} for model in (document["model"], of_fast)]
        make_bundle(put(tmp_path / "a.json", document | {"opinions": opinions}), tmp_path / "b.zip")
        found = contents(tmp_path / "b.zip")
        assert found["model-card-2.md"] == (fast.folder / fast.card).read_bytes() != found["model-card-1.md"]
        verify_bundle(tmp_path / "b.zip")

    @pytest.mark.parametrize("status", ["undecodable", "no_face"])
    def test_results_without_a_verdict_have_bundles_too(self, tmp_path, status):
        make_bundle(put(tmp_path / "a.json", stored(path="gone.mp4", status=status)), tmp_path / "b.zip")
        assert verify_bundle(tmp_path / "b.zip").verdict.status == status

    def test_results_of_the_first_version_have_bundles_too(self, tmp_path, document):
        make_bundle(put(tmp_path / "a.json", as_version_1(document)), tmp_path / "b.zip")
        assert verify_bundle(tmp_path / "b.zip").verdict.stored_schema == "facewitness/verdict/1"

    @pytest.mark.parametrize("change", [{"extra": 1}, {"score": 7}, {"schema": "facewitness/verdict/99"}])
    def test_a_result_that_is_not_valid_has_none(self, tmp_path, document, change, capsys):
        result = put(tmp_path / "a.json", document | change)
        assert main(["report", str(result), "--bundle", str(tmp_path / "b.zip")]) == 1
        assert "schema" in capsys.readouterr().err
        assert not (tmp_path / "b.zip").exists()


class TestChanges:
    @settings(max_examples=200, deadline=None)
    @given(data=st.data())
    def test_no_flipped_bit_goes_unnoticed(self, small, data):
        content = bytearray(small.read_bytes())
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] ^= 1 << data.draw(st.integers(0, 7))
        changed = small.with_name("changed.zip")
        changed.write_bytes(content)
        with pytest.raises(BundleError):
            verify_bundle(changed)

    def test_no_byte_of_the_container_can_be_other(self, small):
        whole = small.read_bytes()
        inside = [(whole.find(content), len(content)) for content in contents(small).values()]
        outside = [at for at in range(len(whole)) if not any(start <= at < start + size for start, size in inside)]
        assert 300 < len(outside) < 1000
        changed = small.with_name("changed.zip")
        for at in outside:
            changed.write_bytes(whole[:at] + bytes([whole[at] ^ 0x20]) + whole[at + 1 :])
            with pytest.raises(BundleError):
                verify_bundle(changed)

    @settings(max_examples=50, deadline=None)
    @given(cut=st.integers(0, 10_000))
    def test_a_bundle_that_is_cut_off_is_not_in_order(self, small, cut):
        content = small.read_bytes()
        changed = small.with_name("changed.zip")
        changed.write_bytes(content[: len(content) * cut // 10_001])
        with pytest.raises(BundleError, match=r"cut off|no ZIP|empty|missing|without any"):
            verify_bundle(changed)

    def test_what_is_added_taken_repeated_or_renamed_is_named(self, tmp_path, small):
        whole = contents(small)
        files = list(whole.items())
        path = tmp_path / "b.zip"
        for wanted, changed in {
            "'extra.txt', which its manifest does not list": [*files, ("extra.txt", b"")],
            "'../report.html', which its manifest does not list": [*files, ("../report.html", b"")],
            "'report.html' twice": [*files[:2], files[1], *files[2:]],
            "result.json is missing": [file for file in files if file[0] != "result.json"],
            "versions.json is missing": files[:-1],
            "report.html is missing": [files[0], files[2], files[1], *files[3:]],
            "does not begin with manifest.json": files[1:],
            "report.html has another size": [files[0], ("report.html", b""), *files[2:]],
            "report.html was changed": [files[0], ("report.html", files[1][1].replace(b"fake", b"real")), *files[2:]],
        }.items():
            with pytest.raises(BundleError) as caught:
                verify_bundle(packed(path, *changed))
            assert wanted in str(caught.value)
        assert verify_bundle(packed(path, *files))
        path.write_bytes(path.read_bytes() + b"\0")
        with pytest.raises(BundleError, match="behind its end"):
            verify_bundle(path)

    @pytest.mark.parametrize(
        "name", ["/etc/passwd", "../result.json", "a/../b", "C:\\x", "extra.txt", "original.mp4.exe"]
    )
    def test_names_that_lead_elsewhere_are_refused_though_they_are_listed(self, tmp_path, small, name):
        with pytest.raises(BundleError, match="a name that no bundle has"):
            verify_bundle(repacked(tmp_path / "b.zip", {**parts(small), name: b"x"}))

    def test_parts_of_two_bundles_do_not_mix(self, tmp_path, small):
        other = tmp_path / "other.zip"
        make_bundle(put(tmp_path / "a.json", stored(path="other.mp4")), other)
        mixed = parts(small) | {"report.html": parts(other)["report.html"]}
        with pytest.raises(BundleError, match=r"report\.html was not made of result\.json"):
            verify_bundle(repacked(tmp_path / "b.zip", mixed))
        with pytest.raises(BundleError, match="about different files"):
            verify_bundle(repacked(tmp_path / "b.zip", parts(small), original_sha256="0" * 64))

    def test_another_original_is_noticed(self, tmp_path, result, clip, small):
        make_bundle(result, tmp_path / "a.zip", with_original=True)
        files = parts(tmp_path / "a.zip")
        with pytest.raises(BundleError, match=r"original\.mp4 is not the file that result\.json is about"):
            verify_bundle(repacked(tmp_path / "b.zip", files | {"original.mp4": b"another"}))
        with pytest.raises(BundleError, match="not the file that it is about"):
            verify_bundle(tmp_path / "a.zip", small)
        with pytest.raises(BundleError, match="a file that could not be read"):
            verify_bundle(small, clip)

    @pytest.mark.parametrize(
        ("change", "wanted"),
        [
            (lambda text: text.replace(b"bundle/1", b"bundle/2"), "format 'facewitness/bundle/2'"),
            (lambda text: text.replace(b"bundle/1", b"other"), "was changed|not readable"),
            (lambda text: text + b" ", "was changed"),
            (lambda text: text.replace(b'"bytes": ', b'"bytes": 0, "bytes": ', 1), "was changed"),
            (lambda text: b"[" * 100_000, "not readable"),
            (lambda text: b"{}", "not readable"),
            (lambda text: b"\xff", "not readable"),
        ],
    )
    def test_a_manifest_has_one_spelling(self, tmp_path, small, change, wanted):
        files = contents(small)
        files["manifest.json"] = change(files["manifest.json"])
        with pytest.raises(BundleError, match=wanted):
            verify_bundle(packed(tmp_path / "b.zip", *files.items()))

    @pytest.mark.parametrize("text", [b"nothing", b"[]", b'{"schema": "facewitness/verdict/2"}', b"[" * 100_000])
    def test_a_result_must_be_valid(self, tmp_path, small, text):
        head = f'<meta name="facewitness-result" content="{hashlib.sha256(text).hexdigest()[:32]} 1">'
        files = parts(small) | {"result.json": text, "report.html": head.encode()}
        members = {name: content for name, content in files.items() if name != "result.json"}
        manifest = json.loads(listed(members))
        manifest["files"].insert(
            1, {"name": "result.json", "bytes": len(text), "sha256": hashlib.sha256(text).hexdigest()}
        )
        first = ("manifest.json", json.dumps(manifest, indent=1).encode() + b"\n")
        with pytest.raises(BundleError, match="result"):
            verify_bundle(packed(tmp_path / "b.zip", first, *sorted(files.items())))

    def test_ordinary_zip_files_are_refused(self, tmp_path, small):
        for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            with zipfile.ZipFile(tmp_path / "b.zip", "w", compression) as file:
                for name, content in contents(small).items():
                    file.writestr(name, content)
            with pytest.raises(BundleError, match="another kind"):
                verify_bundle(tmp_path / "b.zip")

    def test_a_bomb_costs_nothing(self, tmp_path, small):
        """A file that claims two gigabytes of manifest, or of page, or is a deflated bomb."""
        path = tmp_path / "b.zip"
        for claimed in ("manifest.json", "report.html"):
            with path.open("wb") as file:
                if claimed == "report.html":
                    members = [Member(claimed, 1 << 31, "0" * 64)]
                    members += [Member(name, 0, "0" * 64) for name in ("result.json", "versions.json")]
                    text = Manifest(tuple(members), None, None, None).to_bytes()
                    write_entry(file, entry_of("manifest.json", text), [text])
                write_entry(file, Entry(claimed, 1 << 31, 0), [])
                file.truncate(1 << 32)
            with pytest.raises(BundleError, match=r"too large|more than 256 MB"):
                verify_bundle(path)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("manifest.json", bytes(1 << 24))
        with pytest.raises(BundleError, match="another kind"):
            verify_bundle(path)

    def test_a_container_has_at_most_what_its_numbers_can_say(self):
        with pytest.raises(BundleError, match="4 GB"):
            write_entry(io.BytesIO(), Entry("original", (1 << 32) - 10, 0), [])


class TestCommand:
    def test_it_says_what_was_checked_and_what_was_not(self, tmp_path, result, clip, capsys):
        bundle = str(tmp_path / "bundle.zip")
        assert main(["report", str(result), "--bundle", bundle]) == 0
        assert f"The bundle is {bundle} (4 files)" in capsys.readouterr().out
        assert not result.with_suffix(".html").exists()
        assert main(["verify", bundle]) == 0
        said = capsys.readouterr().out
        assert "is not in the bundle" in said and "who made the bundle is not known" in said
        assert main(["verify", bundle, str(clip)]) == 0
        assert "is the file that was given" in capsys.readouterr().out

    @pytest.mark.parametrize("content", [b"", b"no zip at all", b"PK", b"PK\x03\x04", b"PK\x05\x06" + bytes(18)])
    def test_what_is_no_bundle_is_said_in_a_sentence(self, tmp_path, content, capsys):
        path = tmp_path / "b.zip"
        path.write_bytes(content)
        assert main(["verify", str(path)]) == 1
        error = capsys.readouterr().err
        assert "does not verify: " in error and error.count("\n") == 1

    def test_wrong_usage_is_told_from_bundles_that_do_not_verify(self, tmp_path, result, small, capsys):
        bundle = ["--bundle", str(tmp_path / "b.zip")]
        for arguments in (
            ["verify", str(tmp_path / "gone.zip")],
            ["verify", str(tmp_path)],
            ["verify", str(small), str(tmp_path / "gone.mp4")],
            ["report", str(result), "--with-original"],
            ["report", str(result), "--sign", "key"],
            ["report", str(result), *bundle, "-o", "x.html"],
            ["report", str(tmp_path), *bundle],
            ["report", str(result), "--bundle", str(result)],
            ["report", str(small), *bundle],
        ):
            assert main(arguments) == 2, arguments
            assert capsys.readouterr().err.count("\n") == 1
        assert json.loads(result.read_text())


class TestSignatures:
    @pytest.fixture(autouse=True)
    def _library(self):
        pytest.importorskip("cryptography", reason="signatures need the extra `sign`")

    @pytest.fixture
    def keys(self, tmp_path) -> dict[str, Path]:
        """Files of one key in both formats, of another, and of some that cannot be used."""
        from cryptography.hazmat.primitives import serialization as form
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519

        mine, other, elliptic = (
            ed25519.Ed25519PrivateKey.generate(),
            ed25519.Ed25519PrivateKey.generate(),
            ec.generate_private_key(ec.SECP256R1()),
        )
        plain, locked = form.NoEncryption(), form.BestAvailableEncryption(b"secret")
        pem, ssh = (form.Encoding.PEM, form.PrivateFormat.PKCS8), (form.Encoding.PEM, form.PrivateFormat.OpenSSH)
        texts = {
            "pem": mine.private_bytes(*pem, plain),
            "ssh": mine.private_bytes(*ssh, plain),
            "pem.pub": mine.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo),
            "ssh.pub": mine.public_key().public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH) + b" me@here\n",
            "other.pub": other.public_key().public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH),
            "locked": mine.private_bytes(*pem, locked),
            "elliptic": elliptic.private_bytes(*pem, plain),
            "garbage": b"\0garbage",
        }
        for name, text in texts.items():
            (tmp_path / name).write_bytes(text)
        return {name: tmp_path / name for name in [*texts, "missing"]}

    def test_a_key_in_either_format_signs_and_checks(self, tmp_path, small, keys, capsys):
        result = put(tmp_path / "a.json", stored(path="gone.mp4"))
        for private in ("pem", "ssh"):
            bundle = str(tmp_path / f"{private}.zip")
            assert main(["report", str(result), "--bundle", bundle, "--sign", str(keys[private])]) == 0
            assert main(["verify", bundle]) == 0
            assert "whose key that is is not known" in capsys.readouterr().out
            for public in ("pem.pub", "ssh.pub"):
                assert main(["verify", bundle, "--key", str(keys[public])]) == 0
                assert "the key that was given" in capsys.readouterr().out
            assert main(["verify", bundle, "--key", str(keys["other.pub"])]) == 1
            assert "signed with another key" in capsys.readouterr().err
        assert main(["verify", str(small), "--key", str(keys["pem.pub"])]) == 1
        assert "it is not signed" in capsys.readouterr().err

    def test_a_signature_holds_for_one_manifest(self, tmp_path, keys):
        bundle, changed = tmp_path / "b.zip", tmp_path / "changed.zip"
        make_bundle(put(tmp_path / "a.json", stored(path="gone.mp4")), bundle, key=keys["pem"])
        files = contents(bundle)
        signature, signed_by = files.pop("manifest.sig"), json.loads(files.pop("manifest.json"))["signed_by"]
        files["versions.json"] = b"{}\n"
        text = listed(files, signed_by=signed_by)
        packed(changed, ("manifest.json", text), ("manifest.sig", signature), *sorted(files.items()))
        with pytest.raises(BundleError, match="signature does not fit"):
            verify_bundle(changed)
        with pytest.raises(BundleError, match=r"manifest\.sig is missing"):
            verify_bundle(packed(changed, ("manifest.json", text), *sorted(files.items())))
        # Without its signature it can be in order, but not for whoever knows who must have signed it.
        assert verify_bundle(repacked(changed, files))
        with pytest.raises(BundleError, match="not signed"):
            verify_bundle(changed, key=keys["pem.pub"])

    @settings(max_examples=100, deadline=None)
    @given(at=st.integers(0, 800), bit=st.integers(0, 7))
    def test_no_flipped_bit_of_manifest_and_signature_goes_unnoticed(self, tmp_path_factory, at, bit):
        bundle = self._signed(tmp_path_factory)
        content = bytearray(bundle.read_bytes())
        content[at] ^= 1 << bit
        changed = bundle.with_name("changed.zip")
        changed.write_bytes(content)
        with pytest.raises(BundleError):
            verify_bundle(changed)

    def _signed(self, tmp_path_factory) -> Path:
        from cryptography.hazmat.primitives import serialization as form
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        folder = tmp_path_factory.getbasetemp() / "signed"
        bundle = folder / "b.zip"
        if not bundle.exists():
            folder.mkdir()
            key = Ed25519PrivateKey.generate()
            text = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
            (folder / "key").write_bytes(text)
            make_bundle(put(folder / "a.json", stored(path="gone.mp4")), bundle, key=folder / "key")
        return bundle

    @pytest.mark.parametrize(
        ("name", "wanted"),
        [
            ("locked", "has a password"),
            ("elliptic", "another kind than Ed25519"),
            ("garbage", "holds no private key"),
            ("ssh.pub", "holds no private key"),
            ("missing", "cannot be read: No such file"),
        ],
    )
    def test_keys_that_cannot_sign_are_named(self, tmp_path, keys, capsys, name, wanted):
        result = put(tmp_path / "a.json", stored(path="gone.mp4"))
        bundle = tmp_path / "b.zip"
        assert main(["report", str(result), "--bundle", str(bundle), "--sign", str(keys[name])]) == 2
        error = capsys.readouterr().err
        assert wanted in error and name in error and error.count("\n") == 1
        assert not bundle.exists()

    @pytest.mark.parametrize("name", ["pem", "garbage", "missing", "elliptic"])
    def test_keys_that_cannot_check_are_named(self, small, keys, capsys, name):
        assert main(["verify", str(small), "--key", str(keys[name])]) == 2
        error = capsys.readouterr().err
        assert name in error and error.count("\n") == 1
