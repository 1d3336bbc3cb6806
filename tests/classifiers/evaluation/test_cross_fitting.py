"""Halves that share nothing, and the calibration error that is left on the half that nothing was fitted to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from classifiers.calibration import Calibration
from classifiers.evaluation.calibration_fitting import calibration_of
from classifiers.evaluation.cross_fitting import cross_fitted_ece, halve
from classifiers.evaluation.metrics import balanced_weights, expected_calibration_error
from classifiers.evaluation.predictions import Predictions
from classifiers.evaluation.scored import Scored, scored
from tests.bright_faces import sample

FRAMES = 3


def clips(*facts: tuple[bool, str, str]) -> list:
    """Samples of clips: whether fake, source, person."""
    return [
        sample(f"{number}-{frame}", fake, clip=f"clip {number}", source=source, person=person)
        for number, (fake, source, person) in enumerate(facts)
        for frame in range(FRAMES)
    ]


def sides(samples: list, attribute: str) -> dict[str, set[bool]]:
    halves = halve(samples)
    found: dict[str, set[bool]] = {}
    for each, second in zip(samples, halves.in_second(samples), strict=True):
        found.setdefault(getattr(each, attribute), set()).add(bool(second))
    return found


def test_halves_share_no_source_and_are_alike():
    samples = clips(*((fake, source, "") for source in "abcdef" for fake in (False, True)))
    assert halve(samples).apart == "source"
    assert all(len(found) == 1 for found in sides(samples, "source").values())
    second = halve(samples).in_second(samples)
    fake = np.array([each.fake for each in samples])
    assert (second & fake).sum() == (~second & fake).sum() == (second & ~fake).sum() == 6 * FRAMES / 2


def test_where_one_source_has_all_fakes_halves_share_no_person_and_no_clip():
    samples = clips(*((number % 2 == 1, "only", f"person {number // 4}") for number in range(16)))
    assert halve(samples).apart == "clip"
    assert all(len(found) == 1 for found in sides(samples, "person").values())


@pytest.mark.parametrize("reals", [1, 2])
def test_one_fake_clip_cannot_be_in_both_halves(reals):
    assert halve(clips(*[(False, "", "")] * reals, (True, "", ""))) is None


def test_the_same_samples_are_always_split_alike():
    samples = clips(*((fake, source, "") for source in "abcde" for fake in (False, True, True)))
    assert (halve(samples).in_second(samples) == halve(list(samples)).in_second(samples)).all()


def predictions(shift: float) -> Predictions:
    """Clips of eight sources; in the second half all logits are higher."""
    samples = clips(*((fake, source, "") for source in "abcdefgh" for fake in (False, True)))
    rng = np.random.default_rng(0)
    second = halve(samples).in_second(samples)
    first = np.repeat(rng.normal(0, 1, len(samples) // FRAMES), FRAMES) + [2.0 * each.fake for each in samples]
    return Predictions(samples, np.stack([first + shift * second, first * 0 - 30], axis=1).astype(np.float32))


def clip_scores(found: Predictions, calibration: Calibration) -> list[Scored]:
    rows = found.groups()
    chances = [calibration.scores(*found.logits[each].mean(axis=0).tolist()) for each in rows]
    return [scored("video", [found.samples[each[0]] for each in rows], chances)]


def test_each_half_is_scored_by_what_was_fitted_on_the_other():
    found = predictions(shift=4.0)
    halves = halve(found.samples)
    measured = cross_fitted_ece(found, lambda each: clip_scores(found, each), halves, draws=0)["video"].value
    second = halves.in_second(found.samples)
    chances, labels = [], []
    for half in (False, True):
        fitted = calibration_of(found.part(np.flatnonzero(second != half)))
        (table,) = clip_scores(found.part(np.flatnonzero(second == half)), fitted)
        chances += table.scores[:, 0].tolist()
        labels += table.labels.tolist()
    expected = expected_calibration_error(np.array(labels), np.array(chances), balanced_weights(np.array(labels)))
    assert measured == pytest.approx(expected)
    # Logits that lie elsewhere in the other half are what this is there to find.
    assert (
        measured
        > 0.2 + cross_fitted_ece(alike := predictions(0), lambda each: clip_scores(alike, each), halves)["video"].value
    )


def test_the_interval_is_bootstrapped():
    found = predictions(shift=0.0)
    ece = cross_fitted_ece(found, lambda each: clip_scores(found, each), halve(found.samples), draws=50)["video"]
    assert ece.low < ece.value < ece.high


def test_the_unit_of_the_logits_plays_no_part():
    found = predictions(shift=1.0)
    other = replace(found, logits=found.logits * np.float32([3, 1]))
    first, second = (
        cross_fitted_ece(each, lambda fitted, each=each: clip_scores(each, fitted), halve(each.samples), 0)["video"]
        for each in (found, other)
    )
    assert first.value == pytest.approx(second.value, abs=1e-3)
