"""Which trained models there are, what they need, and whether their files are what they should be."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path, PureWindowsPath
from typing import Any

from classifiers.architectures import ARCHITECTURES, LABELS
from classifiers.atomic_file import write_whole
from classifiers.calibration import Calibration, Thresholds
from classifiers.crop_align import CropAlign
from classifiers.crop_box import CropBox
from classifiers.file_parts import read_file
from classifiers.models_of_user import models_folder

log = logging.getLogger(__name__)

WEIGHTS_FOLDER = Path(__file__).parent / "weights"
MANIFEST = WEIGHTS_FOLDER / "manifest.json"

FAST = "mobilenet_v2"
"""The shipped model that is also called "fast": the one of the fewest parameters."""

COMPACT_FILES = ("compact", "compact_weights")
"""What some models have in place of a Keras file: see `classifiers.compact`."""


OPENVINO_FILES = ("openvino_weights", "openvino_graph")
"""What published networks have in place of a Keras file."""

NO_MANIFEST = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)
"""What `read_manifest` raises of a file that is no manifest."""


class ModelError(Exception):
    """A model that cannot be found, loaded, run, explained or exported; the message is one sentence for the user.

    Its manifest or a file of it is at fault, or this machine lacks what it needs: a package, a device, a precision.
    """


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a model and the SHA-256 that it must have."""

    file: str
    sha256: str

    @classmethod
    def of(cls, path: Path) -> ModelFile:
        """Describe a file as it lies there."""
        return cls(path.name, hashlib.sha256(path.read_bytes()).hexdigest())


@dataclass(frozen=True, slots=True)
class Agreement:
    """How close a quantised model is to the one it was made from.

    Attributes:
        score_difference: mean absolute difference of the scores of single crops.
        crops: how many were compared.
        measured_on: what they are, in words.
    """

    score_difference: float
    crops: int
    measured_on: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a published network comes from, as the recipe says by which it was added.

    Attributes:
        recipe: name of the recipe.
        title: of the network.
        paper: the paper to cite.
        repository: address of the authors' code.
        licence: of the weights, in words.
        commercial_use: whether the licence allows it; None where nobody says.
        protocol: which frames the authors look at and how they pool them, in words; "" where they do not say.
        source_sha256: of the file that was added.
    """

    recipe: str
    title: str
    paper: str
    repository: str
    licence: str
    commercial_use: bool | None
    protocol: str
    source_sha256: str


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A trained classifier, as its entry in a manifest says.

    Attributes:
        name: what the user calls it.
        architecture: one of `classifiers.architectures.ARCHITECTURES`; of a published network the name of its recipe.
        labels: meaning of the logits, in order.
        crop_size: side of the crop in pixels, which is also the side of the input.
        crop_template: where the five landmarks lie in the crop, in units of its side.
        crop_cut_size: side in pixels at which crops are cut before they are averaged down to `crop_size`.
        crop_box: how crops are cut around boxes; None where faces are aligned by their landmarks.
        crop_align: how faces are aligned in a way of others; None where they are by `crop_template`.
        files: by format: "keras" or those of `COMPACT_FILES`, "openvino_graph" and "openvino_weights",
            "openvino_int8_graph" and "openvino_int8_weights", "onnx", "tflite".
        calibration: how logits become scores.
        thresholds: how scores become verdicts.
        card: file name of the model card.
        folder: where the files are.
        heat_maps: whether those of `classifiers.explain` show what was altered, which is taken to be so until it is
            measured. They add up to the logits in any case, but some networks have few cells, and some gather in the
            outer ones what they found anywhere.
        agreement: of the scores of the int8 files with those of the others, under this calibration; None where it has
            not been measured.
        origin: of a published network; None for those of this project.
    """

    name: str
    architecture: str
    labels: tuple[str, ...]
    crop_size: int
    crop_template: tuple[tuple[float, float], ...]
    crop_cut_size: int
    files: dict[str, ModelFile]
    calibration: Calibration
    thresholds: Thresholds
    card: str
    folder: Path
    heat_maps: bool = True
    agreement: Agreement | None = None
    crop_box: CropBox | None = None
    crop_align: CropAlign | None = None
    origin: Origin | None = None

    def __post_init__(self) -> None:
        if not self.source_files:
            raise ValueError("a model is identified by its keras file, by its compact ones, or by its OpenVINO graph")
        if not isinstance(self.heat_maps, bool):
            raise ValueError(f"whether heat maps show something is true or false, not {self.heat_maps!r}")

    @property
    def source_files(self) -> dict[str, ModelFile]:
        """The files that hold the network itself, from which every other is exported."""
        for kinds in (COMPACT_FILES, ("keras",), OPENVINO_FILES):
            if self.files.keys() >= set(kinds):
                return {kind: self.files[kind] for kind in kinds}
        return {}

    @property
    def sha256(self) -> str:
        """Identity of the weights: the SHA-256 of the Keras file, or of the compact file that names all the rest."""
        return next(iter(self.source_files.values())).sha256

    def read(self, file_format: str) -> bytes:
        """Read one of the model's files, after checking that it is the one that the manifest names.

        A file that repeats others may be stored without what it repeats: see `classifiers.file_parts`.

        Raises:
            ModelError: there is no such file, or it is not what the manifest says.
        """
        entry = self.files.get(file_format)
        if entry is None:
            raise ModelError(f"model {self.name!r} has no {file_format} file; choose an engine that it has files for")
        path = self.folder / entry.file
        damaged = f"{path} is not the file that model {self.name!r} was released with; install it again"
        try:
            content = read_file(path)
        except OSError as error:
            raise ModelError(f"cannot read {error.filename} of model {self.name!r}: {error.strerror}") from error
        except ValueError as error:
            raise ModelError(damaged) from error
        if hashlib.sha256(content).hexdigest() != entry.sha256:
            raise ModelError(damaged)
        return content

    def check_heat_maps(self) -> None:
        """Make sure that heat maps are worth drawing.

        Raises:
            ModelError: they would not show what was altered.
        """
        if not self.heat_maps:
            raise ModelError(f"those of model {self.name!r} would not show what was altered")

    def to_json(self) -> dict[str, object]:
        """Write this as an entry of a manifest."""
        entry = asdict(self)
        del entry["folder"]
        entry["thresholds"] = self.thresholds.to_json()
        for name in ("agreement", "crop_box", "crop_align", "origin"):
            if entry[name] is None:
                del entry[name]
        return entry


