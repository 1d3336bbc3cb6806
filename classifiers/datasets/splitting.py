"""Splits in which nothing that belongs together is on both sides."""

from __future__ import annotations

import logging
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from classifiers.datasets.components import connected
from classifiers.datasets.sample import Sample
from classifiers.errors import DataError, SettingsError
from classifiers.numerals import counted

SPLITS = ("train", "val", "test")
ATTRIBUTES = ("clip", "person", "source")
"""What may hold samples together."""

_LOGGER = logging.getLogger(__name__)
_WORTH_A_WARNING = 0.1


@dataclass(frozen=True, slots=True)
class _Group:
    """Samples that must stay together: their positions, and how many are (real, fake)."""

    positions: tuple[int, ...]
    counts: tuple[int, int]


def split_by_group(
    samples: Sequence[Sample],
    shares: tuple[float, float, float] = (0.7, 0.15, 0.15),
    by: Sequence[str] = ATTRIBUTES,
    seed: int = 0,
) -> list[Sample]:
    """Give every sample a split, so that no clip, person or source is in two of them.

    Samples that are linked by a value of an attribute, over however many others, stay together. Each split gets real
    and fake samples, as near to its share of each as the groups allow.

    Splits that the data set itself has are kept: "dev" becomes "test"; where there is no "val", it is taken from
    "train", and so is "test" where "train" is all there is; a sample without split joins the group that it belongs
    to. A set without "train" is one for testing and stays as it is.

    Args:
        samples: a data set.
        shares: of train, val and test.
        by: attributes of `Sample` that hold samples together; values that are "" hold nothing together.
        seed: another one gives other splits; the same one the same.

    Returns:
        The samples in the same order.

    Raises:
        DataError: the groups do not allow real and fake samples in every split (the message says which attribute is at
            fault), or a split has an unknown name.
        SettingsError: an attribute has an unknown name.
        ValueError: the shares are not three numbers above 0.
    """
    unknown = set(by) - set(ATTRIBUTES)
    if unknown:
        raise SettingsError(f"samples are held together by clip, person or source, not by {', '.join(sorted(unknown))}")
    if len(shares) != len(SPLITS) or min(shares) <= 0:
        raise ValueError("train, val and test need a share above 0 each")
    splits = ["test" if sample.split == "dev" else sample.split for sample in samples]
    official = set(splits) - {""}
    strange = official - set(SPLITS)
    if strange:
        raise DataError(f"the splits of a data set are train, val, test and dev, not {', '.join(sorted(strange))}")
    share_of = dict(zip(SPLITS, shares, strict=True))
    if official <= {"train"}:
        # "train" alone says no more than that the makers kept their test set to themselves.
        splits = _assigned(samples, range(len(samples)), share_of, by, seed)
    else:
        splits = _join(samples, splits, share_of, by, seed)
        if "train" in official and "val" not in official:
            positions = [i for i, split in enumerate(splits) if split == "train"]
            chosen = _assigned(samples, positions, {name: share_of[name] for name in ("train", "val")}, by, seed)
            for position, split in zip(positions, chosen, strict=True):
                splits[position] = split
    return [replace(sample, split=split) for sample, split in zip(samples, splits, strict=True)]


def _join(
    samples: Sequence[Sample], splits: list[str], shares: dict[str, float], by: Sequence[str], seed: int
) -> list[str]:
    """Give samples without a split that of their group, or split them where the whole group has none."""
    joined, free = list(splits), []
    for positions in _groups(samples, range(len(samples)), by):
        have = Counter(splits[i] for i in positions if splits[i])
        for i in positions:
            if not have:
                free.append(i)
            elif not joined[i]:
                joined[i] = have.most_common(1)[0][0]
    for position, split in _allot(_shuffled_groups(samples, free, by, seed), shares).items():
        joined[position] = split
    return joined


def _assigned(
    samples: Sequence[Sample], positions: Iterable[int], shares: dict[str, float], by: Sequence[str], seed: int
) -> list[str]:
    """Choose splits for some samples so that each split has both classes; in the order of the positions."""
    positions = list(positions)
    groups = _shuffled_groups(samples, positions, by, seed)
    if _both_classes(groups) < len(shares):
        raise DataError(_fault(samples, positions, shares, by))
    chosen = _allot(groups, shares)
    if not _complete(samples, chosen, shares):
        chosen = _allot(groups, shares, start=_cover(groups, shares))
    _warn_of_uneven(chosen, shares)
    return [chosen[i] for i in positions]


def _groups(samples: Sequence[Sample], positions: Iterable[int], by: Sequence[str]) -> list[list[int]]:
    positions = list(positions)
    links = ((i, (name, value)) for i in positions for name in by if (value := getattr(samples[i], name)))
    return connected(positions, links)


