"""What a file says of its origin, in the JSON of its result and in its line of the table."""

from __future__ import annotations

import json
from dataclasses import replace

import jsonschema
import pytest

from pipeline.media.provenance.declarations import Credentials, Note
from pipeline.results.provenance import Provenance
from pipeline.results.schema import schema
from pipeline.results.summary import Summary
from pipeline.results.verdict import Verdict
from tests.evidence import verdict

SIGNED = Credentials(
    "valid",
    signer="Signer",
    issuer="Issuer",
    trusted=True,
    generator="Camera 1",
    actions=("c2pa.created",),
    source_types=("http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture",),
)
BY_AI = Note("exif", "Software", "Midjourney", "generated")
CAMERA = Note("exif", "Make", "Maker", None)


def with_provenance(credentials: Credentials, *notes: Note, status: str = "ok") -> Verdict:
    return replace(verdict(status=status), provenance=Provenance.of(credentials, notes, None))


@pytest.mark.parametrize("credentials", [SIGNED, Credentials("none"), Credentials("remote", message="http://a/b")])
@pytest.mark.parametrize("trust_list", [None, "0" * 64])
def test_it_is_valid_json_and_comes_back_the_same(credentials, trust_list):
    told = Provenance.of(credentials, [BY_AI, CAMERA], trust_list)
    document = json.loads(json.dumps(replace(verdict(), provenance=told).to_json()))
    jsonschema.validate(document, schema())
    read = Verdict.from_json(document)
    assert read.provenance == told and not read.unreadable
    assert document["provenance"]["declares"] == "generated"


def test_no_score_depends_on_it():
    without, told = verdict().to_json(), with_provenance(SIGNED, BY_AI).to_json()
    del told["provenance"]
    assert told == without


@pytest.mark.parametrize(
    "change",
    [{"declares": "surely"}, {"credentials": {"state": "valid"}}, {"notes": [{"place": "exif"}]}, {"trust_list": "x"}],
)
def test_what_was_changed_by_hand_is_left_out_and_named(change):
    document = with_provenance(SIGNED, BY_AI).to_json()
    document["provenance"] |= change
    read = Verdict.from_json(document)
    assert read.provenance is None and read.unreadable == ("provenance",) and read.score is not None


def test_results_of_earlier_versions_have_none():
    read = Verdict.from_json(verdict().to_json())
    assert read.provenance is None and not read.unreadable


@pytest.mark.parametrize(
    ("credentials", "notes", "note"),
    [
        (Credentials("none"), [], ""),
        (Credentials("none"), [CAMERA], ""),
        (SIGNED, [CAMERA], ""),
        (Credentials("unreadable", message="why"), [], ""),
        (Credentials("none"), [BY_AI], "declares AI generation"),
        (replace(SIGNED, part_source_types=("trainedAlgorithmicMedia",)), [], "declares AI-generated parts"),
        (replace(SIGNED, state="invalid"), [], "its Content Credentials do not hold"),
        (replace(SIGNED, state="invalid"), [BY_AI], "declares AI generation, its Content Credentials do not hold"),
    ],
)
def test_the_table_tells_of_declared_generation_and_broken_signatures_alone(credentials, notes, note):
    assert Summary.of(with_provenance(credentials, *notes)).note == note
    told = Summary.of(with_provenance(credentials, *notes, status="no_face")).note
    assert told == "; ".join(filter(None, ("this is why there is no verdict", note)))
