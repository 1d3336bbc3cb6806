"""Which cases are measured, on which files, and what is measured of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.clips import ClipSpec, make_clips


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured.

    Attributes:
        clips: number of clips in the scenario "warm".
        seconds: their duration.
        frames: how many frames of a clip are looked at.
        heights: of the pictures of the scenario "size", in pixels.
        faces: numbers of people of the scenario "faces".
        lengths: of the scenario "length", each as seconds and how often they are repeated.
        frame_counts: of the scenario "frames".
    """

    clips: int = 20
    seconds: float = 10
    frames: int = 32
    heights: tuple[int, ...] = (720, 1080, 2160)
    faces: tuple[int, ...] = (1, 5)
    lengths: tuple[tuple[float, int], ...] = ((10, 1), (60, 1), (60, 10), (60, 60))
    frame_counts: tuple[int, ...] = (8, 32, 128)


QUICK = Scale(2, 2, 8, (720,), (2,), ((2, 1), (2, 5)), (4,))
"""Enough to see that everything works, too little for figures."""


@dataclass(frozen=True, slots=True)
class Case:
    """Some files to measure on.

    Attributes:
        scenario: one of `SCENARIOS`, or "videos".
        label: what sets it apart within its scenario.
        paths: the files.
        frames: how many frames of each are looked at.
        subjects: what is measured, in order, each one of `benchmarks.subjects.SUBJECTS`.
        warm_up: a file to scan before, much like the others.
    """

    scenario: str
    label: str
    paths: tuple[Path, ...]
    frames: int
    subjects: tuple[str, ...]
    warm_up: Path


_WITH_FLOOR = ("scan", "adaptive", "decode", "classify", "usual")

Maker = Callable[[Sequence[ClipSpec]], list[Path]]


def _cold(scale: Scale, make: Maker) -> Iterator[Case]:
    subjects = ("command", "adaptive_command", "usual_cold", "scan", "decode", "bare")
    yield _case("cold", "1 clip", make([_spec(scale)]), scale, subjects)


def _warm(scale: Scale, make: Maker) -> Iterator[Case]:
    paths = make([_spec(scale, seed=seed) for seed in range(scale.clips)])
    subjects = ("scan", "adaptive", "command", "decode", "classify", "read", "usual")
    yield _case("warm", f"{len(paths)} clips of {scale.seconds:g} s, 1080p", paths, scale, subjects)


def _models(scale: Scale, make: Maker) -> Iterator[Case]:
    paths = make([_spec(scale, seed=seed) for seed in range(scale.clips)])
    subjects = ("scan", "two_models", "classify_second")
    yield _case("models", f"{len(paths)} clips of {scale.seconds:g} s, 1080p", paths, scale, subjects)


def _size(scale: Scale, make: Maker) -> Iterator[Case]:
    for height in scale.heights:
        paths = make([_spec(scale, width=height * 16 // 9, height=height)])
        yield _case("size", "4K" if height == 2160 else f"{height}p", paths, scale, _WITH_FLOOR)


def _faces(scale: Scale, make: Maker) -> Iterator[Case]:
    for count in scale.faces:
        paths = make([_spec(scale, faces=count)])
        yield _case("faces", f"{count} face{'s' * (count > 1)}", paths, scale, _WITH_FLOOR)


def _length(scale: Scale, make: Maker) -> Iterator[Case]:
    (short,) = make([_spec(scale)])
    for seconds, loops in scale.lengths:
        paths = make([_spec(scale, seconds=seconds, loops=loops)])
        total = seconds * loops
        label = next(f"{total / unit:g} {name}" for unit, name in _UNITS if total >= unit)
        case = _case("length", label, paths, scale, ("scan", "adaptive", "decode", "classify"))
        yield replace(case, warm_up=short)


def _frames(scale: Scale, make: Maker) -> Iterator[Case]:
    paths = tuple(make([_spec(scale)]))
    for count in scale.frame_counts:
        yield _case("frames", f"{count} frames", paths, replace(scale, frames=count), ("scan", "decode", "classify"))


SCENARIOS: dict[str, Callable[[Scale, Maker], Iterator[Case]]] = {
    "cold": _cold,
    "warm": _warm,
    "models": _models,
    "size": _size,
    "faces": _faces,
    "length": _length,
    "frames": _frames,
}
"""Name to cases, on generated clips."""

_UNITS = ((3600, "h"), (60, "min"), (1, "s"))


def generated_cases(names: Sequence[str], scale: Scale, folder: Path) -> Iterator[Case]:
    """Give the cases of some scenarios, making the clips that a folder does not hold yet."""
    for name in names:
        yield from SCENARIOS[name](scale, lambda specs: make_clips(specs, folder))


def own_videos(paths: Sequence[Path], scale: Scale) -> Case:
    """Measure on files that the user gives."""
    return _case("videos", f"{len(paths)} videos", paths, scale, _WITH_FLOOR)


def _spec(scale: Scale, **settings: object) -> ClipSpec:
    return ClipSpec(**{"seconds": scale.seconds, **settings})


def _case(scenario: str, label: str, paths: Sequence[Path], scale: Scale, subjects: tuple[str, ...]) -> Case:
    return Case(scenario, label, tuple(paths), scale.frames, subjects, paths[0])
