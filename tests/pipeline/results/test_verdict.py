"""The result of one file, and that its schema lets nothing contradictory pass."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from skimage import data, io

from classifiers.calibration import Thresholds
from pipeline.media import probe
from pipeline.media.holds import Hold
from pipeline.results.coverage import Coverage
from pipeline.results.parts import FAILURES, display_path, label_of
from pipeline.results.schema import schema
from pipeline.results.verdict import NotAResultError, Verdict, read_verdict
from tests.evidence import THRESHOLDS, verdict

VALIDATOR = Draft202012Validator(schema())
FAKE = ((4.0, -20.0),) * 20
REAL = ((-2.0, -20.0),) * 20


def errors(document: object) -> list[str]:
    # As another program reads it: tuples are gone, and what is no JSON would have failed.
    document = json.loads(json.dumps(document, allow_nan=False))
    return [error.message for error in VALIDATOR.iter_errors(document)]


def test_schema_is_a_schema():
    Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize("logits", [[FAKE], [REAL, FAKE], [((0.0, 0.0),)] * 2 + [REAL]])
def test_verdict_is_valid(logits):
    assert errors(verdict(logits=logits, warnings=["the sound is damaged"]).to_json()) == []


@pytest.mark.parametrize("status", ["no_face", "insufficient_evidence", *FAILURES])
def test_result_without_verdict_is_valid_and_has_no_score(status):
    document = verdict(status=status).to_json()
    assert errors(document) == []
    assert document["status"] == status
    assert (document["verdict"], document["score"], document["segments"]) == (None, None, [])
    assert set(document["components"].values()) == {None}
    assert document["message"]


def test_faces_are_told_where_they_are_too_little_evidence():
    document = verdict(status="insufficient_evidence", logits=[FAKE[:1]]).to_json()
    [track] = document["tracks"]
    assert len(track["observations"]) == 1
    assert not track["supported"]


def test_facts_about_the_file_are_valid(tmp_path: Path):
    path = tmp_path / "portrait.png"
    io.imsave(path, data.astronaut())
    document = verdict(path, media=probe(path)).to_json()
    assert errors(document) == []
    assert document["input"]["bytes"] == path.stat().st_size
    assert (document["input"]["probe"]["width"], document["input"]["probe"]["kind"]) == (512, "image")


def test_result_says_what_was_seen():
    document = verdict(logits=[REAL, FAKE]).to_json()
    assert (document["verdict"], document["score"]) == ("likely_fake", 0.982)
    assert document["components"] == {"manipulated": 0.982, "generated": 0.0}
    assert [track["score"] for track in document["tracks"]] == [0.1192, 0.982]
    assert [(s["track"], s["start_s"], s["end_s"], s["score"]) for s in document["segments"]] == [(2, 0, 19, 0.982)]
    third = document["tracks"][1]["observations"][2]
    assert (third["frame"], third["time_s"], third["box"]) == (2, 2, [10, 10, 100, 100])
    assert third["landmarks"][0] == [46.0, 50.2]
    assert (third["detection_confidence"], third["quality"], third["score"]) == (0.99, 1, 0.982)


# Each is a change to a valid result that makes it say two things at once, or something that cannot be.
CONTRADICTIONS = {
    "ok without verdict": ("ok", {"verdict": None}),
    "ok without score": ("ok", {"score": None}),
    "ok without component": ("ok", {"components": {"manipulated": 0.5, "generated": None}}),
    "ok without face": ("ok", {"tracks": []}),
    "ok with excuse": ("ok", {"message": "it went wrong"}),
    "no face but a score": ("no_face", {"score": 0.5}),
    "no face but a verdict": ("no_face", {"verdict": "inconclusive"}),
    "no face but a component": ("no_face", {"components": {"manipulated": 0.5, "generated": None}}),
    "no face but evidence": ("no_face", {"segments": [{"start_s": 0, "end_s": 1, "track": 1, "score": 0.9}]}),
    "failure without reason": ("error", {"message": None}),
    "failure with empty reason": ("error", {"message": ""}),
    "failure with verdict": ("timeout", {"verdict": "likely_real", "score": 0.1}),
    "status of another name": ("ok", {"status": "real"}),
    "verdict of another name": ("ok", {"verdict": "REAL"}),
    "score above 1": ("ok", {"score": 1.01}),
    "score below 0": ("ok", {"score": -0.01}),
    "score in words": ("ok", {"score": "0.9"}),
    "threshold above 1": ("ok", {"thresholds": {"likely_fake": 70, "likely_real": 0.3, "operating_point": "x"}}),
    "no total time": ("ok", {"timing_s": {"decode": 1.0}}),
    "another schema": ("ok", {"schema": "facewitness/verdict/3"}),
    "field that nobody knows": ("ok", {"probability": 0.9}),
}


@pytest.mark.parametrize("status, change", CONTRADICTIONS.values(), ids=CONTRADICTIONS.keys())
def test_schema_rejects(status, change):
    document = verdict(status=status).to_json()
    assert errors(document) == []
    assert errors(document | change)


@pytest.mark.parametrize("field", schema()["required"])
def test_schema_rejects_what_lacks_a_field(field):
    document = verdict().to_json()
    del document[field]
    assert errors(document)


HOLDS = [
    ("hold", value)
    for value in (None, {"shown_s": 1.0}, {"shown_s": -1.0, "weight": 2.0}, {"shown_s": 1.0, "weight": 0.5})
]


@pytest.mark.parametrize(
    "field, value",
    [
        ("box", [1, 2, 3]),
        ("landmarks", [[1, 2]] * 4),
        ("time_s", -1),
        ("frame", 1.5),
        ("quality", 2),
        ("score", None),
        *HOLDS,
    ],
)
def test_schema_rejects_an_impossible_observation(field, value):
    document = verdict().to_json()
    document["tracks"][0]["observations"][3][field] = value
    assert errors(document)


def test_frame_that_was_not_counted_is_valid():
    document = verdict().to_json()
    document["tracks"][0]["observations"][3]["frame"] = None
    assert errors(document) == []


def test_label_changes_at_the_thresholds():
    labels = [label_of(score, THRESHOLDS) for score in (0, 0.3, 0.3001, 0.6999, 0.7, 1)]
    assert labels == ["likely_real"] * 2 + ["inconclusive"] * 2 + ["likely_fake"] * 2


@given(st.floats(-8, 8))
def test_label_follows_from_the_score_as_it_is_written(logit):
    document = verdict(logits=[[(logit, -20.0)] * 4]).to_json()
    assert document["verdict"] == label_of(document["score"], THRESHOLDS)


def test_label_follows_from_the_score_as_it_is_written_also_next_to_a_threshold():
    for score in np.linspace(0.69994, 0.70006, 13):
        logit = float(np.log(score / (1 - score)))
        document = verdict(logits=[[(logit, -20.0)] * 4]).to_json()
        assert document["verdict"] == label_of(document["score"], THRESHOLDS), document["score"]


@pytest.mark.skipif(os.name == "nt", reason="names of files are text there")
def test_path_that_is_no_utf8_is_spelt_out():
    path = os.fsdecode(b"/media/caf\xe9 \xf0\x9f\x8e\xac.mp4")
    assert display_path(path) == display_path(Path(path)) == "/media/caf\\xe9 \N{CLAPPER BOARD}.mp4"
    document = verdict(path).to_json()
    assert errors(document) == []
    assert json.dumps(document["input"], ensure_ascii=False).encode("utf-8")


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_path_that_is_utf8_is_given_as_it_is(path):
    assert display_path(path) == path


def as_stored(document: object) -> object:
    return json.loads(json.dumps(document, allow_nan=False))


def as_version_1(document: dict) -> dict:
    """The same result as the first schema had it."""
    document = as_stored(document)
    del document["coverage"]
    del document["input"]["confinement"]
    for track in document["tracks"]:
        for observation in track["observations"]:
            del observation["logits"]
    return document | {"schema": "facewitness/verdict/1"}


@given(
    st.sampled_from(["ok", "no_face", "insufficient_evidence", *FAILURES]),
    st.lists(st.lists(st.tuples(st.floats(-9, 9), st.floats(-9, 9)), min_size=3, max_size=9), min_size=1, max_size=3),
)
def test_what_was_stored_is_read_back_whole(status, logits):
    document = as_stored(verdict(status=status, logits=logits).to_json())
    read = Verdict.from_json(document)
    assert as_stored(read.to_json()) == document
    assert (read.status, read.label, read.unreadable) == (status, document["verdict"], ())
    rows = [o.logits for item in read.tracks for o in item.track.observations]
    assert not rows or np.array_equal(np.stack(rows), np.concatenate([np.float32(row) for row in logits]))


def test_how_long_a_picture_is_held_is_read_back():
    seen = verdict(logits=[FAKE])
    held = seen.tracks[0].track.observations
    held[-1] = replace(held[-1], hold=Hold(60.04, 252.88586956521686))
    document = as_stored(seen.to_json())
    assert errors(document) == []
    assert "hold" not in document["tracks"][0]["observations"][0]
    assert document["tracks"][0]["end_s"] == 79.04
    read = Verdict.from_json(document)
    assert [o.hold for o in read.tracks[0].track.observations] == [None] * 19 + [Hold(60.04, 252.88586956521686)]
    assert (round(read.duration_s, 4), read.unreadable) == (79.04, ())


def test_facts_about_the_file_are_read_back(tmp_path: Path):
    path = tmp_path / "portrait.png"
    io.imsave(path, data.astronaut())
    seen = verdict(path, media=probe(path))
    assert Verdict.from_json(as_stored(seen.to_json())).input == seen.input


def test_results_of_the_first_schema_are_valid_and_read():
    document = as_version_1(verdict(logits=[REAL, FAKE]).to_json())
    assert list(Draft202012Validator(schema(1)).iter_errors(document)) == []
    read = Verdict.from_json(document)
    assert (read.label, read.score, read.unreadable, read.has_foreign_schema) == ("likely_fake", 0.982, (), False)
    assert [o.logits for o in read.tracks[0].track.observations] == [None] * 20
    assert read_verdict(json.dumps(document)).label == "likely_fake"


def test_coverage_is_read_as_it_was_written():
    coverage = Coverage(20.0, 0.45, 0.5, ((0.0, 8.0),), ((10.0, 12.5), (13.0, 13.5)), ((14.0, 15.0),))
    document = verdict(coverage=coverage).to_json()
    assert list(Draft202012Validator(schema()).iter_errors(document)) == []
    read = Verdict.from_json(json.loads(json.dumps(document)))
    assert (read.coverage, read.duration_s, read.unreadable) == (coverage, 20.0, ())


def test_a_result_that_was_stored_without_coverage_is_whole():
    document = verdict().to_json()
    del document["coverage"]
    assert list(Draft202012Validator(schema()).iter_errors(document)) == []
    read = read_verdict(json.dumps(document))
    assert (read.coverage, read.label) == (None, "likely_fake")


@pytest.mark.parametrize("changes", [{"seen": 1.5}, {"seen": None}, {"not_readable": [[1, 2]]}, {"other": 1}])
def test_coverage_that_is_not_as_the_schema_says_is_named(changes):
    document = verdict(coverage=Coverage(20.0, 1.0, 1.0)).to_json()
    document["coverage"] |= changes
    read = Verdict.from_json(document)
    assert (read.coverage, read.unreadable, read.label) == (None, ("coverage",), "likely_fake")


@pytest.mark.parametrize("document", [None, 17, "text", [], {}, {"schema": 1}, {"schema": "facewitness/faces/1"}])
def test_what_is_no_result_is_refused(document):
    with pytest.raises(NotAResultError, match="is not a result of"):
        Verdict.from_json(document)


DAMAGE = {
    "no thresholds": ({"thresholds": None}, "thresholds", "error"),
    "a track that is no track": ({"tracks": [17]}, "tracks", "ok"),
    "a track in place of a list": ({"tracks": verdict().to_json()["tracks"][0]}, "tracks", "ok"),
    "a score in words": ({"score": "high"}, "score", "error"),
    "a verdict of another name": ({"verdict": "REAL"}, "verdict", "error"),
    "a model without a name": ({"model": {"engine": "openvino"}}, "model", "ok"),
}


@pytest.mark.parametrize(("change", "name", "status"), DAMAGE.values(), ids=DAMAGE.keys())
def test_damaged_parts_are_left_out_and_named(change, name, status):
    document = as_stored(verdict(logits=[REAL, FAKE]).to_json()) | change
    read = Verdict.from_json(document)
    assert read.unreadable == (name,)
    assert (read.status, read.score is None) == (status, status != "ok")
    assert read_verdict(json.dumps(document)) is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("box", [1, 2, 3]),
        ("landmarks", [[1, 2]] * 4),
        ("time_s", -1),
        ("frame", True),
        ("logits", [1]),
        ("score", "1"),
        *HOLDS,
    ],
)
def test_a_track_with_an_impossible_face_is_left_out(field, value):
    document = as_stored(verdict(logits=[REAL, FAKE]).to_json())
    document["tracks"][0]["observations"][3][field] = value
    read = Verdict.from_json(document)
    assert [item.track.id for item in read.tracks] == [2]
    assert read.unreadable == ("tracks",)


def test_a_strange_fact_does_not_cost_the_name_of_the_file(tmp_path: Path):
    path = tmp_path / "portrait.png"
    io.imsave(path, data.astronaut())
    document = as_stored(verdict(path, media=probe(path)).to_json())
    document["input"]["probe"] |= {"width": "wide", "colour": "blue"}
    read = Verdict.from_json(document)
    assert (read.input.path, read.input.probe.width, read.input.probe.height) == (str(path), None, 512)


def test_a_result_of_a_later_schema_gives_what_it_can():
    document = as_stored(verdict(logits=[FAKE]).to_json()) | {"schema": "facewitness/verdict/9"}
    read = Verdict.from_json(document)
    assert (read.label, read.has_foreign_schema) == ("likely_fake", True)
    assert read_verdict(json.dumps(document)) is None


def test_the_verdict_of_a_model_without_an_operating_point_is_read_back():
    """Manifests of models that nobody has calibrated may name none."""
    uncalibrated = replace(verdict(logits=[FAKE]), thresholds=Thresholds(0.5, 0.5, ""))
    document = as_stored(uncalibrated.to_json())
    assert errors(document) == []
    assert (Verdict.from_json(document).status, Verdict.from_json(document).unreadable) == ("ok", ())
