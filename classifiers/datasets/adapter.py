"""What every adapter of a data set promises."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from classifiers.datasets.sample import Sample


class DatasetAdapter(Protocol):
    """Lists the samples of data sets that are laid out in one way. An adapter is a module with these three members.

    To add a data set:

    1. Write `classifiers/datasets/NAME.py` with the members below. Its docstring shows what lies where; look at
       `celeb_df.py` for one that goes by folders, at `dfdc.py` for one that goes by an index file.
       `index_files.py` reads index files, `clip_files.py` finds videos and frames, `clip_names.py` and
       `forgery_methods.py` know the names of clips and methods, `words.py` what the field calls classes and splits.
    2. Add it to `LAYOUTS` in `classifiers/datasets/__init__.py`, before those that would take it for theirs.
    3. Add a small one to `EXAMPLES` in `tests/classifiers/datasets/test_adapter_conformance.py`: every adapter must
       pass the tests there. What is particular to the data set gets a test file of its own.

    Attributes:
        LOOKS_FOR: what the adapter goes by, as a part of a sentence for a user whose data set nobody recognises.
    """

    LOOKS_FOR: str

    def recognises(self, path: Path) -> bool:
        """Tell quickly, by names and headers, whether this is such a data set.

        Args:
            path: a folder or a file that exists; anything may lie in it.

        Raises:
            DataError: it surely is one, but damaged.
        """
        ...

    def samples(self, path: Path) -> list[Sample]:
        """List everything in the data set, in the same order every time.

        Official splits are kept, as "train", "val" and "test"; where there are none, `split` is "". What belongs
        together shares `source`, `clip` or `person`, so that it is never divided between splits.

        Args:
            path: a path that `recognises` is true of.

        Returns:
            Samples whose files exist, each with a name of its own; real and fake ones as a rule.

        Raises:
            DataError: an index is damaged, or a file is not named as in this data set.
        """
        ...
