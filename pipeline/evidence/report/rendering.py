"""The templates of the pages, and what stands ready in all of them.

Whatever a template prints goes through `printable` and is escaped, so that no text of others can become markup, turn
the reading direction, or break the file.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.evidence.spelling import clock, number, printable, shortened
from pipeline.evidence.texts import LANGUAGE, say, say_number
from pipeline.results.coverage import percent

if TYPE_CHECKING:
    import jinja2
    import markupsafe

COLOURS = Path(__file__).parent / "templates" / "colours.css"
"""Style sheet with the colours of verdicts, for pages of ours beside the report."""

_LONG_TEXT = 300


@cache
def environment() -> jinja2.Environment:
    """Load the templates."""
    import jinja2

    made = jinja2.Environment(
        loader=jinja2.PackageLoader("pipeline.evidence.report"),
        autoescape=True,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    made.globals.update(
        say=say,
        say_number=say_number,
        source=_source,
        script_hash=script_hash,
        language=LANGUAGE,
        long_text=_LONG_TEXT,
    )
    made.filters.update(clock=clock, score=number, percent=percent, shortened=shortened, printable=printable)
    made.filters.update(commas=lambda n: f"{n:,}")
    return made


def _shown(value: Any) -> Any:
    """Make a text printable; markup, which only templates and files of ours are, stays as it is."""
    return printable(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _source(name: str) -> markupsafe.Markup:
    """Give a style sheet or script of ours, which is put into a page as it is."""
    import markupsafe

    return markupsafe.Markup(_file(name))


def script_hash(name: str) -> str:
    """Give the hash by which the page's policy lets this script run, and no other."""
    return "sha256-" + base64.b64encode(hashlib.sha256(_file(name).encode()).digest()).decode()


@cache
def _file(name: str) -> str:
    return (resources.files("pipeline.evidence.report") / "templates" / name).read_text(encoding="utf-8")
