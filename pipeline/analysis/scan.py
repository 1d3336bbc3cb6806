"""The way from a file to its verdict: decode, detect, track, align, classify, weigh."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from classifiers import Engine, ModelSpec, create_engine
from classifiers.model_set import ModelSet, find_models
from classifiers.numerals import counted
from extractors import create_detector
from extractors.face_crop import crop_of
from pipeline.analysis.adaptive import doubted, rounds
from pipeline.analysis.aggregate import (
    DEFAULT_POOLING,
    MIN_OBSERVATIONS,
    MIN_QUALITY,
    POOLINGS,
    Evidence,
    mean_quality,
    weigh,
)
from pipeline.analysis.analyse import Analyser, Analysis, Classifier
from pipeline.analysis.concurrency import in_order
from pipeline.analysis.judged_search import JudgedSearch
from pipeline.analysis.resources import files_at_a_time, usable_cores
from pipeline.analysis.stopwatch import Stopwatch
from pipeline.media.limits import Limits
from pipeline.media.provenance.trust import TrustList
from pipeline.media.sampling import SLACK, SamplingPlan
from pipeline.media.source_file import Origin
from pipeline.media.types import quoted
from pipeline.results.coverage import percent
from pipeline.results.opinions import Opinion
from pipeline.results.parts import InputRecord, ModelIdentity, SamplingRecord, Status, Track, label_of
from pipeline.results.provenance import Provenance
from pipeline.results.verdict import Verdict


class Scanner:
    """Scans videos and images for manipulated faces; load it once and use it for any number of files.

    Args:
        model: name of a shipped or added model, path of a manifest or of a set, several of them to judge together, or
            None for the default.
        engine: "auto" or one of `classifiers.ENGINES`.
        precision: "auto", for the fastest that the processor and the model have, or one of
            `classifiers.engines.PRECISIONS`.
        device: what the engine computes on, or "auto" for the CPU.
        detector: one of `extractors.DETECTORS`.
        plan: which frames of a video to look at; None for 32, evenly spread.
        pooling: how the faces of a file become one score, one of `pipeline.analysis.aggregate.POOLINGS`.
        adaptive: look at a few of the frames first, at more only while the verdict is open, and then more closely.
        threads: number of threads for the networks, or None for all cores.
        limits: the memory and time that reading each file may take; None for `Limits()`.
        trust: the authorities whose signers count as trusted; see `pipeline.media.provenance.trust.TrustList.load`.

    Raises:
        ModelError: the model cannot be found or loaded.
        DetectorUnavailableError: the detector lacks a file.
        ValueError: no such engine, precision, detector or pooling.
    """

    def __init__(
        self,
        model: str | Sequence[str] | None = None,
        *,
        engine: str = "auto",
        precision: str = "auto",
        device: str = "auto",
        detector: str = "mtcnn",
        plan: SamplingPlan | None = None,
        pooling: str = DEFAULT_POOLING,
        adaptive: bool = False,
        threads: int | None = None,
        limits: Limits | None = None,
        trust: TrustList | None = None,
    ) -> None:
        if pooling not in POOLINGS:
            raise ValueError(f"no pooling is called {pooling!r}; there are {', '.join(POOLINGS)}")
        self.model = find_models([model] if isinstance(model, str) else model or ())
        self.plan = plan or SamplingPlan.spread(32, SLACK)
        self.adaptive = adaptive
        self._pooling = pooling
        threads = threads or usable_cores()
        members = self.model.members if isinstance(self.model, ModelSet) else (self.model,)
        engines = [create_engine(engine, member, threads, precision, device) for member in members]
        face_detector = create_detector(detector, threads=threads)
        classifiers = [Classifier(each, crop_of(member)) for each, member in zip(engines, members, strict=True)]
        join = self.model.joint_logits if isinstance(self.model, ModelSet) else None
        self._analyser = Analyser(face_detector, classifiers, join, limits, trust)
        self._trust_list = trust.sha256 if trust else None
        self._members = [
            (member, _identity(member, each, face_detector.name, pooling))
            for member, each in zip(members, engines, strict=True)
        ]
        identities = [identity for _, identity in self._members]
        self.identity = _joint(self.model, identities) if isinstance(self.model, ModelSet) else identities[0]

    @property
    def sampling(self) -> str:
        """Which frames are looked at, in words."""
        return f"adaptively, of {self.plan}" if self.adaptive else str(self.plan)

    def scan(
        self, path: str | os.PathLike[str], stopped: threading.Event | None = None, origin: Origin | None = None
    ) -> Verdict:
        """Scan one file. Several threads may do so at a time.

        A file that cannot be read gives a verdict whose status says so; no exception is raised for bad input.

        Args:
            path: the file.
            stopped: breaks off the scan once it is set.
            origin: where the file came from, if it is a copy; the verdict is about what is there.

        Raises:
            StoppedError: `stopped` was set.
        """
        stopwatch = Stopwatch()
        if origin and origin.spent_s:
            stopwatch.add("fetch", origin.spent_s)
        rounds_of = self._rounds if self.adaptive else None
        analysis = self._analyser.analyse(Path(path), self.plan, stopwatch, rounds_of, stopped, origin)
        return self.conclude(origin.name if origin else path, analysis, stopwatch)

    def open(self, stopwatch: Stopwatch) -> contextlib.AbstractContextManager[JudgedSearch]:
        """Begin a clip whose frames come from elsewhere than a file; its search ends with the block.

        Args:
            stopwatch: gets the seconds of each stage.
        """
        return self._analyser.open(stopwatch)

    def conclude(self, name: str | os.PathLike[str], analysis: Analysis, stopwatch: Stopwatch) -> Verdict:
        """Weigh what was seen.

        Args:
            name: of what it was seen in.
            analysis: what was seen; it has a failure or its coverage.
            stopwatch: what has counted the seconds.
        """
        evidence = self._weigh(analysis, analysis.tracks)
        status, message = _status(name, analysis, evidence)
        return self._verdict(name, analysis, status, message, evidence, stopwatch)

    def failure(self, path: str | os.PathLike[str], message: str) -> Verdict:
        """Give the result of a file whose scan broke off for a reason that lies not in the file."""
        return self._verdict(path, Analysis(), "error", message, None, Stopwatch())

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

    def _rounds(
        self, times_s: npt.NDArray[np.float64], held: npt.NDArray[np.bool_], so_far: Callable[[], Analysis]
    ) -> Iterator[npt.NDArray[np.float64]]:
        def judge(errors: float) -> Evidence | None:
            return self._weigh(so_far(), doubted(so_far().tracks, errors))

        return rounds(times_s, held, judge, self.model.thresholds)

    def _weigh(self, analysis: Analysis, tracks: Sequence[Track]) -> Evidence | None:
        if not tracks:
            return None
        return weigh(tracks, analysis.asked_for, self.model.calibration, self.model.thresholds, self._pooling)

    def _verdict(
        self,
        path: str | os.PathLike[str],
        analysis: Analysis,
        status: Status,
        message: str | None,
        evidence: Evidence | None,
        stopwatch: Stopwatch,
    ) -> Verdict:
        scores = evidence.scores if evidence and status == "ok" else None
        return Verdict(
            input=InputRecord.of(path, analysis.media),
            status=status,
            message=message,
            label=label_of(scores.fake, self.model.thresholds) if scores else None,
            scores=scores,
            score_kind=self._score_kind(self.model),
            thresholds=self.model.thresholds if self.model.thresholds.decides else None,
            tracks=evidence.tracks if evidence else [],
            segments=evidence.segments if evidence and scores else [],
            model=self.identity,
            sampling=SamplingRecord(self.sampling, analysis.frames, analysis.rounds if self.adaptive else None),
            timing_s=stopwatch.total(),
            warnings=analysis.warnings,
            coverage=analysis.coverage,
            provenance=Provenance.of(*analysis.provenance, self._trust_list) if analysis.provenance else None,
            opinions=self._opinions(analysis, status) if len(self._members) > 1 else [],
        )

    def _score_kind(self, model: ModelSpec | ModelSet) -> Literal["calibrated", "raw"]:
        # A calibration is fitted on single tracks; only their maximum keeps it.
        return "calibrated" if model.calibration.is_fitted and self._pooling == DEFAULT_POOLING else "raw"

    def _opinions(self, analysis: Analysis, status: Status) -> list[Opinion]:
        """Say what each model makes of what was seen."""
        found = []
        for number, (member, identity) in enumerate(self._members):
            tracks = [track.as_judged_by(number) for track in analysis.tracks]
            weighing = (member.calibration, member.thresholds, self._pooling)
            evidence = weigh(tracks, analysis.asked_for, *weighing) if tracks else None
            scores = evidence.scores if evidence and status == "ok" else None
            found.append(
                Opinion(
                    model=identity,
                    label=label_of(scores.fake, member.thresholds) if scores else None,
                    scores=scores,
                    score_kind=self._score_kind(member),
                    thresholds=member.thresholds if member.thresholds.decides else None,
                    people={item.track.id: item.scores for item in evidence.tracks} if evidence else {},
                )
            )
        return found


def _identity(model: ModelSpec, engine: Engine, detector: str, pooling: str) -> ModelIdentity:
    return ModelIdentity(
        name=model.name,
        weights_sha256=engine.weights_sha256,
        engine=engine.name,
        precision=engine.precision,
        device=engine.device,
        calibration_id=model.calibration.id,
        calibrated_on=model.calibration.fitted_on,
        detector=detector,
        pooling=pooling,
    )


def _joint(models: ModelSet, members: Sequence[ModelIdentity]) -> ModelIdentity:
    """Identify several models as one: what they share by its name, the rest by a hash of all of it."""

    def shared(values: Iterable[str | None]) -> str:
        found = set(values)
        return str(found.pop()) if len(found) == 1 else "mixed"

    weights = json.dumps([models.sha256, [member.weights_sha256 for member in members]])
    return replace(
        members[0],
        name=models.name,
        weights_sha256=hashlib.sha256(weights.encode()).hexdigest(),
        engine=shared(member.engine for member in members),
        precision=shared(member.precision for member in members),
        device=shared(member.device for member in members),
        calibration_id=models.calibration.id,
        calibrated_on=models.calibration.fitted_on,
    )


def scan(path: str | os.PathLike[str], model: str | Sequence[str] | None = None, **options: Any) -> Verdict:
    """Scan one file; for several, load a `Scanner` once.

    Args:
        path: the file.
        model: as `Scanner` takes it.
        options: the other arguments of `Scanner`.

    Raises:
        ModelError: the model cannot be found or loaded.
        DetectorUnavailableError: the detector lacks a file.
        ValueError: no such engine, precision, detector or pooling.
    """
    return Scanner(model, **options).scan(path)


def _status(name: str | os.PathLike[str], analysis: Analysis, evidence: Evidence | None) -> tuple[Status, str | None]:
    """Say what came of a file, and in a sentence why there is no verdict."""
    if analysis.failure:
        # What was seen before decoding broke off is told, without a verdict.
        return analysis.failure.status, str(analysis.failure)
    assert analysis.coverage, "all that can be probed has it"
    coverage = analysis.coverage
    if not coverage.seen:
        return (
            "undecodable",
            f"{quoted(name)} is damaged: not one of the frames that were looked at could be read.",
        )
    if not coverage.allows_verdict:
        return "insufficient_evidence", f"only {percent(coverage.readable)} of the pictures could be read"
    if evidence is None and not coverage.allows_no_face:
        return "insufficient_evidence", f"no face was found, but only {percent(coverage.seen)} of the file was seen"
    if evidence is None:
        return "no_face", f"no face was found in {counted(analysis.frames, 'frame')}"
    if evidence.scores is None:
        return "insufficient_evidence", _too_little(analysis)
    return "ok", None


def _too_little(analysis: Analysis) -> str:
    needed = min(MIN_OBSERVATIONS, analysis.asked_for)
    seen_enough = [track for track in analysis.tracks if track.weight >= needed]
    if not seen_enough:
        longest = max(len(track.observations) for track in analysis.tracks)
        return (
            f"no face was seen in more than {longest} of {counted(analysis.asked_for, 'sampled frame')}; "
            "look at more of them with --frames or --fps"
        )
    best = max(mean_quality(track) for track in seen_enough)
    return f"every face is too small or too far turned (quality {best:.2f}, {MIN_QUALITY} is needed)"
