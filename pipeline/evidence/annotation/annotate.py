"""Draws a verdict onto its video or image: boxes, persons, scores and the verdict as it runs.

Every frame of the video is there, upright, at its own time, with the sound. Between two observations of a person the
box moves in a straight line if they are close in time; where no face was seen there is no box. A file without a face
gives a copy that says so, and a video that was sampled sparsely shows boxes only around the frames that were looked
at: scan with more frames a second for boxes that follow.
"""

from __future__ import annotations

import os
import secrets
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.evidence.annotation.drawing import Annotation, Canvas, Lane
from pipeline.evidence.annotation.face_marks import Mark
from pipeline.evidence.annotation.placement import Placement, playable_size
from pipeline.evidence.annotation.stream_facts import StreamFacts, find_stream_facts
from pipeline.evidence.annotation.video_writer import VideoWriter
from pipeline.evidence.pictures import PicturesError, box_of, reopen
from pipeline.media.decoding import open_frames
from pipeline.media.sampling import SamplingPlan
from pipeline.media.types import MediaError, MediaInfo, quoted
from pipeline.results.parts import FAILURES, Observation
from pipeline.results.verdict import Verdict
from pipeline.results.writers import WriteError

LONGEST_BRIDGE_S = 1.0
"""Observations further apart are not joined: a head does not move in a straight line for so long."""

_SHORT_BRIDGE_S = 0.25
_MISSED_STEPS = 1.6
_GLIMPSE_S = 0.12
_JPEG_QUALITY = 92


def annotated_path(result_file: Path, verdict: Verdict) -> Path:
    """Name the annotated copy that goes with a stored result: `clip.mp4.json` and `clip.mp4.annotated.mp4`.

    Args:
        result_file: where the result is stored.
        verdict: the result.
    """
    if verdict.probe.is_image:
        suffix = ".jpg" if verdict.probe.container == "jpeg" else ".png"
    else:
        suffix = ".mp4"
    return result_file.with_name(f"{result_file.name.removesuffix('.json')}.annotated{suffix}")


def annotate(verdict: Verdict, source: Path, target: Path) -> None:
    """Write an annotated copy of a file.

    Args:
        verdict: on the file.
        source: the file, which must be the same as when it was scanned.
        target: what to write, replacing what is there: MP4 for a video; JPEG or PNG, as its name says, for an image.

    Raises:
        PicturesError: the source is another file than the verdict is about, cannot be decoded, or was not when it was
            scanned.
        WriteError: the target cannot be written.
    """
    if verdict.status in FAILURES:
        raise PicturesError("unreadable", f"{quoted(source)} cannot be annotated, because it could not be scanned.")
    if target.exists() and source.exists() and target.samefile(source):
        raise WriteError(f"{quoted(target)} is the file that was scanned; write the annotated copy elsewhere")
    verdict = verdict.as_stored()
    media = reopen(verdict, source)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(f"cannot make the folder {quoted(target.parent)}: {error.strerror}") from error
    try:
        if media.kind == "image":
            _annotate_image(verdict, media, target)
        else:
            _annotate_video(verdict, media, target)
    except MediaError as error:
        raise PicturesError("unreadable", str(error)) from error


@dataclass(frozen=True, slots=True, eq=False)
class _Path:
    """The way of one person through the frames.

    Attributes:
        track: id of the track.
        judged: whether it counts for the file.
        times_s: of its observations, ascending.
        ends_s: the same, or where their frames stop being held.
        boxes: float (n, 4), x, y, width, height in pixels of the copy.
        scores: of the observations.
        bridge_s: observations no further apart than this are joined.
    """

    track: int
    judged: bool
    times_s: list[float]
    ends_s: list[float]
    boxes: npt.NDArray[np.float64]
    scores: list[float]
    bridge_s: float

    def at(self, time_s: float) -> tuple[npt.NDArray[np.float64], float] | None:
        """Give the box at a time and the score of the nearest observation; None where no face was seen."""
        after = bisect_right(self.times_s, time_s + 1e-3)
        before = after - 1
        if before >= 0 and after < len(self.times_s):
            gap_s = self.times_s[after] - self.times_s[before]
            if gap_s <= self.bridge_s:
                share = min(max((time_s - self.times_s[before]) / gap_s, 0.0), 1.0)
                box = (1 - share) * self.boxes[before] + share * self.boxes[after]
                return box, self.scores[after if share > 0.5 else before]
        for near in (before, after):
            if 0 <= near < len(self.times_s) and abs(self.times_s[near] - time_s) <= self._glimpse_s(near):
                return self.boxes[near], self.scores[near]
        return None

    def _glimpse_s(self, number: int) -> float:
        """How long before and after an observation its box is shown: enough to be seen where it stands alone."""
        neighbours = self.times_s[max(number - 1, 0) : number + 2]
        joined = any(later - earlier <= self.bridge_s for earlier, later in pairwise(neighbours))
        return 1e-3 if joined else _GLIMPSE_S

    def stretches(self) -> list[tuple[float, float, float]]:
        """Cut the way into pieces of one score: start, end, score. Gaps without a face are left out."""
        pieces = []
        for number, (time_s, score) in enumerate(zip(self.times_s, self.scores, strict=True)):
            start_s, end_s = time_s, self.ends_s[number]
            if number and time_s - self.ends_s[number - 1] <= self.bridge_s:
                start_s = (self.ends_s[number - 1] + time_s) / 2
            if number + 1 < len(self.times_s) and self.times_s[number + 1] - end_s <= self.bridge_s:
                end_s = (end_s + self.times_s[number + 1]) / 2
            pieces.append((start_s, end_s, score))
        return pieces


