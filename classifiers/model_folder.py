"""Folders that hold models of a user: a manifest, and beside it the files that it names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from classifiers.atomic_file import write_whole
from classifiers.errors import SettingsError
from classifiers.model_spec import MANIFEST, NO_MANIFEST, ModelSpec, read_manifest, write_manifest


def other_models(spec: ModelSpec, folder: Path) -> list[ModelSpec]:
    """Give the other models of the folder that a changed model is to be written to.

    Raises:
        SettingsError: the folder is that of a model of this project, or holds other weights of that name or no
            manifest that can be read.
    """
    if folder.resolve() == spec.folder.resolve() and spec.origin is None:
        raise SettingsError(f"{folder} is the folder of the model itself; name another one")
    manifest = folder / MANIFEST.name
    if not manifest.exists():
        return []
    try:
        models = read_manifest(manifest)
    except (OSError, *NO_MANIFEST) as error:
        raise SettingsError(f"{manifest} is not a manifest of models ({error!r}); choose another folder") from error
    if spec.name in models and models[spec.name].sha256 != spec.sha256:
        raise SettingsError(
            f"{folder} already holds other weights of a model called {spec.name!r}; choose another folder"
        )
    return [model for name, model in models.items() if name != spec.name]


def write_model(spec: ModelSpec, others: Sequence[ModelSpec], folder: Path) -> Path:
    """Copy the files of a model, and write a manifest of it and others beside them.

    Args:
        spec: the model; `folder` in it is where its files are now.
        others: the other models of the folder, see `other_models`.
        folder: where; made if it is not there.

    Returns:
        The manifest, in which the model is the first.

    Raises:
        ModelError: a file of the model is missing or damaged.
        OSError: the folder cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    contents = {file.file: spec.read(file_format) for file_format, file in spec.files.items()}
    card = spec.folder / spec.card
    if spec.card and card.is_file():
        contents[spec.card] = card.read_bytes()
    for name, content in contents.items():
        write_whole(folder / name, content)
    write_manifest(folder / MANIFEST.name, [replace(spec, folder=folder), *others])
    return folder / MANIFEST.name
