"""One file from its first byte to the logits of every face: decode, detect, track, align, classify.

Any number of files can be analysed at a time, each in a thread of its own: one is decoded while the faces of another
are sought, and their crops fill the same batches of the network.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from classifiers import Engine
from extractors import FaceDetector
from extractors.face_crop import FaceCrop
from pipeline.analysis.coverage import doubts, measure
from pipeline.analysis.crop_queue import CropQueue
from pipeline.analysis.face_search import SharedDetector
from pipeline.analysis.judged_search import Join, JudgedSearch
from pipeline.analysis.orientation import turn_warnings
from pipeline.analysis.stopwatch import Stopwatch
from pipeline.media.frame_source import FrameSource
from pipeline.media.limits import Limits
from pipeline.media.probing import probe
from pipeline.media.provenance.reading import Found, read_provenance
from pipeline.media.provenance.trust import TrustList
from pipeline.media.sampling import SamplingPlan
from pipeline.media.source_file import Origin
from pipeline.media.types import MediaError, MediaInfo
from pipeline.results.coverage import Coverage
from pipeline.results.parts import Track


@dataclass(frozen=True, slots=True, eq=False)
class Analysis:
    """What was seen in one file.

    Attributes:
        media: facts about the file, None if it could not be probed.
        frames: number of frames that were looked at.
        rounds: the same for each round.
        tracks: the people in them; every observation has its logits.
        warnings: what the user should know.
        lost: number of frames that were chosen but could not be decoded.
        coverage: how much of the file was seen, None if it could not be probed.
        failure: what broke the analysis off, or None; what was seen before is told all the same.
        provenance: what the file says of its origin, None if it could not be probed.
    """

    media: MediaInfo | None = None
    frames: int = 0
    rounds: tuple[int, ...] = ()
    tracks: list[Track] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    lost: int = 0
    coverage: Coverage | None = None
    failure: MediaError | None = None
    provenance: Found | None = None

    @property
    def asked_for(self) -> int:
        """Number of frames that were chosen, whether they could be decoded or not."""
        return self.frames + self.lost


Rounds = Callable[
    [npt.NDArray[np.float64], npt.NDArray[np.bool_], Callable[[], Analysis]], Iterator[npt.NDArray[np.float64]]
]
"""From the times of a plan's frames, and whether each is held, to those to look at, round by round; the third argument
gives what has been seen when the next round is asked for."""


@dataclass(frozen=True, slots=True, eq=False)
class Classifier:
    """A network and the crop that it was trained on."""

    engine: Engine
    crop: FaceCrop


class Analyser:
    """Analyses files, from any number of threads.

    Args:
        detector: finds the faces.
        classifiers: the networks that judge each face, at least one.
        join: makes joint log odds of what several of them say; None for one.
        limits: what each file may take; None for the usual.
        trust: the authorities whose signers the user trusts.
    """

    def __init__(
        self,
        detector: FaceDetector,
        classifiers: Sequence[Classifier],
        join: Join | None = None,
        limits: Limits | None = None,
        trust: TrustList | None = None,
    ) -> None:
        self._detector = SharedDetector(detector)
        self._queues = [(each.crop, CropQueue(each.engine)) for each in classifiers]
        self._join = join
        self._limits = limits
        self._trust = trust

    def analyse(
        self,
        path: Path,
        plan: SamplingPlan,
        stopwatch: Stopwatch,
        rounds: Rounds | None = None,
        stopped: threading.Event | None = None,
        origin: Origin | None = None,
    ) -> Analysis:
        """Analyse the frames that a plan chooses, all in order or in rounds.

        Args:
            path: the file.
            plan: which frames.
            stopwatch: gets the seconds of each stage.
            rounds: which frames of a video first.
            stopped: breaks the analysis off once it is set.
            origin: where the file came from, if it is a copy.

        Raises:
            StoppedError: `stopped` was set.
        """
        try:
            with stopwatch.stage("probe"):
                media = probe(path, limits=self._limits, stopped=stopped, origin=origin)
        except MediaError as error:
            return Analysis(failure=error)
        with self.open(stopwatch, stopped) as search, contextlib.closing(media.source):
            analysis = _FileAnalysis(search).run(media, plan, None if media.kind == "image" else rounds)
            # After all that the verdict needs: it has what is left of the time.
            with stopwatch.stage("provenance"):
                return replace(analysis, provenance=read_provenance(media, self._trust))

    @contextlib.contextmanager
    def open(self, stopwatch: Stopwatch, stopped: threading.Event | None = None) -> Iterator[JudgedSearch]:
        """Begin a clip, whose frames may come from anywhere; it ends with the block.

        Args:
            stopwatch: gets the seconds of each stage.
            stopped: breaks the search off once it is set.
        """
        with contextlib.ExitStack() as opened:
            networks = [(crop, opened.enter_context(queue.open())) for crop, queue in self._queues]
            yield JudgedSearch(self._detector, networks, self._join, stopwatch, stopped)


class _FileAnalysis:
    """The analysis of one file while it is under way."""

    def __init__(self, search: JudgedSearch) -> None:
        self._search = search
        self._seen = Analysis()

    def run(self, media: MediaInfo, plan: SamplingPlan, rounds: Rounds | None) -> Analysis:
        source = FrameSource(media, plan)
        self._seen = Analysis(media)
        warnings: list[str] = []
        failure: MediaError | None = None
        if rounds is None:
            failure = self._search.search(source.in_order())
            self._conclude_round(media)
        else:
            for frames, refinement in source.in_rounds(lambda times_s, held: rounds(times_s, held, lambda: self._seen)):
                failure = self._search.search(frames, refinement=refinement)
                self._conclude_round(media)
                if failure and self._search.frames and failure.status == "undecodable":
                    # Other rounds may meet what can be read, and have.
                    warnings.append(str(failure))
                    failure = None
                elif failure:
                    break
        coverage = measure(media, self._search.seen(), source.losses)
        warnings += source.warnings + turn_warnings(self._seen.tracks, self._seen.frames)
        return replace(
            self._seen,
            warnings=doubts(coverage) + warnings,
            lost=len(source.losses.lost_s),
            coverage=coverage,
            failure=failure,
        )

    def _conclude_round(self, media: MediaInfo) -> None:
        """Join all faces so far to tracks."""
        frames, holds = self._search.frames, media.holds(self._search.sampled_s())
        self._seen = replace(
            self._seen,
            frames=frames,
            rounds=(*self._seen.rounds, frames - self._seen.frames),
            tracks=self._search.tracks(holds),
        )
