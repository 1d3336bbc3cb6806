"""What commands log to standard error."""

from __future__ import annotations

import logging


def set_up_logging(debug: bool, *heard: str) -> None:
    """Log errors, of the packages that are named warnings too, and everything when debugging.

    That decoders run with more rights than they need is always told.

    Python's own warnings are logged as well: what Pillow has to say of a damaged file does not belong between the rows
    of a table.
    """
    logging.basicConfig(level=logging.DEBUG if debug else logging.ERROR, format="%(levelname)s %(name)s: %(message)s")
    logging.captureWarnings(True)
    if not debug:
        for package in (*heard, "pipeline.media.confinement"):
            logging.getLogger(package).setLevel(logging.WARNING)
