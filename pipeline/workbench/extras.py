"""Libraries that only some commands need."""

from __future__ import annotations

import importlib.util

from classifiers.extras import install_command


class MissingLibraryError(Exception):
    """A library that a command needs is not installed; the message says which, and how to get it."""


def require_libraries(what: str, *libraries: str) -> None:
    """Ask for the libraries of the extra `train` before hours of work, not after.

    Raises:
        MissingLibraryError: one is not installed; the message begins with `what` needs it.
    """
    for library in libraries:
        if importlib.util.find_spec(library) is None:
            raise MissingLibraryError(f"{what} needs {library}; install it with: {install_command('train')}")


def require_training_libraries() -> None:
    """Ask for all that training uses.

    Raises:
        MissingLibraryError: one is not installed.
    """
    require_libraries("training", "av", "yaml", "matplotlib", "tensorboard", "ncnn")
