"""Several models in one scan say what each says alone, of the same faces."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pipeline import Scanner, Verdict
from pipeline.evidence.report.page import render_report
from pipeline.media.sampling import SLACK, SamplingPlan
from pipeline.results.summary import Summary
from tests.media_files import SAMPLES

NAMES = ("mobilenet_v2", "vgg16")
PLAN = SamplingPlan.spread(6, SLACK)


@pytest.fixture(scope="module")
def joint() -> Verdict:
    return Scanner(NAMES, plan=PLAN, precision="f32").scan(SAMPLES / "two_people.mp4")


@pytest.fixture(scope="module", params=[0, 1], ids=NAMES)
def number(request) -> int:
    return request.param


@pytest.fixture(scope="module")
def alone(number) -> Verdict:
    return Scanner(NAMES[number], plan=PLAN, precision="f32").scan(SAMPLES / "two_people.mp4")


def test_each_says_what_it_says_alone(joint, alone, number):
    opinion = joint.opinions[number]
    assert opinion.model == alone.model and opinion.label == alone.label
    assert (opinion.thresholds, opinion.score_kind) == (alone.thresholds, alone.score_kind)
    assert opinion.scores.fake == pytest.approx(alone.scores.fake, abs=1e-4)
    assert {item.track.id: pytest.approx(item.scores.fake, abs=1e-4) for item in alone.tracks} == {
        track: scores.fake for track, scores in opinion.people.items()
    }


def test_faces_and_logits_are_those_of_each_scan(joint, alone, number):
    for together, single in zip(joint.tracks, alone.tracks, strict=True):
        for seen, wanted in zip(together.track.observations, single.track.observations, strict=True):
            np.testing.assert_array_equal(seen.face.landmarks, wanted.face.landmarks)
            np.testing.assert_allclose(seen.opinions[number], wanted.logits, atol=1e-3)


def test_the_joint_score_lies_between_theirs(joint):
    first, second = (opinion.scores.fake for opinion in joint.opinions)
    assert min(first, second) - 0.01 <= joint.score <= max(first, second) + 0.01
    assert joint.model.name == "mobilenet_v2 + vgg16" and joint.score_kind == "raw"


def test_a_stored_result_tells_all_of_it(joint):
    document = json.loads(json.dumps(joint.to_json()))
    assert Verdict.from_json(document).to_json() == document
    assert [opinion["model"]["name"] for opinion in document["opinions"]] == list(NAMES)


def test_the_table_says_what_each_says(joint):
    said = ", ".join(f"{each.model.name} {each.scores.fake:.2f}" for each in joint.opinions)
    assert Summary.of(joint).note.startswith(said)


def test_the_page_says_what_each_says(joint):
    page = render_report(joint, None)
    assert "What each model says" in page
    for opinion in joint.opinions:
        assert f"<bdi>{opinion.model.name}</bdi>" in page


def test_one_model_has_no_opinions_beside_it(alone):
    assert not alone.opinions and "opinions" not in alone.to_json()
    assert "What each model says" not in render_report(alone, None)


def test_without_a_face_nobody_says_anything():
    verdict = Scanner(NAMES, plan=SamplingPlan.spread(2, SLACK)).scan(SAMPLES / "no_face.mp4")
    assert verdict.status == "no_face"
    assert [(each.label, each.scores, dict(each.people)) for each in verdict.opinions] == [(None, None, {})] * 2
