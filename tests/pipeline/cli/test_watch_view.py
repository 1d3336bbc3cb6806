"""What a terminal shows of a watch."""

from __future__ import annotations

from datetime import datetime, timezone

import numpy as np
import pytest

from classifiers.calibration import UNCALIBRATED, Scores
from extractors import Face
from pipeline.live.events import Event
from pipeline.live.people import Person
from pipeline.live.rolling import RollingScore
from pipeline.live.watch import Moment
from pipeline.media.video_probe import Banner

pytest.importorskip("rich")


def person(number: int, last_s: float, score: float | None, label) -> Person:
    face = Face(np.zeros(4, np.float32), np.zeros((5, 2), np.float32), 1.0)
    scores = None if score is None else Scores(score, score, 0.0)
    return Person(number, 3.0, last_s, face, RollingScore(UNCALIBRATED), 9, scores, label)


def shown(capsys, *people: Person, is_lost: bool = False, name: str = "clip.mp4") -> str:
    from pipeline.cli.watch_view import WatchView

    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    events = [Event("appears", 62.5, at, f"Person {number} appears.") for number in range(20)]
    with WatchView(name) as view:
        view.show(Moment(62.5, events, people, None, is_lost, 900, 300, Banner()))
    return capsys.readouterr().out


def test_people_their_scores_and_the_latest_events_are_shown(capsys):
    text = shown(capsys, person(1, 62.5, 0.97, "likely_fake"), person(4, 58.4, None, None))
    first, second = (line for line in text.splitlines() if line.startswith(("1 ", "4 ")))
    assert "0.97" in first and "likely fake" in first and first.rstrip().endswith("now")
    assert "not judged yet" in second and second.rstrip().endswith("4 s ago")
    assert "03:04:05  0:01:02.5  Person 19 appears." in text and "Person 5 appears" not in text


def test_a_source_that_is_lost_is_said_and_its_name_steers_no_terminal(capsys):
    text = shown(capsys, is_lost=True, name="a\x1b[2Jb")
    assert "lost" in text and "nobody" in text and "\x1b[2J" not in text
