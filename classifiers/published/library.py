"""The models that a user added: a folder for each, which is there as a whole or not at all."""

from __future__ import annotations

import re
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from classifiers.architectures import LABELS
from classifiers.calibration import NEVER, UNCALIBRATED, UNDECIDED, Calibration, Thresholds
from classifiers.crop_align import CropAlign
from classifiers.crop_box import CropBox
from classifiers.model_spec import (
    MANIFEST,
    OPENVINO_FILES,
    ModelError,
    ModelFile,
    ModelSpec,
    Origin,
    added_models,
    shipped_names,
    write_manifest,
)
from classifiers.models_of_user import models_folder
from classifiers.published.graph import adapt
from classifiers.published.recipe import Recipe, sha256_of

CARD = "card.md"
"""File name of the model card that an added model gets."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# Their crops are cut as `crop_box` or `crop_align` says; nothing reads this.
_NO_TEMPLATE = ((0.5, 0.5),) * 5


def add_model(path: Path, recipe: Recipe, name: str | None = None) -> ModelSpec:
    """Add a published network to the models of the user; its scores are raw until it is calibrated.

    Args:
        path: ONNX, OpenVINO IR or Keras; see `classifiers.published.graph.FORMATS`.
        recipe: how the network is used.
        name: what the model will be called; None for the name of the recipe.

    Returns:
        The model. `find_model` knows it by its name.

    Raises:
        ModelError: the name is taken or is none, the file is not the one that the recipe is for, or it cannot be used
            as `adapt` says, or the folder cannot be written to. Then nothing is added.
    """
    name = recipe.name if name is None else name
    check_name(name)
    content = _content(path)
    sha256 = sha256_of(content)
    if recipe.sha256 not in (None, sha256):
        raise ModelError(f"{path} is not the file that recipe {recipe.name!r} is for: its SHA-256 is {sha256}")
    graph = adapt(path, recipe)
    folder = models_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".adding-") as made:
            # Whoever looks in meanwhile sees nothing of it.
            inner = Path(made, name)
            inner.mkdir()
            spec = _write(graph, recipe, name, sha256, inner)
            inner.rename(folder / name)
    except OSError as error:
        raise ModelError(f"cannot add model {name!r} to {folder}: {error.strerror or error}") from error
    return replace(spec, folder=folder / name)


def remove_model(name: str) -> None:
    """Remove a model that was added, with all of its files.

    Raises:
        ModelError: no added model has this name, or its folder cannot be removed.
    """
    if not _NAME.fullmatch(name) or not (models_folder() / name).is_dir():
        raise ModelError(f"no added model is called {name!r}; there are {', '.join(added_models()) or 'none'}")
    try:
        shutil.rmtree(models_folder() / name)
    except OSError as error:
        raise ModelError(f"cannot remove model {name!r}: {error.strerror or error}") from error


def check_name(name: str) -> None:
    """Make sure that a model can be added by a name.

    Raises:
        ModelError: it is no name, or it is taken.
    """
    if not _NAME.fullmatch(name):
        raise ModelError(f"{name!r} cannot be the name of a model: take letters, digits, dots, dashes and underscores")
    if name in shipped_names():
        raise ModelError(f"a model of this project is called {name!r}; choose another name with --name")
    if name in added_models() or (models_folder() / name).exists():
        raise ModelError(f"a model called {name!r} was added before; remove it first, or choose another with --name")


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror or error}") from error


def _write(graph: object, recipe: Recipe, name: str, sha256: str, folder: Path) -> ModelSpec:
    import openvino as ov

    paths = {"openvino_graph": folder / "network.xml", "openvino_weights": folder / "network.bin"}
    ov.save_model(graph, paths["openvino_graph"], compress_to_fp16=False)
    (folder / CARD).write_text(_card(recipe, name, sha256), encoding="utf-8")
    crop = recipe.crop
    spec = ModelSpec(
        name=name,
        architecture=recipe.name,
        labels=LABELS,
        crop_size=recipe.input.size,
        crop_template=_NO_TEMPLATE,
        crop_cut_size=recipe.input.size,
        files={kind: ModelFile.of(paths[kind]) for kind in OPENVINO_FILES},
        calibration=_raw_calibration(recipe),
        thresholds=_thresholds(recipe),
        card=CARD,
        folder=folder,
        crop_box=crop if isinstance(crop, CropBox) else None,
        crop_align=crop if isinstance(crop, CropAlign) else None,
        origin=Origin(
            recipe=recipe.name,
            title=recipe.title,
            paper=recipe.paper,
            repository=recipe.repository,
            licence=recipe.licence,
            commercial_use=recipe.commercial_use,
            protocol=_protocol(recipe),
            source_sha256=sha256,
        ),
    )
    write_manifest(folder / MANIFEST.name, [spec])
    return spec


def _protocol(recipe: Recipe) -> str:
    parts = [
        f"{recipe.frames} frames" if recipe.frames else "",
        f"pooled by {recipe.pooling}" if recipe.pooling else "",
    ]
    return ", ".join(part for part in parts if part)


def _raw_calibration(recipe: Recipe) -> Calibration:
    """Take the network's own chances; an output that it lacks never speaks."""
    known = {"manipulated" if meaning == "fake" else meaning for meaning in recipe.output.classes} - {"real"}
    return replace(
        UNCALIBRATED,
        manipulated=NEVER if known == {"generated"} else UNCALIBRATED.manipulated,
        generated=UNCALIBRATED.generated if "generated" in known else NEVER,
    )


def _thresholds(recipe: Recipe) -> Thresholds:
    if recipe.threshold is None:
        return UNDECIDED
    limit = recipe.threshold.fake
    return Thresholds(limit, limit, f"of a raw score, as the authors take it: {recipe.threshold.source}")


def _card(recipe: Recipe, name: str, sha256: str) -> str:
    use = {True: "commercial use allowed", False: "no commercial use", None: "nobody says whether commercially"}
    lines = [
        f"# {name}",
        "",
        f"{recipe.title}. {recipe.paper}. {recipe.repository}",
        "",
        f"Licence: {recipe.licence} ({use[recipe.commercial_use]}).",
        f"Added from a file of SHA-256 {sha256} by the recipe `{recipe.name}`.",
    ]
    if recipe.claims:
        lines += ["", "Figures that the authors report; nobody here has measured them:", ""]
        lines += [f"- {each.data}: {each.measure} {each.value:g} ({each.source})" for each in recipe.claims]
    return "\n".join(lines) + "\n"