def _shuffled_groups(samples: Sequence[Sample], positions: Iterable[int], by: Sequence[str], seed: int) -> list[_Group]:
    groups = [_group(samples, members) for members in _groups(samples, positions, by)]
    random.Random(seed).shuffle(groups)
    return groups


def _group(samples: Sequence[Sample], positions: list[int]) -> _Group:
    fakes = sum(samples[i].fake for i in positions)
    return _Group(tuple(positions), (len(positions) - fakes, fakes))


def _both_classes(groups: Sequence[_Group]) -> int:
    """Count how many splits can have both classes: one for each mixed group, and for each pair of a real and a fake."""
    mixed = sum(all(group.counts) for group in groups)
    real = sum(not group.counts[1] for group in groups)
    return mixed + min(real, len(groups) - mixed - real)


def _allot(
    groups: Sequence[_Group], shares: dict[str, float], start: dict[str, list[_Group]] | None = None
) -> dict[int, str]:
    """Give each group to the split that lacks most of its classes, the large ones first.

    Args:
        groups: what is to be split; those of one size are taken in this order.
        shares: of each split; they need not add up to 1.
        start: groups that a split has already.

    Returns:
        Position of each sample to split.
    """
    totals = [sum(group.counts[label] for group in groups) for label in (0, 1)]
    whole = sum(shares.values())
    lacks = {name: [share / whole * total for total in totals] for name, share in shares.items()}
    chosen: dict[int, str] = {}

    def give(group: _Group, name: str) -> None:
        chosen.update(dict.fromkeys(group.positions, name))
        for label, count in enumerate(group.counts):
            lacks[name][label] -= count

    for name, taken in (start or {}).items():
        for group in taken:
            give(group, name)
    waiting = [group for group in groups if group.positions[0] not in chosen]
    for group in sorted(waiting, key=lambda group: -len(group.positions)):

        def need(name: str, group: _Group = group) -> float:
            # The rise of the squared distance from the shares, less what is the same for all splits.
            counts = zip(group.counts, lacks[name], totals, strict=True)
            return sum(count * lack / total**2 for count, lack, total in counts if total)

        give(group, max(shares, key=need))
    return chosen


def _cover(groups: Sequence[_Group], shares: dict[str, float]) -> dict[str, list[_Group]]:
    """Give each split the smallest groups that hold both classes, the split with the smallest share first."""
    by_size = sorted(groups, key=lambda group: len(group.positions))
    mixed = [group for group in by_size if all(group.counts)]
    real = [group for group in by_size if not group.counts[1]]
    fake = [group for group in by_size if not group.counts[0]]
    cover = {}
    for name in sorted(shares, key=shares.__getitem__):
        pair = [real[0], fake[0]] if real and fake else None
        if mixed and (pair is None or len(mixed[0].positions) <= sum(len(group.positions) for group in pair)):
            cover[name] = [mixed.pop(0)]
        else:
            cover[name] = [real.pop(0), fake.pop(0)]
    return cover


def _complete(samples: Sequence[Sample], chosen: dict[int, str], shares: dict[str, float]) -> bool:
    return len({(split, samples[i].fake) for i, split in chosen.items()}) == 2 * len(shares)


def _fault(samples: Sequence[Sample], positions: list[int], shares: dict[str, float], by: Sequence[str]) -> str:
    """Say why there is no split, and what would help."""
    for label, name in ((False, "real"), (True, "fake")):
        if not any(samples[i].fake is label for i in positions):
            return f"the data set has no {name} samples to split; a split needs real and fake ones"
    wanted = ", ".join(shares)
    for count in range(len(by) - 1, -1, -1):
        for fewer in combinations(by, count):
            if _both_classes(_shuffled_groups(samples, positions, fewer, seed=0)) < len(shares):
                continue
            faults = [name for name in by if name not in fewer]
            named = " or one ".join(faults)
            held = f"samples of one {named} must stay together, so that {wanted} cannot all have both classes"
            if "clip" in faults:
                return f"{held}; add samples of other clips"
            return f"{held}; split by fewer attributes (--split-by {','.join(fewer or ('clip',))}) or add samples"
    verb = "is" if len(positions) == 1 else "are"
    return f"{counted(len(positions), 'sample')} {verb} too few to give {wanted} real and fake ones each"


def _warn_of_uneven(chosen: dict[int, str], shares: dict[str, float]) -> None:
    counts = Counter(chosen.values())
    for name, share in shares.items():
        wanted, got = share / sum(shares.values()), counts[name] / len(chosen)
        if abs(wanted - got) > _WORTH_A_WARNING:
            _LOGGER.warning(
                "%s gets %.0f%% of the samples, not %.0f%%: the groups are too large", name, 100 * got, 100 * wanted
            )
