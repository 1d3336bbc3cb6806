"""A benchmark of several models as one HTML page that opens without a network."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from classifiers.atomic_file import write_whole
from classifiers.evaluation.evaluation import Section
from classifiers.evaluation.metrics import Interval
from classifiers.evaluation.model_benchmark import BenchmarkedModel, ModelBenchmark
from classifiers.evaluation.scored import Level
from classifiers.numerals import counted

FEW = 100
"""With fewer clips of a class differences between models are mostly chance, which is worth saying."""

_NOUNS = {"video": "clip", "image": "picture", "frame": "frame"}


def write_page(benchmark: ModelBenchmark, file: Path) -> Path:
    """Write the page.

    Raises:
        OSError: the file cannot be written.
    """
    from jinja2 import Environment, PackageLoader

    environment = Environment(
        loader=PackageLoader("classifiers.evaluation"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "figure": figure,
        "ends": _ends,
        "count": "{:,}".format,
        "shade": _shade,
        "percent": _percent,
    }
    page = environment.get_template("benchmark.html").render(
        benchmark=benchmark,
        levels=[(level, benchmark.models[0].evaluation.section(level)) for level in benchmark.levels],
        nouns=_NOUNS,
        groups={level: _groups(benchmark, level) for level in benchmark.levels},
        notes=notes(benchmark),
        engines=sorted({_engine(model) for model in benchmark.models}),
    )
    # File names may hold bytes that are no text.
    write_whole(file, page.encode(errors="backslashreplace"))
    return file


def notes(benchmark: ModelBenchmark) -> list[str]:
    """Say what to know before one model is taken for better than another."""
    return list(_notes(benchmark))


def _notes(benchmark: ModelBenchmark) -> Iterator[str]:
    level = benchmark.levels[0]
    everything = benchmark.models[0].evaluation.section(level)
    if min(everything.reals, everything.fakes) < FEW:
        noun = _NOUNS[level]
        yield (
            f"Only {counted(everything.reals, f'real {noun}')} and {counted(everything.fakes, f'forged {noun}')}: "
            "where the intervals of two models overlap widely, these data do not say which is better."
        )
    yield (
        "A model that was trained on clips of these sources is flattered here. The page cannot know which were; what a "
        "model was trained on is for its card or its paper to say."
    )
    raw = [model.name for model in benchmark.models if model.score_kind == "raw"]
    if raw:
        yield (
            f"The scores of {_list(raw)} are raw: they rank clips and are no chances. Calibrate a model on clips like "
            "yours before its scores or its verdicts mean something."
        )
    undecided = [m.name for m in benchmark.models if not m.evaluation.spec.thresholds.decides]
    if undecided:
        yield f"Nobody has said which scores of {_list(undecided)} are fakes, so there are no firm verdicts to count."
    for use, words in (
        (False, "may not be used commercially"),
        (None, "may not be usable commercially; ask the authors"),
    ):
        found = [model.name for model in benchmark.models if model.commercial_use is use]
        if found:
            yield f"By their licence, {_list(found)} {words}."
    statuses = Counter(item.status for _, item in benchmark.models[0].evaluation.unscored)
    if statuses:
        why = ", ".join(f"{count} {status}" for status, count in statuses.most_common())
        yield f"{counted(sum(statuses.values()), 'input')} gave no score and count in no figure ({why})."


def figure(value: float, digits: int = 2) -> str:
    """Write a figure, or a dash where it is not defined."""
    return f"{value:.{digits}f}" if math.isfinite(value) else "–"


def _ends(interval: Interval) -> str:
    return f"{interval.low:.2f}–{interval.high:.2f}" if math.isfinite(interval.low + interval.high) else ""


def _percent(value: float) -> str:
    """Place on a line from 0 to 1, for a style sheet."""
    return f"{100 * min(max(value, 0.0), 1.0):.1f}%"


def _shade(auc: float) -> str:
    """How much better (or worse) than chance, for a style sheet."""
    if not math.isfinite(auc):
        return ""
    return f"--{'better' if auc >= 0.5 else 'worse'}: {80 * abs(auc - 0.5):.0f}%"


def _groups(benchmark: ModelBenchmark, level: Level) -> list[tuple[str, list[tuple[Section, list[Section]]]]]:
    """Give each way to part the data: its title, and of each part a section and those of all models."""
    found = []
    for title, prefixes in (("By method", ("family:",)), ("By source", ("sources:", "source:"))):
        parts = [part for part in benchmark.parts(level) if part.subset.startswith(prefixes)]
        rows = [(part, [m.evaluation.section(level, part.subset) for m in benchmark.models]) for part in parts]
        if rows:
            found.append((title, rows))
    return found


def _engine(model: BenchmarkedModel) -> str:
    return f"{model.evaluation.engine} {model.evaluation.precision}"


def _list(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
