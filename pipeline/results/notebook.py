"""How notebooks show a verdict. The package `pipeline` sets it, since verdicts know nothing of pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

html_view: Callable[[Any], str] | None = None
"""Takes a `pipeline.results.verdict.Verdict` and gives a piece of HTML."""
