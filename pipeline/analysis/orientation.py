"""Says which faces of a file do not stand upright."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.results.parts import Track


def turn_warnings(tracks: Iterable[Track], frames: int) -> list[str]:
    """Say by how much pictures were turned to look at their faces, in one sentence for each turn.

    Args:
        tracks: of the file.
        frames: number of frames that were looked at.
    """
    times_s: dict[int, set[float]] = {}
    for track in tracks:
        for seen in track.observations:
            if seen.turned_deg:
                times_s.setdefault(seen.turned_deg, set()).add(seen.time_s)
    return [_sentence(degrees, len(found), frames) for degrees, found in sorted(times_s.items())]


def _sentence(degrees: int, turned: int, frames: int) -> str:
    how = "stand upside down" if degrees == 180 else "lie on their side"
    where = "" if turned == frames else f" in {turned} of {frames} frames"
    which = "this picture was" if turned == 1 else "these pictures were"
    return f"Faces {how}{where}: {which} turned by {degrees} degrees clockwise to look at them."
