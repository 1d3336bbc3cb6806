"""What the splits of a data set share though they should not, and whether it can be used at all."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from classifiers.datasets.components import connected
from classifiers.datasets.media_types import is_video
from classifiers.datasets.picture_hash import Fingerprint, fingerprint, near_duplicates
from classifiers.datasets.sample import PictureReader, Sample
from classifiers.errors import DataError
from classifiers.numerals import counted

_NAMED = 4
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Leak:
    """Samples that share one thing.

    Attributes:
        what: the person, clip or source; SHA-256 for equal files; "" for pictures that look alike.
        splits: where they are.
        names: a few of them, with one of every split and every class first.
        count: how many there are.
    """

    what: str
    splits: tuple[str, ...]
    names: tuple[str, ...]
    count: int


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that cannot be used, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class LeakReport:
    """What was found.

    Attributes:
        samples: how many were looked at.
        equal_files: files with the same bytes in more than one split.
        near_duplicates: pictures in more than one split that look nearly the same, though their files differ.
        persons: people who are in more than one split.
        clips: videos of which frames are in more than one split.
        sources: sources that are in more than one split.
        label_conflicts: files with the same bytes that are real in one place and fake in another.
        repeats: files with the same bytes within one split, which count more than others in training.
        unreadable: files that are damaged, cut short or missing.
    """

    samples: int
    equal_files: tuple[Leak, ...]
    near_duplicates: tuple[Leak, ...]
    persons: tuple[Leak, ...]
    clips: tuple[Leak, ...]
    sources: tuple[Leak, ...]
    label_conflicts: tuple[Leak, ...]
    repeats: tuple[Leak, ...]
    unreadable: tuple[Unreadable, ...]

    @property
    def leaks(self) -> bool:
        """Whether anything is in more than one split."""
        return bool(self.equal_files or self.near_duplicates or self.persons or self.clips or self.sources)

    def sentences(self) -> list[str]:
        """Say what was found, one sentence for each kind, with an example."""
        said = [
            _sentence(self.equal_files, "file is", "files are", "in more than one split with equal bytes"),
            _sentence(self.near_duplicates, "picture is", "pictures are", "in more than one split with slight changes"),
            _sentence(self.persons, "person is", "persons are", "in more than one split"),
            _sentence(self.clips, "clip is", "clips are", "in more than one split"),
            _sentence(self.sources, "source is", "sources are", "in more than one split"),
            _sentence(self.label_conflicts, "file is", "files are", "real in one place and fake in another"),
            _sentence(self.repeats, "file is", "files are", "more than once in one split"),
        ]
        if self.unreadable:
            first, count = self.unreadable[0], counted(len(self.unreadable), "file")
            said.append(f"{count} cannot be read: {first.name} ({first.reason}).")
        found = [sentence for sentence in said if sentence]
        return found or [
            f"No leak, no label conflict and no unreadable file was found among {counted(self.samples, 'sample')}."
        ]

    def to_json(self) -> dict[str, object]:
        """Give everything as numbers, texts, lists and dicts."""
        return asdict(self)


def find_leaks(samples: Iterable[Sample], reader: PictureReader) -> LeakReport:
    """Look for what the splits share, for labels that conflict and for files that cannot be read.

    Every picture is read and decoded once. A video is only read where another one has the same number of bytes, and
    is not decoded. Samples without a split are left out of what is said across splits; "dev" is "test".

    Args:
        samples: a data set, gone through once (so that an iterator may show progress).
        reader: reads the pictures.
    """
    seen: list[Sample] = []
    digests: dict[int, str] = {}
    prints: dict[int, Fingerprint] = {}
    videos: dict[int, list[int]] = {}
    unreadable = []
    for position, sample in enumerate(samples):
        seen.append(sample)
        try:
            if not sample.member and is_video(sample.path):
                videos.setdefault(sample.path.stat().st_size, []).append(position)
                continue
            content = reader.bytes(sample)
            prints[position] = fingerprint(content)
            digests[position] = hashlib.sha256(content).hexdigest()
        except DataError as error:
            unreadable.append(Unreadable(sample.name, str(error)))
        except OSError as error:
            unreadable.append(Unreadable(sample.name, error.strerror or str(error)))
    for size, positions in videos.items():
        for position in positions:
            try:
                if size == 0:
                    raise OSError("the file is empty")
                if len(positions) > 1:
                    digests[position] = _sha256(seen[position].path)
            except OSError as error:
                unreadable.append(Unreadable(seen[position].name, error.strerror or str(error)))
    splits = ["test" if sample.split == "dev" else sample.split for sample in seen]
    equal = _by_value(digests.items())
    return LeakReport(
        samples=len(seen),
        equal_files=_across(equal, seen, splits),
        near_duplicates=_alike(prints, digests, seen, splits),
        persons=_across(_by_value((i, sample.person) for i, sample in enumerate(seen)), seen, splits),
        clips=_across(_by_value((i, sample.clip) for i, sample in enumerate(seen)), seen, splits),
        sources=_across(_by_value((i, sample.source) for i, sample in enumerate(seen)), seen, splits),
        label_conflicts=tuple(
            _leak(digest, members, seen, splits)
            for digest, members in equal.items()
            if len({seen[i].fake for i in members}) > 1
        ),
        repeats=tuple(
            _leak(digest, members, seen, splits)
            for digest, members in equal.items()
            if max(Counter(splits[i] for i in members).values()) > 1
        ),
        unreadable=tuple(unreadable),
    )


def without_unreadable(samples: Sequence[Sample], report: LeakReport, most: float) -> list[Sample]:
    """Leave out the samples that cannot be read.

    Args:
        samples: a data set.
        report: what was found in it.
        most: share of the samples that may be left out.

    Raises:
        DataError: more cannot be read.
    """
    unreadable = {item.name for item in report.unreadable}
    if len(unreadable) > most * len(samples):
        raise DataError(
            f"{len(unreadable)} of {counted(len(samples), 'picture')} cannot be read, more than --max-unreadable "
            f"{most:g} allows"
        )
    return [sample for sample in samples if sample.name not in unreadable]


def check_usable(samples: Sequence[Sample], splits: Sequence[str] = ()) -> None:
    """Make sure that there are real and fake samples, in all and in every split that is used.

    Args:
        samples: a data set.
        splits: those that will be used; each that samples have is looked at as well.

    Raises:
        DataError: there are no samples, or a class is missing; says where.
    """
    if not samples:
        raise DataError("the data set is empty: it lists no pictures and no videos")
    there = {sample.split for sample in samples if sample.split}
    for split in ("", *splits, *sorted(there - set(splits))):
        counts = Counter(sample.fake for sample in samples if not split or sample.split == split)
        place = f"the split {split!r}" if split else "the data set"
        if not counts:
            raise DataError(f"{place} has no samples; the splits are: {', '.join(sorted(there)) or 'none'}")
        for fake, name in ((False, "real"), (True, "fake")):
            if not counts[fake]:
                raise DataError(f"{place} has no {name} samples among its {sum(counts.values())}")


def _by_value(values: Iterable[tuple[int, str]]) -> dict[str, list[int]]:
    """Gather the positions with each value; a value that only one has is left out, and so is ""."""
    found: dict[str, list[int]] = {}
    for position, value in values:
        if value:
            found.setdefault(value, []).append(position)
    return {value: positions for value, positions in found.items() if len(positions) > 1}


def _across(groups: dict[str, list[int]], samples: Sequence[Sample], splits: Sequence[str]) -> tuple[Leak, ...]:
    return tuple(
        _leak(value, members, samples, splits)
        for value, members in groups.items()
        if len({splits[i] for i in members if splits[i]}) > 1
    )


def _alike(
    prints: dict[int, Fingerprint], digests: dict[int, str], samples: Sequence[Sample], splits: Sequence[str]
) -> tuple[Leak, ...]:
    """Join the pairs of pictures that look nearly the same to groups, leaving out those whose files are equal."""
    positions = [i for i in prints if splits[i]]
    numbers = {split: number for number, split in enumerate(sorted(set(splits)))}
    sides = np.array([numbers[splits[i]] for i in positions], np.int64)
    pairs = [
        (positions[one], positions[other])
        for one, other in near_duplicates([prints[i] for i in positions], sides)
        if digests[positions[one]] != digests[positions[other]]
    ]
    members = sorted({i for pair in pairs for i in pair})
    return tuple(_leak("", group, samples, splits) for group in connected(members, pairs))


def _leak(what: str, members: Sequence[int], samples: Sequence[Sample], splits: Sequence[str]) -> Leak:
    first = {(splits[i], samples[i].fake): i for i in reversed(members)}
    named = list(dict.fromkeys([*sorted(first.values()), *members]))[:_NAMED]
    there = tuple(dict.fromkeys(splits[i] for i in members if splits[i]))
    return Leak(what, there, tuple(samples[i].name for i in named), len(members))


def _sentence(leaks: Sequence[Leak], one: str, many: str, what: str) -> str:
    if not leaks:
        return ""
    first = leaks[0]
    example = " and ".join(first.names[:2])
    # A digest tells a reader nothing.
    shared = f"{first.what} in " if first.what and not _is_digest(first.what) else ""
    return f"{len(leaks):,} {one if len(leaks) == 1 else many} {what}, such as {shared}{example}."


def _is_digest(what: str) -> bool:
    return len(what) == hashlib.sha256().digest_size * 2


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
