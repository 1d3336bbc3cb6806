"""Progress bars on standard error."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from tqdm import tqdm

    from pipeline.workbench.training import TrainingStep

T = TypeVar("T")


def bar(items: Iterable[T], total: int, task: str, unit: str) -> Iterable[T]:
    """Show how far it has come; see `pipeline.workbench.progress.Progress`."""
    from tqdm import tqdm

    # disable=None: no bar where standard error is not a terminal.
    return tqdm(items, total=total, unit=unit, desc=task, disable=None, leave=False)


class TrainingBar:
    """One bar over all steps of a training run, which shows the losses; the next run gets the next bar."""

    def __init__(self) -> None:
        self._bar: tqdm | None = None
        self._architecture = ""

    def __call__(self, step: TrainingStep) -> None:
        """Show a step."""
        from tqdm import tqdm

        if self._bar is None or self._architecture != step.architecture:
            self.close()
            self._architecture = step.architecture
            self._bar = tqdm(total=step.steps, unit="step", desc=step.architecture, disable=None, leave=False)
        self._bar.update(step.step - self._bar.n)
        self._bar.set_postfix(step.losses, refresh=False)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()

    def __enter__(self) -> TrainingBar:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
