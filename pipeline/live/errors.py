"""Why a source cannot be watched, in words."""

from __future__ import annotations


class SourceError(Exception):
    """A source that gives no frames; the message is one sentence for the user."""


class RefusedSourceError(SourceError):
    """A source that is not opened as it was asked for; the message says what to ask for instead."""
