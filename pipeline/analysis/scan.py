"""The way from a file to its verdict: decode, detect, track, align, classify, weigh."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from classifiers import create_engine, find_model
from extractors import create_detector
from extractors.align import CropGeometry
from pipeline.analysis.adaptive import doubted, rounds
from pipeline.analysis.aggregate import DEFAULT_POOLING, MIN_OBSERVATIONS, MIN_QUALITY, POOLINGS, Evidence, weigh
from pipeline.analysis.concurrency import in_order
from pipeline.analysis.look import Looker, Sight
from pipeline.analysis.resources import files_at_a_time, usable_cores
from pipeline.analysis.tracks import Track
from pipeline.media.sampling import SLACK, SamplingPlan
from pipeline.media.types import MediaError
from pipeline.results.verdict import ModelIdentity, SamplingRecord, Status, Verdict, label_of


class Scanner:
    """Scans videos and images for manipulated faces; load it once and use it for any number of files.

    Args:
        model: name of a shipped model, path of a manifest, or None for the default.
        engine: "auto" or one of `classifiers.ENGINES`.
        precision: "auto", for the fastest that the processor and the model have, or one of
            `classifiers.engines.PRECISIONS`.
        device: what the engine computes on, or "auto" for the CPU.
        detector: one of `extractors.DETECTORS`.
        plan: which frames of a video to look at; None for 32, evenly spread.
        pooling: how the faces of a file become one score, one of `pipeline.analysis.aggregate.POOLINGS`.
        adaptive: look at a few of the frames first, at more only while the verdict is open, and then more closely.
        threads: number of threads for the networks, or None for all cores.

    Raises:
        ModelError: the model cannot be had.
        DetectorUnavailableError: the detector lacks a file.
        ValueError: no such engine, precision, detector or pooling.
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        engine: str = "auto",
        precision: str = "auto",
        device: str = "auto",
        detector: str = "mtcnn",
        plan: SamplingPlan | None = None,
        pooling: str = DEFAULT_POOLING,
        adaptive: bool = False,
        threads: int | None = None,
    ) -> None:
        if pooling not in POOLINGS:
            raise ValueError(f"no pooling is called {pooling!r}; there are {', '.join(POOLINGS)}")
        self.model = find_model(model)
        self.plan = plan or SamplingPlan.spread(32, SLACK)
        self.adaptive = adaptive
        self._pooling = pooling
        threads = threads or usable_cores()
        geometry = CropGeometry.of_model(self.model)
        network = create_engine(engine, self.model, threads, precision, device)
        finder = create_detector(detector, threads=threads)
        self._looker = Looker(finder, geometry, network)
        self.identity = ModelIdentity(
            name=self.model.name,
            weights_sha256=network.weights_sha256,
            engine=network.name,
            precision=network.precision,
            device=network.device,
            calibration_id=self.model.calibration.id,
            calibrated_on=self.model.calibration.fitted_on,
            detector=finder.name,
            pooling=pooling,
        )

    @property
    def sampling(self) -> str:
        """Which frames are looked at, in words."""
        return f"adaptively, of {self.plan}" if self.adaptive else str(self.plan)

    def scan(self, path: str | os.PathLike[str], stopped: threading.Event | None = None) -> Verdict:
        """Scan one file. Several threads may do so at a time.

        A file that cannot be read gives a verdict whose status says so; no exception is raised for bad input.

        Args:
            path: the file.
            stopped: breaks off the scan once it is set.

        Raises:
            StoppedError: `stopped` was set.
        """
        sight = Sight()
        rounds_of = partial(self._rounds, sight) if self.adaptive else None
        try:
            self._looker.look(Path(path), self.plan, sight, rounds_of, stopped)
        except MediaError as error:
            # What was seen before decoding broke off is told, without a verdict.
            return self._verdict(path, sight, error.status, str(error), self._weigh(sight, sight.tracks))
        evidence = self._weigh(sight, sight.tracks)
        if evidence is None:
            return self._verdict(path, sight, "no_face", f"no face was found in {sight.frames} frames")
        if evidence.scores is None:
            return self._verdict(path, sight, "insufficient_evidence", _too_little(sight), evidence)
        return self._verdict(path, sight, "ok", None, evidence)

    def failure(self, path: str | os.PathLike[str], message: str) -> Verdict:
        """Give the result of a file whose scan broke off for a reason that lies not in the file."""
        return self._verdict(path, Sight(), "error", message)

    def scan_many(self, paths: Iterable[str | os.PathLike[str]], at_a_time: int | None = None) -> Iterator[Verdict]:
        """Scan files, several at a time, giving each verdict in order and as soon as it is known.

        Args:
            paths: taken one by one, some ahead of the verdicts that were given.
            at_a_time: number of files, or None for as many as cores and memory allow.
        """
        stopped = threading.Event()
        scan = partial(self.scan, stopped=stopped)
        with contextlib.closing(in_order(paths, scan, at_a_time or files_at_a_time(), stopped.set)) as verdicts:
            for _, verdict in verdicts:
                yield verdict.result()

    def _rounds(self, sight: Sight, times_s: np.ndarray) -> Iterator[np.ndarray]:
        def judge(errors: float) -> Evidence | None:
            return self._weigh(sight, doubted(sight.tracks, errors))

        return rounds(times_s, judge, self.model.thresholds)

    def _weigh(self, sight: Sight, tracks: Sequence[Track]) -> Evidence | None:
        if not tracks:
            return None
        return weigh(tracks, sight.frames, self.model.calibration, self.model.thresholds, self._pooling)

    def _verdict(
        self,
        path: str | os.PathLike[str],
        sight: Sight,
        status: Status,
        message: str | None,
        evidence: Evidence | None = None,
    ) -> Verdict:
        sight.timing_s["total"] = time.perf_counter() - sight.started
        scores = evidence.scores if evidence and status == "ok" else None
        return Verdict(
            path=path,
            status=status,
            message=message,
            label=label_of(scores.fake, self.model.thresholds) if scores else None,
            scores=scores,
            thresholds=self.model.thresholds,
            tracks=evidence.tracks if evidence else [],
            segments=evidence.segments if evidence and scores else [],
            media=sight.media,
            model=self.identity,
            sampling=SamplingRecord(self.sampling, sight.frames, tuple(sight.rounds) if self.adaptive else None),
            timing_s=sight.timing_s,
            warnings=sight.warnings,
        )


def _too_little(sight: Sight) -> str:
    longest = max(len(track.observations) for track in sight.tracks)
    if longest < min(MIN_OBSERVATIONS, sight.frames):
        return (
            f"no face was seen in more than {longest} of {sight.frames} sampled frames; "
            "look at more of them with --frames or --fps"
        )
    best = max(
        np.mean([o.quality for o in track.observations])
        for track in sight.tracks
        if len(track.observations) >= min(MIN_OBSERVATIONS, sight.frames)
    )
    return f"every face is too small or too far turned (quality {best:.2f}, {MIN_QUALITY} is needed)"
