"""Keeps a watch: an annotated copy of the frames that were looked at, and a result like that of a scan."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from pipeline.analysis.scan import Scanner
from pipeline.analysis.stopwatch import Stopwatch
from pipeline.evidence.annotation.placement import Placement, playable_size
from pipeline.evidence.annotation.video_writer import VideoWriter
from pipeline.live.annotated import annotated
from pipeline.live.feeds import Feed
from pipeline.live.kept_evidence import KeptEvidence
from pipeline.live.watch import Moment
from pipeline.media.errors import quoted
from pipeline.media.ffmpeg import find_binary
from pipeline.media.types import PictureForm
from pipeline.media.video_probe import Banner
from pipeline.results.parts import InputRecord, ProbeRecord, SamplingRecord, rounded
from pipeline.results.verdict import Verdict
from pipeline.results.writers import WriteError, write_whole

_LAST_SHOWN_S = 0.1


def check(target: Path) -> None:
    """Make sure that a recording can be called so.

    Raises:
        WriteError: it is there already, or is not called as an MP4.
    """
    if target.suffix.lower() != ".mp4":
        raise WriteError(f"cannot write {quoted(target)}: recordings are MP4, so name it .mp4")
    for file in (target, _result_file(target)):
        if file.exists():
            raise WriteError(f"{quoted(file)} is there already: name the recording otherwise, or remove it")


def _result_file(target: Path) -> Path:
    return target.with_name(f"{target.name}.json")


class Recording:
    """Records a watch; use it in a `with`, at whose end what was recorded is whole.

    Args:
        target: the MP4 to write, see `check`; the result is written beside it, as `TARGET.json`.
        feed: what is watched.
        scanner: what judges it.
        sampling: which frames are looked at, in words.

    Raises:
        WriteError: as `check` does.
    """

    def __init__(self, target: Path, feed: Feed, scanner: Scanner, sampling: str) -> None:
        check(target)
        self.result_file = _result_file(target)
        self._target = target
        self._feed, self._scanner, self._sampling = feed, scanner, sampling
        self._evidence = KeptEvidence()
        self._stopwatch = Stopwatch()
        self._writer: VideoWriter | None = None
        self._size = (0, 0)
        self._form: PictureForm | None = None
        self._banner = Banner()
        self._came = 0

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._writer is None:
            return
        with self._writer as writer:
            # First the result: it is small, and says what there is.
            write_whole(self.result_file, json.dumps(self.verdict().to_json(), indent=1, allow_nan=False) + "\n")
            writer.finish(self._evidence.end_s + _LAST_SHOWN_S)

    @property
    def outcome(self) -> str:
        """What was recorded, in a sentence."""
        if self._writer is None:
            return f"nothing was recorded to {quoted(self._target)}, because there was no picture"
        return f"the recording is {quoted(self._target)}, its result {quoted(self.result_file)}"

    def add(self, moment: Moment) -> None:
        """Record a moment.

        Raises:
            WriteError: it cannot be written.
        """
        self._came = moment.came
        if moment.picture is None:
            return
        drawn = annotated(moment, moment.picture)
        size = (drawn.shape[1], drawn.shape[0])
        if self._writer is None:
            self._size, self._form, self._banner = size, moment.picture.frame.form, moment.banner
            self._writer = VideoWriter(self._target, playable_size(*size), None)
        copy = playable_size(*self._size)
        placed = Placement.of(size, self._size, copy).picture(drawn, copy)
        self._writer.write(placed, moment.picture.frame.time_s)
        self._evidence.add(moment.picture)

    def verdict(self) -> Verdict:
        """Give the result of what was recorded so far."""
        analysis = self._evidence.analysis()
        verdict = self._scanner.conclude(self._feed.name, analysis, self._stopwatch)
        binary = find_binary()
        form, banner = self._form, self._banner
        probe = ProbeRecord(
            kind="video",
            container=banner.container or "",
            codec=banner.videos[0].codec if banner.videos else "",
            pixel_format=form.pixel_format if form else "",
            width=self._size[0],
            height=self._size[1],
            not_looked_at=[],
            # ffmpeg has turned them upright.
            rotation_deg=0,
            duration_s=rounded(self._evidence.end_s),
            frames=self._came,
            variable_frame_rate=True,
            start_time_s=0.0,
            has_audio=banner.has_audio,
            color_transfer=form.color_transfer if form else None,
            interlaced=form.interlaced if form else False,
            decoder=str(binary),
        )
        return replace(
            verdict,
            input=InputRecord(verdict.input.path, None, None, probe, binary.confinement),
            sampling=SamplingRecord(self._sampling, analysis.frames),
        )
