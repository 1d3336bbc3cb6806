"""Which samples of a data set are measured or calibrated on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from classifiers.datasets.sample import Sample
from classifiers.datasets.splitting import ATTRIBUTES, SPLITS, split_by_group
from classifiers.errors import ClassifierError, DataError


@dataclass(frozen=True, slots=True)
class Selection:
    """The samples of one split.

    Attributes:
        samples: those that were chosen.
        made_by: what holds samples together in the split, where the data set lacks it and it was made here; else ().
    """

    samples: list[Sample]
    made_by: tuple[str, ...]


def select_samples(
    samples: Sequence[Sample], split: str | None, default: str, split_by: Sequence[str] = ()
) -> Selection:
    """Take the samples of one split, and make it as training does where the data set lacks it.

    Training splits a data set that has no splits, or only one for training; the same split is made here, so that
    nothing is measured on what was trained on.

    Args:
        samples: a data set.
        split: the part; "all" for everything; None for `default`, or for everything of a data set that is for testing.
        default: the part to take if none is named.
        split_by: attributes that hold samples together, of `ATTRIBUTES`; with any the splits are always made.

    Raises:
        DataError: there is no such split, and none can be made.
    """
    wanted, official = split or default, {sample.split for sample in samples}
    is_lacking = wanted in SPLITS and wanted not in official and bool(official & {"train", ""})
    if split == "all" or not (split_by or is_lacking):
        return Selection(choose_split(samples, split, default), ())
    by = tuple(split_by) or ATTRIBUTES
    try:
        samples = split_by_group(samples, by=by)
    except ClassifierError as error:
        raise DataError(f"no part {wanted} can be split off: {error}; --split all takes everything") from error
    return Selection(choose_split(samples, split, default), by if is_lacking else ())


def choose_split(samples: Sequence[Sample], wanted: str | None, default: str) -> list[Sample]:
    """Take the samples of one split.

    Args:
        samples: of a data set.
        wanted: name of the split; "all" for everything; None for `default`, or for everything where the data set
            has no more than one split.
        default: the split to take if none is named.

    Raises:
        DataError: there is no such split, or nothing at all.
    """
    if not samples:
        raise DataError("the data set is empty")
    splits = list(dict.fromkeys(sample.split for sample in samples))
    if wanted == "all" or (wanted is None and default not in splits and len(splits) == 1):
        return list(samples)
    name = wanted or default
    if name not in splits:
        there = ", ".join(split or "(none)" for split in splits)
        raise DataError(f"the data set has no split {name!r}, only {there}; name one of them with --split, or all")
    return [sample for sample in samples if sample.split == name]