def shipped_models() -> dict[str, ModelSpec]:
    """Read the manifest of the models that come with the package, the default one first."""
    return read_manifest(MANIFEST)


def added_models() -> dict[str, ModelSpec]:
    """Read the models that the user added, by name; what is damaged is left out.

    A model's name is that of its folder, whatever its manifest says.
    """
    found = {}
    for folder in sorted(models_folder().glob("[!.]*")):
        try:
            found[folder.name] = next(iter(read_manifest(folder / MANIFEST.name).values()))
        except (OSError, *NO_MANIFEST, StopIteration) as error:
            log.warning("left out: %s is no added model (%r)", folder, error)
    return found


def shipped_names() -> tuple[str, ...]:
    """Give the names by which `find_model` knows shipped models."""
    return (*shipped_models(), "fast")


def find_model(name_or_file: str | None = None) -> ModelSpec:
    """Look a model up by name, or take the first one of a manifest of one's own.

    Args:
        name_or_file: a shipped model, "fast" for the smallest of them, a model that the user added, a manifest (its
            files lie beside it), or None for the default model.

    Raises:
        ModelError: no such model, a model that has no weights yet, or a manifest that cannot be read.
    """
    shipped = shipped_models()
    if name_or_file is None:
        return next(iter(shipped.values()))
    if name_or_file == "fast":
        return shipped[FAST]
    if name_or_file in shipped:
        return shipped[name_or_file]
    added = added_models()
    if name_or_file in added:
        return added[name_or_file]
    choices = ", ".join((*shipped_names(), *added))
    if name_or_file in ARCHITECTURES:
        raise ModelError(f"model {name_or_file!r} has no trained weights in this release; choose from: {choices}")
    try:
        return next(iter(read_manifest(Path(name_or_file)).values()))
    except OSError as error:
        raise ModelError(
            f"no model and no manifest is called {name_or_file!r} ({error.strerror}); choose from: {choices}"
        ) from error
    except (*NO_MANIFEST, StopIteration) as error:
        raise ModelError(f"{name_or_file} is not a manifest of models ({error!r})") from error


def write_manifest(path: Path, specs: Iterable[ModelSpec]) -> None:
    """Write a manifest, whole or not at all.

    Args:
        path: where; the files of the models lie beside it.
        specs: the models, the default one first.

    Raises:
        ValueError: the files of a model lie in another folder.
        OSError: the file cannot be written.
    """
    specs = list(specs)
    for spec in specs:
        if spec.folder.resolve() != path.parent.resolve():
            raise ValueError(f"the files of model {spec.name!r} lie in {spec.folder}, not beside {path}")
    write_whole(path, json.dumps({"models": [spec.to_json() for spec in specs]}, indent=1) + "\n")


def read_manifest(path: Path) -> dict[str, ModelSpec]:
    """Read the models of a manifest by name, the default one first.

    Raises:
        OSError: it cannot be read.
        NO_MANIFEST: one of them, it is none.
    """
    entries = json.loads(path.read_text(encoding="utf-8"))["models"]
    return {entry["name"]: _spec(entry, path.parent) for entry in entries}


def _spec(entry: dict[str, Any], folder: Path) -> ModelSpec:
    if tuple(entry["labels"]) != LABELS:
        raise ValueError(f"the labels of a model must be {LABELS}, not {entry['labels']}")
    if entry["architecture"] not in ARCHITECTURES and "origin" not in entry:
        raise ValueError(f"no architecture is called {entry['architecture']!r}")
    cut_size = entry.get("crop_cut_size", entry["crop_size"])
    if len(entry["crop_template"]) != 5 or not 1 <= entry["crop_size"] <= cut_size:
        raise ValueError("a crop needs five landmarks and a positive size, and is not cut at a smaller one")
    names = [entry["name"], *(file["file"] for file in entry["files"].values())]
    for name in (*names, entry["card"]) if entry["card"] else names:
        # Windows knows every separator and drive there is, so a manifest means the same everywhere.
        if PureWindowsPath(name).name != name or name in ("", ".."):
            raise ValueError(f"{name!r} names no file in a folder, as a model and its files must")
    return ModelSpec(
        name=entry["name"],
        architecture=entry["architecture"],
        labels=tuple(entry["labels"]),
        crop_size=entry["crop_size"],
        crop_template=tuple((float(x), float(y)) for x, y in entry["crop_template"]),
        crop_cut_size=cut_size,
        files={file_format: ModelFile(**file) for file_format, file in entry["files"].items()},
        calibration=Calibration.from_json(entry["calibration"]),
        thresholds=Thresholds.from_json(entry["thresholds"]),
        card=entry["card"],
        folder=folder,
        heat_maps=entry.get("heat_maps", True),
        agreement=Agreement(**entry["agreement"]) if "agreement" in entry else None,
        crop_box=CropBox(**entry["crop_box"]) if "crop_box" in entry else None,
        crop_align=CropAlign(**entry["crop_align"]) if "crop_align" in entry else None,
        origin=Origin(**entry["origin"]) if "origin" in entry else None,
    )
