"""Results of the first version, and verdicts that were never stored, are drawn as the stored ones of today."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from classifiers import find_model
from pipeline.evidence.annotation.annotate import annotate
from pipeline.evidence.companion_files import CompanionFiles
from pipeline.evidence.heat_map_files import write_heat_maps
from pipeline.evidence.notebook_view import to_html
from pipeline.evidence.report import report_folder
from pipeline.media import probe
from pipeline.results.schema import schema
from pipeline.results.verdict import Verdict
from tests.evidence import verdict
from tests.stored_results import as_version_1, seen_in, text_of


@pytest.fixture
def both(clip: Path) -> tuple[dict, dict]:
    """One result as this version and as the first version stored it; the shipped model can explain it."""
    document = seen_in(clip, tracks=2)
    spec = find_model()
    sha256 = next(iter(spec.files.values())).sha256
    document["model"] |= {"name": spec.name, "weights_sha256": sha256}
    earlier = as_version_1(document)
    jsonschema.validate(document, schema())
    jsonschema.validate(earlier, schema(1))
    assert "logits" in json.dumps(document) and "logits" not in json.dumps(earlier)
    return document, earlier


def test_a_page_is_the_same_but_for_the_name_of_the_schema(tmp_path, both):
    pages = []
    for name, document in zip(("now", "earlier"), both, strict=True):
        (tmp_path / name).mkdir()
        (tmp_path / name / "clip.json").write_text(json.dumps(document))
        assert report_folder(tmp_path / name)[:2] == (1, 0)
        page = (tmp_path / name / "clip.html").read_text(encoding="utf-8")
        assert page.count("data:image/jpeg") > 10
        pages.append([line for line in page.splitlines() if "facewitness-result" not in line])
    now, earlier = pages
    assert "facewitness/verdict/1" in text_of("\n".join(earlier))
    assert [line.replace("facewitness/verdict/2", "facewitness/verdict/1") for line in now] == earlier
    for doubt in ("was written in another form", "missing or damaged"):
        assert doubt not in text_of("\n".join(earlier))


def test_the_annotated_copy_and_the_heat_maps_are_the_same(tmp_path, clip, both):
    made = []
    for name, document in zip(("now", "earlier"), both, strict=True):
        result_file = tmp_path / name / "clip.mp4.json"
        wanted = CompanionFiles(annotated=True, heat_maps=True)
        wanted.write(Verdict.from_json(document), clip, result_file)
        files = [path for path in (tmp_path / name).rglob("*") if path.is_file()]
        made.append({path.relative_to(tmp_path / name): path.read_bytes() for path in files})
    now, earlier = made
    assert len(now) == 1 + 2 * 2 * 3
    assert now == earlier


def test_what_is_drawn_of_a_verdict_is_what_is_drawn_of_its_file(tmp_path, clip):
    scanned = verdict(clip, logits=(((0.123456, -1.0),) * 3, ((3.0, -1.0),) * 3), media=probe(clip))
    for item in scanned.tracks:
        for seen in item.track.observations:
            seen.face.box[:] = (20.04321, 10.06789, 40.449, 40.451)
    stored = Verdict.from_json(json.loads(json.dumps(scanned.to_json())))
    assert scanned.tracks[0].scores.fake != stored.tracks[0].scores.fake
    for name, each in (("scanned", scanned), ("stored", stored)):
        annotate(each, clip, tmp_path / f"{name}.mp4")
        write_heat_maps(each, clip, find_model(), tmp_path / name)
    assert (tmp_path / "scanned.mp4").read_bytes() == (tmp_path / "stored.mp4").read_bytes()
    names = [sorted(path.name for path in (tmp_path / name).iterdir()) for name in ("scanned", "stored")]
    assert names[0] == names[1] != []
    assert to_html(scanned) == to_html(stored)
