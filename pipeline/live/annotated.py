"""A picture that was looked at, with boxes and what each person scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pipeline.evidence.annotation.face_marks import FaceMarks, Mark
from pipeline.live.people import Person
from pipeline.live.watch import Moment, Picture


def annotated(moment: Moment, picture: Picture) -> npt.NDArray[np.uint8]:
    """Draw on a copy of a picture: RGB uint8 (height, width, 3).

    Args:
        moment: who is there.
        picture: its picture.
    """
    drawn = picture.frame.image.copy()
    height, width, _ = drawn.shape
    FaceMarks((width, height)).draw(drawn, _marks(moment.people, picture.frame.time_s))
    return drawn


def _marks(people: Sequence[Person], time_s: float) -> list[Mark]:
    """Mark those who are seen at a time."""
    return [
        Mark(
            who.id,
            who.label if who.label and who.scores else "not_judged",
            who.face.box.astype(np.float64),
            who.scores.fake if who.scores else 0.0,
        )
        for who in people
        if who.last_s == time_s
    ]
