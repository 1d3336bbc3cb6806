"""An exploration as files: a page that opens without a network, every number as JSON, and pictures."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from classifiers.atomic_file import write_whole
from classifiers.datasets import PictureReader
from classifiers.datasets.leakage import Leak, LeakReport
from classifiers.errors import OutputError
from classifiers.evaluation.explore import CLASSES, Exploration, Spread
from classifiers.evaluation.explore_charts import as_png, as_svg, draw_charts, sample_grid
from classifiers.evaluation.picture_facts import CHANNELS
from classifiers.evaluation.shortcuts import PROPERTIES, SHORTCUT_AUC, Shortcut
from classifiers.numerals import counted

SCHEMA = "facewitness/explore/1"

IMBALANCE = 3.0
"""From this ratio of the classes on a split is worth a word."""

FEW = 100
"""With fewer measured clips and stills of a class the figures are uncertain enough to say so."""

_LISTED = 12

_LEAK_TITLES = {
    "equal_files": "Equal files in several splits",
    "near_duplicates": "Nearly equal pictures in several splits",
    "persons": "People in several splits",
    "clips": "Clips in several splits",
    "sources": "Sources in several splits",
    "label_conflicts": "Equal files that are real and fake",
    "repeats": "Equal files within a split",
}


@dataclass(frozen=True, slots=True)
class About:
    """What a report is of.

    Attributes:
        data: path of the data set, for people.
        layout: its layout, as asked for.
        tool: name and version of the program.
    """

    data: str
    layout: str
    tool: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know before training; "good" says that something was looked for and is not there."""

    level: Literal["warning", "note", "good"]
    text: str


def findings(exploration: Exploration, leaks: LeakReport) -> list[Finding]:
    """Say what a user should know before training, warnings first."""
    found = [
        *_about_shortcuts(exploration),
        *_about_balance(exploration),
        *_about_leaks(leaks),
        *_about_reading(exploration, leaks),
    ]
    order = ("warning", "note", "good")
    return sorted(found, key=lambda finding: order.index(finding.level))


