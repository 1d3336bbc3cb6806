"""The outcomes as one page in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from classifiers.evaluation.shortcuts import SHORTCUT_AUC, Shortcut
from predecessors.data import QUALITY, SIDE
from predecessors.jobs import JOBS, Job
from predecessors.outcome import Outcome

Outcomes = Mapping[tuple[str, int], Outcome]
"""By preset and by percent of the training split."""

_ABOUT = f"""\
Every picture is an aligned face of {SIDE} px at JPEG quality {QUALITY}. Photographs of the test split are of sources
that no other split has; drawn faces, who are nobody, were split picture by picture; clips by source. Accuracy is at a
score of 0.5, after calibration on the validation split. Each network was measured on the test split once. Intervals are
95%: in brackets bootstrapped over sources, persons or clips, behind them that of an accuracy whose pictures are all
independent."""

_ASKED = ("width", "height", "bytes", "bits_per_pixel", "jpeg_quality")


def page(outcomes: Outcomes, shortcuts: Mapping[str, Sequence[Shortcut]], cores: int) -> str:
    """Write the table, what trivial properties could explain, the learning curves and what was not run."""
    parts = [
        "# The five predecessors",
        _ABOUT,
        _table(outcomes, cores),
        "## Could something trivial explain it?",
        *(_about_shortcuts(name, found) for name, found in shortcuts.items()),
    ]
    if any(percent < 100 for _, percent in outcomes):
        parts += ["## What more data would bring", _curves(outcomes)]
    missing = [job.preset for job in JOBS if (job.preset, 100) not in outcomes]
    if missing:
        parts += ["## Not run", "Nothing is known of " + ", ".join(f"`{name}`" for name in missing) + "."]
    return "\n\n".join(parts) + "\n"


def _table(outcomes: Outcomes, cores: int) -> str:
    seconds = f"seconds of training ({cores} core{'' if cores == 1 else 's'})"
    lines = [
        "| predecessor | preset | claimed | accuracy | AUC | wanted | test, real + fake | train, real + fake | "
        f"{seconds} |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for job in JOBS:
        found = outcomes.get((job.preset, 100))
        if not found:
            continue
        counts = found.counts
        cells = (
            job.predecessor,
            f"`{job.preset}`" + (f" with {_settings(found)}" if found.settings else ""),
            job.claim,
            f"{_interval(found.accuracy, percent=True)}, {found.binomial[0]:.1%} to {found.binomial[1]:.1%}",
            f"{_interval(found.auc)} by {'clip' if found.level == 'video' else 'picture'}",
            _wanted(job, found),
            f"{found.tested[0]} + {found.tested[1]}",
            f"{counts.get('train real', 0):,} + {counts.get('train fake', 0):,}",
            f"{found.seconds:.0f}",
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _settings(found: Outcome) -> str:
    return "`" + " ".join(f"--{name} {value}" for name, value in found.settings.items()) + "`"


def _wanted(job: Job, found: Outcome) -> str:
    if job.wanted is None:
        return "none set"
    return f"{job.wanted:.0%}: {'reached' if reached(job, found) else 'missed'}"


def reached(job: Job, found: Outcome) -> bool:
    """Tell whether a network is as good as it should be."""
    value = found.accuracy[0] if job.measure == "accuracy" else found.auc[0]
    return job.wanted is None or value >= job.wanted


def _interval(figure: tuple[float, float, float], *, percent: bool = False) -> str:
    value, low, high = (f"{number:.1%}" if percent else f"{number:.3f}" for number in figure)
    return f"{value} [{low}, {high}]"


def _about_shortcuts(name: str, found: Sequence[Shortcut]) -> str:
    asked = [shortcut for shortcut in found if shortcut.key in _ASKED]
    rows = "\n".join(f"| {s.title} | {s.auc:.3f} | {s.real:.3g} {s.unit} | {s.fake:.3g} {s.unit} |" for s in found)
    strong = [s.title.lower() for s in asked if s.strong]
    said = f"no: none of size, quality and bits per pixel reaches {SHORTCUT_AUC}" if not strong else ", ".join(strong)
    header = "| property | AUC | typical real | typical fake |\n|---|---|---|---|"
    return f"Of `{name}`, each property by itself ({said}):\n\n{header}\n{rows}"


def _curves(outcomes: Outcomes) -> str:
    lines = ["| preset | share of the training split | accuracy | AUC |", "|---|---|---|---|"]
    for preset in dict.fromkeys(preset for preset, percent in outcomes if percent < 100):
        for percent in sorted(each for name, each in outcomes if name == preset):
            found = outcomes[preset, percent]
            accuracy, auc = _interval(found.accuracy, percent=True), _interval(found.auc)
            lines.append(f"| `{preset}` | {percent}% | {accuracy} | {auc} |")
    return "\n".join(lines)
