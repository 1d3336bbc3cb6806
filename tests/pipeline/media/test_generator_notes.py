"""The plain notes of cameras and generators, and what of them says that a computer drew the picture."""

from __future__ import annotations

import io
import json
from pathlib import Path

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, PngImagePlugin

from pipeline.media import image_process, probe
from pipeline.media.container_tags import ContainerTags
from pipeline.media.image_messages import read_message
from pipeline.media.provenance.declarations import Note, declared_by_note, declared_by_type
from pipeline.media.provenance.messages import PROVENANCE
from pipeline.media.provenance.notes import read_notes
from pipeline.media.provenance.reading import read_provenance
from tests.media_files import number_frame, number_frames, run_ffmpeg, write_video

IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"
XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description {attributes}>{elements}</rdf:Description>'
    "</rdf:RDF></x:xmpmeta>"
)
WEB_UI = "a portrait of a person who is not there\nNegative prompt: hat\nSteps: 20, Sampler: Euler a, CFG scale: 7"


def picture() -> Image.Image:
    return Image.fromarray(number_frame(5))


def notes_of(path: Path) -> list[Note]:
    return read_provenance(probe(path)).notes


def exif(software: str = "", comment: bytes = b"") -> Image.Exif:
    made = Image.Exif()
    made[ExifTags.Base.Make], made[ExifTags.Base.Model], made[ExifTags.Base.Software] = "Maker", "One", software
    made.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = comment
    return made


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tiff", "a.avif"])
def test_exif_names_the_camera_and_the_program(tmp_path, name):
    picture().save(tmp_path / name, exif=exif("Adobe Firefly"))
    found = [(note.name, note.value, note.declares) for note in notes_of(tmp_path / name)]
    assert found == [
        ("Make", "Maker", None),
        ("Model", "One", None),
        ("Software", "Adobe Firefly", "generated"),
    ]


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.avif"])
@pytest.mark.parametrize(
    "packet",
    [
        XMP.format(attributes=f'Iptc4xmpExt:DigitalSourceType="{IPTC}trainedAlgorithmicMedia"', elements=""),
        XMP.format(
            attributes="",
            elements=f"<Iptc4xmpExt:DigitalSourceType>{IPTC}trainedAlgorithmicMedia</Iptc4xmpExt:DigitalSourceType>",
        ),
        XMP.format(
            attributes="", elements=f'<Iptc4xmpExt:DigitalSourceType rdf:resource="{IPTC}trainedAlgorithmicMedia"/>'
        ),
        XMP.format(attributes="", elements="<photoshop:Credit>Made with Google AI</photoshop:Credit>"),
    ],
)
def test_xmp_declares_the_kind_of_source(tmp_path, name, packet):
    if name.endswith("png"):
        text = PngImagePlugin.PngInfo()
        text.add_itxt("XML:com.adobe.xmp", packet)
        picture().save(tmp_path / name, pnginfo=text)
    else:
        picture().save(tmp_path / name, xmp=packet.encode())
    (note,) = notes_of(tmp_path / name)
    assert note.place == "xmp" and note.declares == "generated"


def test_web_interfaces_write_their_settings_into_png(tmp_path):
    text = PngImagePlugin.PngInfo()
    text.add_text("parameters", WEB_UI)
    text.add_text("Title", "a title")
    picture().save(tmp_path / "a.png", pnginfo=text)
    (note,) = notes_of(tmp_path / "a.png")
    assert (note.place, note.name, note.declares) == ("png", "parameters", "generated")
    # Behind the picture, where some programs write, and behind a long prompt.
    chunk = PngImagePlugin.PngInfo()
    chunk.add_text("parameters", "a prompt " * 200 + WEB_UI)
    late = io.BytesIO()
    picture().save(late, "PNG", pnginfo=chunk)
    start = late.getvalue().find(b"tEXt") - 4
    size = int.from_bytes(late.getvalue()[start : start + 4], "big") + 12
    bare = io.BytesIO()
    picture().save(bare, "PNG")
    end = bare.getvalue().rfind(b"IEND") - 4
    moved = bare.getvalue()[:end] + late.getvalue()[start : start + size] + bare.getvalue()[end:]
    (tmp_path / "b.png").write_bytes(moved)
    (note,) = notes_of(tmp_path / "b.png")
    assert note.declares == "generated" and "Steps: 20" in note.value and len(note.value) <= 300


@pytest.mark.parametrize(
    "comment",
    [
        b"UNICODE\0" + WEB_UI.encode("utf-16-be"),
        b"UNICODE\0" + WEB_UI.encode("utf-16-le"),
        b"ASCII\0\0\0" + WEB_UI.encode(),
    ],
)
def test_web_interfaces_write_their_settings_into_exif(tmp_path, comment):
    picture().save(tmp_path / "a.jpg", exif=exif(comment=comment))
    assert [note.name for note in notes_of(tmp_path / "a.jpg") if note.declares] == ["UserComment"]


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_tags_of_containers_tell_too(tmp_path, suffix):
    write_video(tmp_path / "a.mp4", number_frames(5))
    tagged = tmp_path / f"b.{suffix}"
    tags = {"make": "Maker", "comment": "Made with Sora\n    make : Other", "title": "A film on OpenAI"}
    options = [part for name, value in tags.items() for part in ("-metadata", f"{name}={value}")]
    run_ffmpeg("-i", tmp_path / "a.mp4", *options, "-c", "copy", "-movflags", "use_metadata_tags", tagged)
    found = read_provenance(probe(tagged))
    told = {(note.place, note.name.lower(), note.value, note.declares) for note in found.notes}
    assert told == {("container", "make", "Maker", None), ("container", "comment", "Made with Sora", "generated")}
    assert (found.credentials.state == "not_checked") >= (suffix == "mkv")


