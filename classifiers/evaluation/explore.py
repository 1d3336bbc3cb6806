"""What a data set holds: how many of what, how they look, how they were compressed, and what gives the classes away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from classifiers.datasets import DataError, PictureReader, Sample
from classifiers.evaluation.picture_facts import CHANNELS, Facts, ProbeVideo, measure
from classifiers.evaluation.shortcuts import PROPERTIES, Property, Shortcut, find_shortcuts

CLASSES = {"real": False, "fake": True}
"""Names of the classes: whether its samples are fake."""

_SPLIT_ORDER = ("train", "val", "test", "dev")


@dataclass(frozen=True, slots=True)
class Spread:
    """How a property is distributed; `low` and `high` are the 5th and 95th percentile, None where nothing has it."""

    count: int
    mean: float | None = None
    std: float | None = None
    minimum: float | None = None
    low: float | None = None
    median: float | None = None
    high: float | None = None
    maximum: float | None = None

    @classmethod
    def of(cls, values: npt.NDArray[np.float64]) -> Spread:
        """Describe finite values, float (n,)."""
        if not len(values):
            return cls(0)
        low, median, high = np.percentile(values, (5, 50, 95))
        figures = (values.mean(), values.std(), values.min(), low, median, high, values.max())
        return cls(len(values), *(float(figure) for figure in figures))


@dataclass(frozen=True, slots=True)
class SplitCount:
    """How many samples of each class a split has; "" is the split of samples that name none."""

    split: str
    real: int
    fake: int


@dataclass(frozen=True, slots=True)
class SizeCount:
    """How many measured samples of each class have one size in pixels."""

    width: int
    height: int
    real: int
    fake: int


@dataclass(frozen=True, slots=True, eq=False)
class Exploration:
    """Everything that was measured.

    Attributes:
        samples: the whole index.
        facts: of the samples that were drawn and could be measured.
        unreadable: name and reason of each sample that was drawn and could not be read.
        unmeasured_videos: videos that were drawn and that nothing could be asked about.
        shortcuts: trivial properties that tell the classes apart, worst first.
    """

    samples: list[Sample]
    facts: list[Facts]
    unreadable: list[tuple[str, str]]
    unmeasured_videos: int
    shortcuts: list[Shortcut]

    def of_class(self, fake: bool) -> list[Facts]:
        """Give the measured samples of one class."""
        return [facts for facts in self.facts if facts.sample.fake == fake]

    def values(self, wanted: Property, fake: bool) -> npt.NDArray[np.float64]:
        """Give the values of one property within one class where they are known, float64 (n,)."""
        values = np.array([wanted.value(facts) for facts in self.of_class(fake)], dtype=float)
        return values[np.isfinite(values)]

    def balance(self) -> list[SplitCount]:
        """Count the classes in each split, over the whole index."""
        counts = Counter((sample.split, sample.fake) for sample in self.samples)
        order = {name: place for place, name in enumerate(_SPLIT_ORDER)}
        splits = sorted({split for split, _ in counts}, key=lambda split: (order.get(split, len(order)), split))
        return [SplitCount(split, counts[split, False], counts[split, True]) for split in splits]

    def families(self) -> dict[str, int]:
        """Count the kinds of forgery over the whole index, most frequent first; "" is that of those not named."""
        return dict(Counter(sample.family for sample in self.samples if sample.fake).most_common())

    def formats(self, fake: bool) -> dict[str, int]:
        """Count the file formats of the measured samples of a class, most frequent first."""
        return dict(Counter(facts.format for facts in self.of_class(fake)).most_common())

    def sizes(self) -> list[SizeCount]:
        """Count the sizes of the measured samples, most frequent first."""
        counts = Counter((facts.width, facts.height) for facts in self.facts)
        fakes = Counter((facts.width, facts.height) for facts in self.of_class(True))
        return [SizeCount(*size, count - fakes[size], fakes[size]) for size, count in counts.most_common()]

    def channels(self, fake: bool) -> npt.NDArray[np.float64] | None:
        """Average mean and deviation of the channels of a class, float64 (3, 2); None without pictures."""
        found = [(f.pixels.channel_mean, f.pixels.channel_std) for f in self.of_class(fake) if f.pixels]
        return np.mean(found, axis=0).T if found else None

    def histogram(self, fake: bool) -> npt.NDArray[np.float64] | None:
        """Average the histograms of a class, float64 (3, HISTOGRAM_BINS); None without pictures."""
        found = [facts.pixels.histogram for facts in self.of_class(fake) if facts.pixels]
        return np.mean(found, axis=0) if found else None

    def to_json(self) -> dict[str, object]:
        """Give every number as plain data."""
        return {
            "samples": len(self.samples),
            "real": sum(not sample.fake for sample in self.samples),
            "fake": sum(sample.fake for sample in self.samples),
            "sources": len({sample.source for sample in self.samples if sample.source}),
            "persons": len({sample.person for sample in self.samples if sample.person}),
            "clips": len({sample.clip for sample in self.samples if sample.clip}),
            "measured": len(self.facts),
            "unmeasured_videos": self.unmeasured_videos,
            "unreadable": [{"file": name, "message": message} for name, message in self.unreadable],
            "balance": [asdict(count) for count in self.balance()],
            "families": self.families(),
            "properties": {
                wanted.key: {
                    "title": wanted.title,
                    "unit": wanted.unit,
                    **{name: asdict(Spread.of(self.values(wanted, fake))) for name, fake in CLASSES.items()},
                }
                for wanted in PROPERTIES
            },
            "channels": {name: self._channels_json(fake) for name, fake in CLASSES.items()},
            "sizes": [asdict(count) for count in self.sizes()],
            "formats": {name: self.formats(fake) for name, fake in CLASSES.items()},
            "shortcuts": [{**asdict(shortcut), "warn": shortcut.warn} for shortcut in self.shortcuts],
        }

    def _channels_json(self, fake: bool) -> dict[str, object]:
        figures, histogram = self.channels(fake), self.histogram(fake)
        if figures is None or histogram is None:
            return {}
        return {
            name: {"mean": float(mean), "std": float(std), "histogram": shares.tolist()}
            for name, (mean, std), shares in zip(CHANNELS, figures, histogram, strict=True)
        }


def explore(
    samples: Sequence[Sample],
    reader: PictureReader,
    *,
    sample_size: int = 2000,
    seed: int = 0,
    probe: ProbeVideo | None = None,
    progress: Callable[[Sequence[Sample]], Iterable[Sample]] = iter,
) -> Exploration:
    """Measure a data set.

    Args:
        samples: its index; how many there are of what is counted over all of it.
        reader: reads the pictures.
        sample_size: number of samples to open, half of each class where there are so many.
        seed: of the draw.
        probe: tells about a video file; None leaves videos unmeasured.
        progress: wraps the samples that are opened, to show how far it is.

    Raises:
        DataError: there are no samples.
    """
    if not samples:
        raise DataError("the data set is empty: there is no sample to look at")
    facts, unreadable, unmeasured_videos = [], [], 0
    for sample in progress(draw(samples, sample_size, seed)):
        try:
            measured = measure(sample, reader, probe)
        except DataError as error:
            unreadable.append((sample.name, str(error)))
            continue
        if measured:
            facts.append(measured)
        else:
            unmeasured_videos += 1
    return Exploration(list(samples), facts, unreadable, unmeasured_videos, find_shortcuts(facts))


def draw(samples: Sequence[Sample], size: int, seed: int = 0) -> list[Sample]:
    """Draw at most `size` samples, half of each class where there are so many, in the order of the index."""
    reals, fakes = ([i for i, s in enumerate(samples) if s.fake == fake] for fake in CLASSES.values())
    of_reals = min(len(reals), max(size // 2, size - len(fakes)))
    rng = np.random.default_rng(seed)
    drawn = [*rng.permutation(reals)[:of_reals], *rng.permutation(fakes)[: size - of_reals]]
    return [samples[int(i)] for i in sorted(drawn)]
