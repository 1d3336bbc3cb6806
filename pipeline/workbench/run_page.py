"""A training run as a page."""

from __future__ import annotations

from pathlib import Path

from classifiers.datasets import AlignFace
from classifiers.model_spec import ModelSpec
from extractors.face_crop import crop_of, landmark_aligner
from pipeline.workbench.extras import require_libraries

PAGE = "report.html"
"""Its name in the folder of a run."""


def report_run(run: str | Path, output: str | Path | None = None) -> Path:
    """Show a training run on one page, as `facewitness report RUN` does.

    The page has the training curves, the confusion matrix, right and wrong answers on the pictures of the validation
    split, and where the network looked. It is one file that loads nothing.

    Example:
        >>> from pipeline import workbench
        >>> config = workbench.TrainingConfig(
        ...     architecture="mesonet", input_size=32, steps=2, steps_per_epoch=1, batch_size=4, warmup_steps=1
        ... )
        >>> trained = workbench.train("faces", "run", config=config, split_by=("clip",))
        >>> workbench.report_run("run").name
        'report.html'

    Args:
        run: folder of a training run that is finished.
        output: the page; None for report.html in the folder of the run.

    Returns:
        The page.

    Raises:
        DataError: the run is not finished.
        ModelError: its model is damaged.
        OutputError: the page cannot be written.
        MissingLibraryError: a library is not installed.
    """
    require_libraries("the page of a run", "matplotlib", "yaml")
    from classifiers.training.run_page import write_run_page

    folder = Path(run)
    return write_run_page(folder, folder / PAGE if output is None else Path(output), _align_of)


def _align_of(spec: ModelSpec) -> AlignFace:
    return landmark_aligner(crop_of(spec))
