"""Data sets of faces, each as a list of samples.

Where to start:

    samples = open_dataset("dfdc_train_part_0")
"""

from __future__ import annotations

from pathlib import Path

from classifiers.datasets import (
    celeb_df,
    class_folders,
    csv_table,
    deeper_forensics,
    deepfake_bench,
    deepfake_eval_2024,
    df40,
    dfdc,
    face_crops,
    face_shards,
    faceforensics,
    fakeavceleb,
    ffiw,
    kodf,
    real_vs_fake_140k,
    wild_deepfake,
)
from classifiers.datasets.adapter import DatasetAdapter
from classifiers.datasets.sample import GENERATED_FAMILIES, AlignFace, Landmarks, Picture, PictureReader, Sample
from classifiers.errors import DataError, SettingsError

__all__ = [
    "GENERATED_FAMILIES",
    "LAYOUTS",
    "AlignFace",
    "DataError",
    "DatasetAdapter",
    "Landmarks",
    "Picture",
    "PictureReader",
    "Sample",
    "open_dataset",
]

LAYOUTS: dict[str, DatasetAdapter] = {
    "face_crops": face_crops,
    "face_shards": face_shards,
    "faceforensics": faceforensics,
    "celeb_df": celeb_df,
    "dfdc": dfdc,
    "real_vs_fake_140k": real_vs_fake_140k,
    "deepfake_bench": deepfake_bench,
    "df40": df40,
    "deeper_forensics": deeper_forensics,
    "fakeavceleb": fakeavceleb,
    "ffiw": ffiw,
    "wild_deepfake": wild_deepfake,
    "deepfake_eval_2024": deepfake_eval_2024,
    "kodf": kodf,
    "csv_table": csv_table,
    "class_folders": class_folders,
}
"""Every layout: its name and what reads it, the most specific first; `DatasetAdapter` says how to add one."""


def open_dataset(path: str | Path, layout: str = "auto") -> list[Sample]:
    """List the samples of a data set that has real and fake ones.

    Args:
        path: the folder or index file.
        layout: one of `LAYOUTS`, or "auto" for the first that recognises the path.

    Raises:
        DataError: there is nothing at the path, nothing recognises it, an index is damaged, or there is no
            real or no fake sample.
        SettingsError: no layout has that name.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"there is no file and no folder {path}")
    found = _adapter(path, layout).samples(path)
    if not found:
        raise DataError(f"{path} is an empty data set: no picture and no video that it lists is there")
    if len({sample.fake for sample in found}) == 1:
        there, lacking = ("fake", "real") if found[0].fake else ("real", "fake")
        raise DataError(
            f"{path} holds {there} samples only ({len(found)} of them); a data set needs {lacking} ones too"
        )
    return found


def _adapter(path: Path, layout: str) -> DatasetAdapter:
    if layout != "auto" and layout not in LAYOUTS:
        raise SettingsError(f"no layout of data sets is called {layout!r}; choose from: auto, {', '.join(LAYOUTS)}")
    adapters = [adapter for name, adapter in LAYOUTS.items() if layout in ("auto", name)]
    for adapter in adapters:
        if adapter.recognises(path):
            return adapter
    looked_for = "; ".join(adapter.LOOKS_FOR for adapter in adapters)
    raise DataError(f"{path} is no data set whose layout is known; looked for {looked_for}")