def write_report(
    exploration: Exploration, leaks: LeakReport, reader: PictureReader, about: About, folder: Path
) -> list[Path]:
    """Write explore.html, explore.json and the PNG files.

    Args:
        exploration: what was measured.
        leaks: what the splits share.
        reader: reads the pictures that are shown.
        about: what the report is of.
        folder: where; made if it is not there.

    Returns:
        The files, the page first.

    Raises:
        OutputError: the folder cannot be written to.
    """
    charts = draw_charts(exploration)
    found = {name: sample_grid(exploration, reader, fake) for name, fake in CLASSES.items()}
    grids = {name: grid for name, grid in found.items() if grid is not None}
    record = {
        "schema": SCHEMA,
        **asdict(about),
        "findings": [asdict(finding) for finding in findings(exploration, leaks)],
        **exploration.to_json(),
        "leaks": leaks.to_json(),
    }
    files = {
        # File names may hold bytes that are no text.
        "explore.html": _page(exploration, leaks, about, {n: as_svg(f) for n, f in charts.items()}, grids).encode(
            errors="backslashreplace"
        ),
        "explore.json": (json.dumps(record, indent=1, allow_nan=False) + "\n").encode(),
        **{f"{name}.png": as_png(figure) for name, figure in charts.items()},
        **{f"samples_{name}.png": _encoded(grid, "png") for name, grid in grids.items()},
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            write_whole(folder / name, content)
    except OSError as error:
        raise OutputError(f"cannot write the report to {folder}: {error.strerror}") from error
    return [folder / name for name in files]


def _page(
    exploration: Exploration,
    leaks: LeakReport,
    about: About,
    charts: dict[str, str],
    grids: dict[str, np.ndarray],
) -> str:
    from jinja2 import Environment, PackageLoader

    environment = Environment(
        loader=PackageLoader("classifiers.evaluation"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"figure": _figure, "count": "{:,}".format}
    unreadable = {item.name: item.reason for item in leaks.unreadable} | dict(exploration.unreadable)
    return environment.get_template("explore.html").render(
        about=about,
        exploration=exploration,
        numbers=exploration.to_json(),
        findings=findings(exploration, leaks),
        charts=charts,
        grids={name: _data_url(grid) for name, grid in grids.items()},
        spreads=_spreads(exploration),
        channels=_channels(exploration),
        threshold=SHORTCUT_AUC,
        leaks=leaks,
        leak_rows=[(title, getattr(leaks, key)) for key, title in _LEAK_TITLES.items()],
        unreadable=list(unreadable.items()),
        example=_example,
        listed=_LISTED,
    )


def _about_shortcuts(exploration: Exploration) -> Iterator[Finding]:
    found = exploration.shortcuts
    for shortcut in (one for one in found if one.strong):
        yield Finding("warning" if shortcut.warn else "note", _shortcut_sentence(shortcut))
    if found and not found[0].strong:
        yield Finding(
            "good",
            f"No trivial property alone tells real from fake with an AUC of {SHORTCUT_AUC} or more; "
            f"the strongest, {_in_sentence(found[0].title)}, reaches {found[0].auc:.2f}.",
        )
    if not found:
        yield Finding("note", "No trivial property is known of both classes, so none could be held against them.")


def _shortcut_sentence(shortcut: Shortcut) -> str:
    interval = "" if shortcut.low is None else f" (95% interval {shortcut.low:.2f} to {shortcut.high:.2f})"
    doubt = "" if shortcut.warn else ", which with so few clips may be chance"
    start = f"{shortcut.title} alone tells real from fake with an AUC of {shortcut.auc:.2f}{interval}{doubt}: "
    if shortcut.key.startswith("format:"):
        return f"{start}{shortcut.real:.0f}% of the real and {shortcut.fake:.0f}% of the fake files have it."
    real, fake = (_figure(value, shortcut.unit) for value in (shortcut.real, shortcut.fake))
    return f"{start}the median is {real} for real and {fake} for fake files."


def _about_balance(exploration: Exploration) -> Iterator[Finding]:
    counts = exploration.balance()
    if [count.split for count in counts] == [""]:
        yield Finding("note", "The data set names no splits.")
    for count in counts:
        place = (
            f"The split {count.split!r}"
            if count.split
            else "The part without a split"
            if counts[1:]
            else "The data set"
        )
        less, more = sorted((count.real, count.fake))
        if less == 0:
            yield Finding("warning", f"{place} has no {'real' if count.real == 0 else 'fake'} samples.")
        elif more / less >= IMBALANCE:
            name, other = ("fake", "real") if count.fake > count.real else ("real", "fake")
            yield Finding("note", f"{place} has {more / less:.1f} times as many {name} as {other} samples.")


def _about_leaks(leaks: LeakReport) -> Iterator[Finding]:
    if leaks.leaks or leaks.label_conflicts or leaks.repeats or leaks.unreadable:
        yield from (Finding("warning", sentence) for sentence in leaks.sentences())
    else:
        yield Finding(
            "good", f"No leak, no repeated file and no label conflict among {counted(leaks.samples, 'sample')}."
        )


def _about_reading(exploration: Exploration, leaks: LeakReport) -> Iterator[Finding]:
    known = {item.name for item in leaks.unreadable}
    unreadable = [(name, reason) for name, reason in exploration.unreadable if name not in known]
    if unreadable:
        yield Finding("warning", f"{counted(len(unreadable), 'file')} could not be measured: {unreadable[0][1]}.")
    videos = exploration.unmeasured_videos + sum(facts.pixels is None for facts in exploration.facts)
    if videos:
        yield Finding(
            "note",
            f"Of {counted(videos, 'video')} only the container was looked at: statistics of pixels and faces need "
            "`facewitness faces` first.",
        )
    reals, fakes = (len({facts.sample.group for facts in exploration.of_class(fake)}) for fake in CLASSES.values())
    if min(reals, fakes) < FEW:
        yield Finding(
            "note",
            f"Only {reals:,} real and {fakes:,} fake clips and stills were measured: mind the intervals, "
            "a high AUC may be chance.",
        )


def _spreads(exploration: Exploration) -> list[tuple[str, str, str, Spread]]:
    """Give title, unit, class and spread of each property that some sample has."""
    rows = []
    for wanted in PROPERTIES:
        for name, fake in CLASSES.items():
            spread = Spread.of(exploration.values(wanted, fake))
            if spread.count:
                rows.append((wanted.title, wanted.unit, name, spread))
    return rows


def _channels(exploration: Exploration) -> list[tuple[str, str, float, float]]:
    """Give channel, class, mean and standard deviation."""
    rows = []
    for channel, title in enumerate(CHANNELS):
        for name, fake in CLASSES.items():
            figures = exploration.channels(fake)
            if figures is not None:
                rows.append((title.capitalize(), name, float(figures[channel, 0]), float(figures[channel, 1])))
    return rows


def _example(leaks: Iterable[Leak]) -> str:
    first = next(iter(leaks), None)
    return "" if first is None else " and ".join(first.names[:2])


def _figure(value: float, unit: str = "") -> str:
    """Write a number with three digits that count, and its unit."""
    size = abs(value)
    digits = 0 if size >= 100 or value == round(value) else 1 if size >= 10 else 2 if size >= 1 else 3
    return f"{value:,.{digits}f}{'' if unit in ('', '%') else ' '}{unit}"


def _in_sentence(title: str) -> str:
    return title if title.startswith(("JPEG", "Format")) else title[0].lower() + title[1:]


def _encoded(grid: np.ndarray, file_format: str) -> bytes:
    content = io.BytesIO()
    Image.fromarray(grid).save(content, file_format, quality=82)
    return content.getvalue()


def _data_url(grid: np.ndarray) -> str:
    # WebP: a fifth of the bytes of PNG, with transparency between the pictures.
    return "data:image/webp;base64," + base64.b64encode(_encoded(grid, "webp")).decode()
