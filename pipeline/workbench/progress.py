"""How the functions of the workbench report their progress."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

T = TypeVar("T")


class Progress(Protocol):
    """Wraps what a function goes through, and gives it on one by one; tqdm is used in this way.

    Args:
        items: what is gone through.
        total: how many there are.
        task: what is done with them, such as "scanning".
        unit: what one of them is, such as "file".
    """

    def __call__(self, items: Iterable[T], total: int, task: str, unit: str) -> Iterable[T]:
        """Give the items, and show each time how many have been given."""
        ...


def silent(items: Iterable[T], total: int, task: str, unit: str) -> Iterable[T]:
    """Show nothing."""
    return items