def _paths(verdict: Verdict, usual: tuple[int, int], copy: tuple[int, int]) -> list[_Path]:
    """Give the ways of all persons through a copy; `usual` is the size of most frames."""

    def box(seen: Observation) -> npt.NDArray[np.float64]:
        return Placement.of(verdict.frame_size(seen) or usual, usual, copy).box(box_of(seen))

    bridge_s = _bridge([seen.time_s for item in verdict.tracks for seen in item.track.observations])
    return [
        _Path(
            track=item.track.id,
            judged=item.supported,
            times_s=[seen.time_s for seen in item.track.observations],
            ends_s=[seen.end_s for seen in item.track.observations],
            boxes=np.array([box(seen) for seen in item.track.observations], np.float64),
            scores=[seen.weighed_score for seen in item.track.observations],
            bridge_s=bridge_s,
        )
        for item in verdict.tracks
    ]


def _boxes(paths: Sequence[_Path]) -> npt.NDArray[np.float64]:
    return np.concatenate([np.empty((0, 4)), *(path.boxes for path in paths)])


def _bridge(times_s: Sequence[float]) -> float:
    """Find the longest gap that hides no sampled frame without the face, or that is too short to matter."""
    steps = np.diff(np.unique(times_s))
    usual = float(np.median(steps)) if len(steps) else 0.0
    return min(LONGEST_BRIDGE_S, max(_SHORT_BRIDGE_S, _MISSED_STEPS * usual))


def _marks(verdict: Verdict, paths: Sequence[_Path], time_s: float) -> list[Mark]:
    found = [(path, *seen) for path in paths if (seen := path.at(time_s)) is not None]
    return [
        Mark(path.track, verdict.label_of(score) if path.judged else "not_judged", box, score)
        for path, box, score in found
    ]


def _annotate_video(verdict: Verdict, media: MediaInfo, target: Path) -> None:
    stream_facts = find_stream_facts(media) if media.decoder.startswith("ffmpeg") else StreamFacts()
    usual = (media.width, media.height)
    copy = playable_size(*usual)
    paths = _paths(verdict, usual, copy)
    start_s = float(media.frame_times_s[0])
    lanes = [Lane(path.judged, path.stretches()) for path in paths]
    canvas = Canvas(copy, verdict, _boxes(paths), lanes, (start_s, media.end_s))
    with (
        VideoWriter(target, copy, media, stream_facts) as writer,
        open_frames(media, SamplingPlan.every_frame()) as reader,
    ):
        for frame in reader:
            height, width, _ = frame.pixels.shape
            picture = Placement.of((width, height), usual, copy).picture(frame.image, copy)
            annotation = Annotation(frame.time_s, _marks(verdict, paths, frame.time_s))
            writer.write(canvas.draw(picture, annotation), frame.time_s)
        writer.finish(media.end_s)


def _annotate_image(verdict: Verdict, media: MediaInfo, target: Path) -> None:
    from PIL import Image

    with open_frames(media, SamplingPlan.every_frame()) as reader:
        frame = next(iter(reader))
    height, width, _ = frame.image.shape
    paths = _paths(verdict, (width, height), (width, height))
    picture = Canvas((width, height), verdict, _boxes(paths)).draw(
        frame.image, Annotation(0.0, _marks(verdict, paths, 0.0))
    )
    part = target.with_name(f".facewitness-{os.getpid()}-{secrets.token_hex(4)}{target.suffix}")
    try:
        Image.fromarray(picture).save(part, quality=_JPEG_QUALITY, optimize=True)
        part.replace(target)
    except ValueError as error:
        raise WriteError(f"cannot write {quoted(target)}: name it .png or .jpg") from error
    except OSError as error:
        raise WriteError(f"cannot write {quoted(target)}: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)
