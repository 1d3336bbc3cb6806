"""Data sets of faces, each as an index of samples.

from classifiers.datasets import open_dataset

samples = open_dataset("dfdc_train_part_0")
"""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

from classifiers.datasets.sample import GENERATED_FAMILIES, AlignFace, DataError, PictureReader, Sample

__all__ = ["GENERATED_FAMILIES", "LAYOUTS", "AlignFace", "DataError", "PictureReader", "Sample", "open_dataset"]

LAYOUTS = {
    "face_crops": "classifiers.datasets.face_crops",
    "face_shards": "classifiers.datasets.face_shards",
    "faceforensics": "classifiers.datasets.faceforensics",
    "celeb_df": "classifiers.datasets.celeb_df",
    "dfdc": "classifiers.datasets.dfdc",
    "real_vs_fake_140k": "classifiers.datasets.real_vs_fake_140k",
    "csv_table": "classifiers.datasets.csv_table",
    "class_folders": "classifiers.datasets.class_folders",
}
"""Name to module, the most specific first. A module offers `recognises(path)`, `samples(path)` and `LOOKS_FOR`."""


def open_dataset(path: str | Path, layout: str = "auto") -> list[Sample]:
    """List the samples of a data set that has real and fake ones.

    Args:
        path: the folder or index file.
        layout: one of `LAYOUTS`, or "auto" for the first that recognises the path.

    Raises:
        DataError: there is nothing at the path, its layout is unknown, files are missing or damaged, or there is
            no real or no fake sample.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"there is no file and no folder {path}")
    found = _layout(path, layout).samples(path)
    if not found:
        raise DataError(f"{path} is an empty data set: it lists no pictures and no videos")
    if len({sample.fake for sample in found}) == 1:
        there, lacking = ("fake", "real") if found[0].fake else ("real", "fake")
        raise DataError(f"all {len(found)} samples of {path} are {there}; a data set needs {lacking} ones too")
    return found


def _layout(path: Path, name: str) -> ModuleType:
    if name != "auto" and name not in LAYOUTS:
        raise DataError(f"no layout of data sets is called {name!r}; choose from: auto, {', '.join(LAYOUTS)}")
    modules = [importlib.import_module(module) for key, module in LAYOUTS.items() if name in ("auto", key)]
    for module in modules:
        if module.recognises(path):
            return module
    looked_for = "; ".join(module.LOOKS_FOR for module in modules)
    raise DataError(f"{path} is no data set whose layout is known; looked for {looked_for}")
