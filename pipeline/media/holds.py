"""Frames that stay on screen: a frozen call, a screen recording, a slide.

A file of variable rate may store a picture once that is shown for a minute. A plan meets it once, and it stands for
that minute; the other frames stand for equal parts of what is left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

HOLD = 2.5
"""A frame is held if it stands for this many times as long as the others do. Frames that a camera drops, and the gaps
of usual variable rates, stay below; where nothing reaches it all frames count alike."""

_ROUNDING = 1e-6
_SHORT = 0.25


@dataclass(frozen=True, slots=True)
class Hold:
    """How long a frame that is looked at stays on screen, where that is longer than what others stand for.

    Attributes:
        shown_s: seconds from its presentation time until the next frame of the file, or the end.
        weight: how many of the others that are looked at it counts for, above 1.
    """

    shown_s: float
    weight: float


def held(shown_s: npt.NDArray[np.float64], count: int, others_s: float = 0.0) -> tuple[npt.NDArray[np.bool_], float]:
    """Find the frames that are shown for longer than an equal share of what the held ones leave.

    Args:
        shown_s: how long each frame is shown, float64 (frames,), at least `count` of them.
        count: number of frames to look at, 1 or more.
        others_s: seconds that further frames are shown, none of which is looked at.

    Returns:
        Which frames are held, bool (frames,): none in a clip where all stand for about as long. And the seconds that
        each of the other frames that are looked at stands for.
    """
    longest_first = np.argsort(-shown_s, kind="stable")
    falling = shown_s[longest_first]
    left_s = others_s + np.cumsum(falling[::-1])[::-1]
    share_s = left_s[:count] / np.arange(count, 0, -1)
    # Where every frame is looked at, a few that are shorter than most must not make all others held.
    usual_s = HOLD * np.quantile(shown_s, _SHORT)
    # Never all of them: the last share is all that is left.
    number = int(np.argmin(falling[:count] > np.maximum(share_s * (1 + _ROUNDING), usual_s)))
    found = np.zeros(len(shown_s), bool)
    if not 0 < HOLD * share_s[number] <= falling[0]:
        return found, float(share_s[0])
    found[longest_first[:number]] = True
    return found, float(share_s[number])


def shares(shown_s: npt.NDArray[np.float64], looked_at: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Give the seconds of a video that each frame that is looked at stands for; together all of it.

    Args:
        shown_s: how long each of all frames is shown, float64 (frames,).
        looked_at: indices into `shown_s`, int64 (n,), ascending.

    Returns:
        float64 (n,): for a held frame as long as it is shown, for all others the same.
    """
    if not len(looked_at):
        return np.empty(0)
    mine_s = shown_s[looked_at]
    is_held, share_s = held(mine_s, len(mine_s), max(0.0, float(shown_s.sum() - mine_s.sum())))
    return np.where(is_held, mine_s, share_s)
