"""What can go wrong when data sets are read and networks trained, told to the user in one sentence each."""

from __future__ import annotations


class ClassifierError(Exception):
    """Base of these errors; the message is one sentence for the user, who can mend what it says."""


class DataError(ClassifierError):
    """A data set, or a file of it, that cannot be used as it is."""


class SettingsError(ClassifierError):
    """Settings that make no sense, do not fit each other, or do not fit what is there."""


class OutputError(ClassifierError):
    """A file or folder that cannot be written."""


class DivergedError(ClassifierError):
    """A training run whose loss is no number any more."""