def test_only_tags_of_the_container_itself_are_read():
    tags = ContainerTags()
    for line in (
        "[info]   Metadata:",
        "[info]     make            : Apple",
        "                    :   make: other",
        "[info]   Duration: 00:00:02.00, start: 0.000000, bitrate: 11 kb/s",
        "[info]   Stream #0:0: Video: h264",
        "[info]     Metadata:",
        "[info]       software     : Sora",
    ):
        tags.feed(line)
    assert tags.found == [("make", "Apple")]


@pytest.mark.parametrize(
    ("name", "value", "declares"),
    [
        ("Software", "Adobe Photoshop 26.1", None),
        ("Software", "Midjourney", "generated"),
        ("CreatorTool", "Stable Diffusion XL", "generated"),
        ("com.apple.quicktime.software", "Runway", "generated"),
        ("description", "How Midjourney and Stable Diffusion changed photography", None),
        ("description", "Made with Adobe Firefly", "generated"),
        ("comment", "Sora and her friends", None),
        ("artist", "Luma", None),
        ("Software", "Lumafusion", None),
        ("Description", "a cat --v 6.0 Job ID: 01234567-89ab-4cde-8f01-23456789abcd", "generated"),
        ("Title", "AI generated image", "generated"),
        ("DigitalSourceType", f"{IPTC}digitalCapture", None),
        ("DigitalSourceType", f"{IPTC}compositeWithTrainedAlgorithmicMedia", "partly_generated"),
        ("DigitalSourceType", "trainedAlgorithmicMedia", "generated"),
    ],
)
def test_what_a_note_declares(name, value, declares):
    assert declared_by_note(name, value) == declares


def test_a_source_type_is_known_by_its_last_part():
    assert declared_by_type(f"{IPTC}trainedAlgorithmicMedia/") == "generated"
    assert declared_by_type(f"{IPTC}trainedAlgorithmicMedia#x") is None


@pytest.mark.filterwarnings("ignore::UserWarning")
@settings(max_examples=80, deadline=None)
@given(data=st.data(), kind=st.sampled_from(["JPEG", "PNG", "WEBP", "TIFF"]))
def test_damaged_metadata_never_break_what_reads_them(data, kind):
    made = io.BytesIO()
    packet = XMP.format(attributes=f'a:DigitalSourceType="{IPTC}x"', elements="").encode()
    picture().save(made, kind, exif=exif("x", b"UNICODE\0abc"), **({} if kind == "TIFF" else {"xmp": packet}))
    content = bytearray(made.getvalue())
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(12, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    try:
        image = Image.open(io.BytesIO(content))
    except Exception:  # Pillow raises anything of pictures that are damaged; then there is no scan either
        return
    for place, name, value in read_notes(image):
        assert place in ("png", "exif", "iptc", "xmp") and name and value


def test_what_dies_while_it_reads_costs_no_verdict(tmp_path):
    picture().save(tmp_path / "a.png")
    probe(tmp_path / "a.png")
    server = psutil.Process(image_process._server._process.pid)
    before = server.children()
    info = probe(tmp_path / "a.png")
    (process,) = set(server.children()) - set(before)
    process.kill()
    found = read_provenance(info)
    assert found.credentials.state == "unreadable" and "ran into an error" in found.credentials.message


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"credentials": None},
        {"credentials": {"state": "fine"}, "notes": []},
        {"credentials": {"state": ["none"]}, "notes": []},
        {"credentials": [], "notes": []},
        {"credentials": {"state": "none", "trusted": "yes"}, "notes": []},
        {"credentials": {"state": "none", "actions": "all"}, "notes": []},
        {"credentials": None, "notes": [["nowhere", "a", "b"]]},
        {"credentials": None, "notes": [[["xmp"], "a", "b"]]},
        {"credentials": None, "notes": [["xmp", "a"]]},
        {"credentials": None, "notes": ["xmp"]},
        {"credentials": None, "notes": [["xmp", "a", "b"]] * 1000},
        {"credentials": {"state": "valid", "trusted": 1}, "notes": []},
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(said):
    with pytest.raises(ValueError):
        read_message(json.dumps(said).encode(), PROVENANCE)


def test_what_is_said_is_printable_and_short():
    said = {"credentials": {"state": "valid", "signer": "a\x1b[2Jb" + "c" * 9999, "actions": ["x\ny", 5]}, "notes": []}
    found = read_message(json.dumps(said).encode(), PROVENANCE)["credentials"]
    assert found.signer.startswith("a\\x1b[2Jb") and len(found.signer) < 400
    assert found.actions == ("x\\ny",)
