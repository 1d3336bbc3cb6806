"""A training run as one page that opens without a network: how it went, its right and wrong answers, where it looks."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from classifiers.atomic_file import write_whole
from classifiers.datasets import AlignFace, DataError, PictureReader
from classifiers.errors import OutputError
from classifiers.evaluation.evaluation import Evaluation, evaluate
from classifiers.evaluation.explore_charts import as_png
from classifiers.evaluation.figure_style import house_style
from classifiers.evaluation.metrics import accuracy
from classifiers.evaluation.plots import draw
from classifiers.evaluation.predictions import Predictions
from classifiers.evaluation.scored import Level, Scored, scored
from classifiers.explain import HeatMapper, calibrated_maps, overlay
from classifiers.model_spec import MANIFEST, ModelError, ModelSpec, find_model
from classifiers.training.config import SETTINGS, TrainingConfig
from classifiers.training.held_out import read_held_out
from classifiers.training.journal import EpochFigures, best_epoch, draw_curves, read_journal

_SHOWN = 8
"""Pictures of each kind of answer."""

_EXPLAINED = 4
"""Of these get heat maps."""

_DRAWS = 500


@dataclass(frozen=True, slots=True)
class _Answer:
    """One picture and what the network says of it, for the page."""

    picture: str
    heat_map: str
    score: float
    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class _Kind:
    """Answers that are right or wrong in one way; `count` is of all, also those that are not shown."""

    title: str
    right: bool
    count: int
    answers: list[_Answer]


def write_run_page(folder: Path, page: Path, align_of: Callable[[ModelSpec], AlignFace]) -> Path:
    """Write the page of a finished run.

    Pictures that are not where they were while training are left out, and the page says so.

    Args:
        folder: of the run.
        page: the file to write.
        align_of: gives what cuts the crops of a model.

    Raises:
        DataError: the run is not finished.
        ModelError: its model is damaged.
        OutputError: the page cannot be written.
    """
    from jinja2 import Environment, PackageLoader

    answers = read_held_out(folder)
    spec = find_model(str(folder / MANIFEST.name))
    epochs = read_journal(folder)
    settings = TrainingConfig.from_yaml(folder / SETTINGS)
    table = _scores(answers, spec)
    evaluation = evaluate(spec.architecture, spec, "", [table], draws=_DRAWS)
    gallery = _Gallery(spec, align_of(spec), answers, table)
    environment = Environment(
        loader=PackageLoader("classifiers.evaluation"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    content = environment.get_template("run.html").render(
        run=folder.resolve().name,
        settings=settings,
        spec=spec,
        section=evaluation.section(table.level),
        accuracy=accuracy(table.labels, table.scores[:, 0], 0.5),
        best=best_epoch(epochs),
        epochs=epochs,
        pictures=_pictures(epochs, evaluation),
        kinds=gallery.kinds(),
        no_heat_maps=gallery.no_heat_maps,
        lost=gallery.lost,
    )
    try:
        # Names of files may hold bytes that are no text.
        write_whole(page, content.encode(errors="backslashreplace"))
    except OSError as error:
        raise OutputError(f"cannot write the page {page}: {error.strerror}") from error
    return page


def _scores(answers: Predictions, spec: ModelSpec) -> Scored:
    """Score every picture by itself, stills and frames of clips alike."""
    level: Level = "frame" if all(sample.clip for sample in answers.samples) else "image"
    return scored(level, answers.samples, [spec.calibration.scores(*row) for row in answers.logits.tolist()])


def _pictures(epochs: Sequence[EpochFigures], evaluation: Evaluation) -> dict[str, str]:
    level = evaluation.main_level
    with house_style():
        figures = {name: draw(name, [evaluation], level) for name in ("confusion", "roc", "scores")}
    figures["curves"] = draw_curves(epochs)
    encoded = {name: base64.b64encode(as_png(figure)).decode() for name, figure in figures.items() if figure}
    return {name: f"data:image/png;base64,{text}" for name, text in encoded.items()}


class _Gallery:
    """Chooses the pictures that are shown, cuts their crops, and draws where the network looked."""

    def __init__(self, spec: ModelSpec, align: AlignFace, answers: Predictions, table: Scored) -> None:
        self._spec, self._align, self._answers, self._table = spec, align, answers, table
        self._reader = PictureReader()
        self.lost = 0
        self.no_heat_maps = ""
        self._mapper: HeatMapper | None = None
        try:
            spec.check_heat_maps()
            self._mapper = HeatMapper(spec)
        except ModelError as error:
            self.no_heat_maps = str(error)

    def kinds(self) -> list[_Kind]:
        """Give the wrong answers, the surest first, and then the right ones."""
        labels, scores = self._table.labels, self._table.scores[:, 0]
        called_fake = scores >= 0.5
        chosen = (
            ("Forgeries taken for real", False, labels & ~called_fake, scores),
            ("Real faces taken for forged", False, ~labels & called_fake, -scores),
            ("Forgeries found", True, labels & called_fake, -scores),
            ("Real faces let be", True, ~labels & ~called_fake, scores),
        )
        found = []
        for title, right, which, order in chosen:
            rows = [row for row in np.argsort(order, kind="stable").tolist() if which[row]]
            found.append(_Kind(title, right, len(rows), self._show(rows[:_SHOWN])))
        return found

    def _show(self, rows: Sequence[int]) -> list[_Answer]:
        crops = {}
        for row in rows:
            sample = self._table.samples[row]
            try:
                crops[row] = self._align(self._reader.read(sample), sample.known_landmarks)
            except DataError:
                self.lost += 1
        maps = self._maps([(row, crops[row]) for row in list(crops)[:_EXPLAINED]])
        return [
            _Answer(
                picture=_data_url(crop),
                heat_map=_data_url(maps[row]) if row in maps else "",
                score=float(self._table.scores[row, 0]),
                name=(sample := self._table.samples[row]).member or sample.path.name,
                kind=", ".join(text for text in (sample.family, sample.source) if text),
            )
            for row, crop in crops.items()
        ]

    def _maps(self, crops: Sequence[tuple[int, np.ndarray]]) -> dict[int, np.ndarray]:
        if not self._mapper or not crops:
            return {}
        cells = calibrated_maps(self._mapper.heat(np.stack([crop for _, crop in crops])), self._spec.calibration)
        outputs = self._table.scores[[row for row, _ in crops], 1:].argmax(axis=1)
        return {
            row: overlay(crop, of_crop[output])
            for (row, crop), of_crop, output in zip(crops, cells, outputs, strict=True)
        }


def _data_url(picture: np.ndarray) -> str:
    content = io.BytesIO()
    Image.fromarray(picture).save(content, "webp", quality=85)
    return "data:image/webp;base64," + base64.b64encode(content.getvalue()).decode()
