"""A whole training run: from samples to a folder with a calibrated model that scans."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from classifiers.architectures import LABELS, build, checked_size, hinted_layers
from classifiers.calibration import UNCALIBRATED, Thresholds
from classifiers.datasets import AlignFace, DataError, PictureReader, Sample
from classifiers.datasets.leakage import check_usable
from classifiers.engines import create_engine
from classifiers.evaluation.calibration_fitting import calibrate
from classifiers.evaluation.predictions import predict
from classifiers.model_spec import (
    MANIFEST,
    ModelError,
    ModelFile,
    ModelSpec,
    find_model,
    shipped_names,
    write_manifest,
)
from classifiers.stored_network import load_network
from classifiers.training.batch import BatchSource
from classifiers.training.checkpoint import CHECKPOINT
from classifiers.training.config import TrainingConfig

if TYPE_CHECKING:
    import keras

    from classifiers.training.resynthesis import FaceGenerators
    from classifiers.training.taught_batches import Teacher

SETTINGS = "settings.yaml"

_TAUGHT_CELLS = 14
_DECIDES_BATCHES = ("recipe", "batch_size", "balance", "augment", "seed")
_DRAWING_MODULES = (
    "augment", "batch", "blended_batches", "degrade", "enlarging", "labelled_batches", "resynthesis",
    "self_blending", "taught_batches",
)  # fmt: skip


def train_model(
    config: TrainingConfig,
    samples: Sequence[Sample],
    align_to: Callable[[int, int], AlignFace],
    template: tuple[tuple[float, float], ...],
    folder: Path,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> ModelSpec:
    """Train a classifier on the training split, and calibrate it on the validation split.

    Args:
        config: how.
        samples: face crops with landmarks and the splits "train" and "val"; others are not looked at.
        align_to: gives, for the side of a crop in pixels and the one at which it is cut before it is averaged down,
            what cuts the crop of a picture, given its landmarks.
        template: where the landmarks lie in that crop, in units of its side.
        folder: of the run; one that is there already goes on where it stopped. Ends with `manifest.json`, by which
            every other command finds the model.
        callbacks: told of the progress besides.

    Returns:
        The trained model.

    Raises:
        DataError: the samples or the folder cannot be used for this.
    """
    import keras

    from classifiers.training.devices import all_devices
    from classifiers.training.fit import BEST_WEIGHTS, train
    from classifiers.training.pruning import prune

    of_split = {name: [s for s in samples if s.split == name] for name in ("train", "val")}
    check_trainable(samples)
    teacher, start = _teacher(config, template), _starting_model(config)
    folder.mkdir(parents=True, exist_ok=True)
    learnt_from = _digest([*of_split["train"], *of_split["val"]]) + (f" {teacher.sha256}" if teacher else "")
    _claim(folder, config, learnt_from)
    reader, size = PictureReader(), crop_size(config)
    cut_size = teacher.size if teacher else size
    align = align_to(size, cut_size)
    keras.utils.set_random_seed(config.seed)
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(config.precision)
    try:
        with all_devices() as devices:
            if config.batch_size % devices:
                raise DataError(f"batch_size {config.batch_size} cannot be shared among {devices} devices")
            classifier = _first_network(config, size, start)
            if config.sparsity:
                prune(classifier, config.sparsity)
            batches = _batches(config, of_split["train"], reader, align_to, teacher, classifier)
            validate = _validation(config, of_split["val"], reader, align)
            train(classifier, batches, config, validate, folder, callbacks)
    finally:
        keras.config.set_dtype_policy(policy)
    # A finished run keeps its model: the same weights saved anew would have another identity.
    weights = hashlib.sha256((folder / BEST_WEIGHTS).read_bytes()).hexdigest()
    made_of = folder / "model.sha256"
    if made_of.exists() and made_of.read_text(encoding="utf-8") == weights:
        return find_model(str(folder / MANIFEST.name))
    spec = _save(classifier, config, size, template, cut_size, folder)
    if start:
        spec = replace(spec, heat_maps=start.heat_maps)
    spec = calibrate(spec, predict(create_engine("auto", spec), of_split["val"], reader, align))
    write_manifest(folder / MANIFEST.name, [spec])
    _write_whole(made_of, weights)
    return spec


def crop_size(config: TrainingConfig) -> int:
    """Side of the crop in pixels that a configuration asks for.

    Raises:
        DataError: the architecture takes larger ones.
    """
    try:
        return checked_size(config.architecture, config.input_size or None)
    except ValueError as error:
        raise DataError(str(error)) from error


def _starting_model(config: TrainingConfig) -> ModelSpec | None:
    """Find the model that training begins from, if it is one."""
    if config.start not in shipped_names() and not config.start.endswith(".json"):
        return None
    try:
        model = find_model(config.start)
    except ModelError as error:
        raise DataError(str(error)) from error
    if model.architecture != config.architecture:
        raise DataError(f"{config.architecture} cannot start from {config.start}, which is a {model.architecture}")
    return model


def _first_network(config: TrainingConfig, size: int, start: ModelSpec | None) -> keras.Model:
    """Build the network with the weights that training begins from."""
    try:
        if start is None:
            weights = None if config.start == "random" else config.start
            return build(config.architecture, input_size=size, weights=weights)
        network = build(config.architecture, input_size=size)
        network.set_weights(load_network(start).get_weights())
        return network
    except (ModelError, ValueError) as error:
        raise DataError(str(error)) from error


def face_generators(config: TrainingConfig, purpose: str) -> FaceGenerators | None:
    """Load the generators that redraw faces, for "training" or, with other decoders, for "validation".

    Raises:
        DataError: the folder that the configuration names has none, or one that cannot redraw.
    """
    if not config.generators:
        return None
    from classifiers.training.resynthesis import FaceGenerators

    try:
        return FaceGenerators(Path(config.generators, purpose))
    except FileNotFoundError as error:
        raise DataError(f"{error}; scripts/train_generators.py and scripts/gather_enlargers.py make some") from error


def check_trainable(samples: Sequence[Sample]) -> None:
    """Make sure that samples can be trained on, before hours are spent.

    Raises:
        DataError: a split or a class is missing, or a face cannot be aligned.
    """
    check_usable(samples, ("train", "val"))
    for sample in samples:
        if sample.landmarks is None:
            raise DataError(
                f"{sample.name} has no landmarks, so its face cannot be aligned as in scanning: make face crops with "
                "`facewitness faces` and train on these"
            )
        if np.ptp(sample.landmarks, axis=0).max() < 1:
            raise DataError(f"the five landmarks of {sample.name} lie in one point; leave it out or find them anew")


def _digest(samples: Sequence[Sample]) -> str:
    """Sum up what is trained and validated on, wherever the data set lies."""
    rows = (f"{s.path.name}/{s.member}|{s.clip}|{s.split}|{s.fake}|{s.family}" for s in samples)
    return hashlib.sha256("\n".join(rows).encode("utf-8", "surrogateescape")).hexdigest()


def _claim(folder: Path, config: TrainingConfig, digest: str) -> None:
    """Write down what a run is, until its first round is over; then it must be the same run that goes on."""
    settings, data = folder / SETTINGS, folder / "data.sha256"
    if not (folder / CHECKPOINT).exists():
        _write_whole(settings, config.to_yaml())
        _write_whole(data, digest)
        return
    if difference := TrainingConfig.from_yaml(settings).difference(config):
        raise DataError(f"{folder} holds a run with other settings ({difference}); give it these, or another folder")
    if data.read_text(encoding="utf-8") != digest:
        raise DataError(
            f"{folder} holds a run on other samples or splits, or with another teacher; give it these, or take another "
            "folder"
        )


def _write_whole(file: Path, text: str) -> None:
    """Write a small file so that nobody ever reads half of it."""
    part = file.with_name(f"part.{file.name}")
    part.write_text(text, encoding="utf-8")
    part.replace(file)


def check_config(config: TrainingConfig, template: tuple[tuple[float, float], ...]) -> None:
    """Make sure that what a configuration names can be had and fits together, before hours are spent.

    Raises:
        DataError: the crop is too small, there is no such teacher or first model, or it does not fit the architecture.
    """
    crop_size(config)
    _teacher(config, template)
    _starting_model(config)


def _teacher(config: TrainingConfig, template: tuple[tuple[float, float], ...]) -> Teacher | None:
    if not config.teacher:
        return None
    if config.hint_weight and not hinted_layers(config.architecture):
        raise DataError(f"{config.architecture} has no layers that learn from hints; leave hint_weight at 0")
    from classifiers.training.taught_batches import Teacher

    try:
        teacher = Teacher(find_model(config.teacher), config.loaders)
    except ModelError as error:
        raise DataError(str(error)) from error
    if teacher.template != template:
        raise DataError(f"the teacher {config.teacher} takes other crops than those that are trained on")
    if teacher.size < (size := crop_size(config)):
        raise DataError(
            f"the teacher {config.teacher} takes crops of {teacher.size} pixels, fewer than the {size} of "
            f"{config.architecture}; take input_size {teacher.size}"
        )
    return teacher


def _batches(
    config: TrainingConfig,
    samples: Sequence[Sample],
    reader: PictureReader,
    align_to: Callable[[int, int], AlignFace],
    teacher: Teacher | None,
    classifier: keras.Model,
) -> BatchSource:
    """Give what makes the batches: new ones or kept ones, with or without a teacher and its hints."""
    size, cells = crop_size(config), _cells(classifier, "features")
    # One set of kept batches serves networks of any number of cells that a teacher teaches.
    drawn_size, drawn_cells = (teacher.size, max(_TAUGHT_CELLS, cells)) if teacher else (size, cells)
    batches = _drawn_batches(config, samples, reader, align_to(drawn_size, drawn_size), drawn_cells)
    if teacher:
        from classifiers.training.taught_batches import ShrunkBatches, TaughtBatches

        batches = TaughtBatches(batches, teacher)
    if config.batch_folder:
        from classifiers.training.kept_batches import KeptBatches

        facts = {name: getattr(config, name) for name in _DECIDES_BATCHES}
        facts |= {"size": drawn_size, "cells": drawn_cells, "teacher": teacher.sha256 if teacher else ""}
        facts |= {"samples": _fingerprint(samples), "generators": _generators_digest(config), "code": _drawing_code()}
        batches = KeptBatches(batches, Path(config.batch_folder), config.kept_batches, facts, config.seed)
    if teacher and (config.hint_weight or config.teacher_share):
        from classifiers.training.taught_batches import HintedBatches

        layers = hinted_layers(config.architecture) if config.hint_weight else {}
        all_cells = {name: _cells(classifier, name) for name in layers}
        batches = HintedBatches(batches, teacher, layers, all_cells, size, config.teacher_share)
    return ShrunkBatches(batches, size, cells) if teacher else batches


def _cells(classifier: keras.Model, layer: str) -> int:
    return classifier.get_layer(layer).output.shape[1]


def _fingerprint(samples: Sequence[Sample]) -> str:
    """Sum up the samples that batches are made of, more closely than `_digest`: other runs may use the batches too."""
    digest, sizes = hashlib.sha256(), {path: path.stat().st_size for path in {s.path for s in samples}}
    for s in samples:
        words = (sizes[s.path], s.path.parent.name, s.name, s.member, s.clip, s.source, s.origin, s.person, s.family)
        digest.update(f"{words}{s.fake}{np.float32(s.landmarks).tolist()}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _drawing_code() -> str:
    """Sum up the code that makes batches, so that a mended one does not go on with what it made before."""
    digest = hashlib.sha256()
    for name in _DRAWING_MODULES:
        digest.update(Path(__file__).with_name(f"{name}.py").read_bytes())
    return digest.hexdigest()


def _generators_digest(config: TrainingConfig) -> str:
    if not config.generators:
        return ""
    files = sorted(Path(config.generators, "training").glob("*.bin"))
    return hashlib.sha256(b"".join(hashlib.sha256(file.read_bytes()).digest() for file in files)).hexdigest()


def _drawn_batches(
    config: TrainingConfig, samples: Sequence[Sample], reader: PictureReader, align: AlignFace, cells: int
) -> BatchSource:
    if config.recipe == "self_blending":
        from classifiers.training.blended_batches import BlendedBatches, Mixture

        mixture, generators = Mixture.of(samples, config.batch_size), face_generators(config, "training")
        return BlendedBatches(reader, samples, align, mixture, cells, config.seed, generators, config.augment)
    from classifiers.training.labelled_batches import LabelledBatches

    size, seed = config.batch_size, config.seed
    return LabelledBatches(reader, samples, align, size, cells, seed, config.balance, config.augment)


def _validation(
    config: TrainingConfig, samples: Sequence[Sample], reader: PictureReader, align: AlignFace
) -> Callable[..., dict[str, float]]:
    from classifiers.training.validation import BlendedValidation, LabelledValidation

    if config.recipe == "self_blending":
        return BlendedValidation(reader, samples, align, face_generators(config, "validation")).figures
    return LabelledValidation(reader, samples, align).figures


def _save(
    trained: keras.Model,
    config: TrainingConfig,
    size: int,
    template: tuple[tuple[float, float], ...],
    cut_size: int,
    folder: Path,
) -> ModelSpec:
    """Write the network in float32, whatever it was trained in, and describe it."""
    import keras

    network = build(config.architecture, input_size=size)
    network.set_weights(trained.get_weights())
    paths = {"keras": folder / f"{config.architecture}.keras"}
    network.save(paths["keras"])
    if keras.backend.backend() in ("tensorflow", "torch"):
        from classifiers.export import export_openvino

        paths["openvino_graph"] = folder / f"{config.architecture}.xml"
        paths["openvino_weights"] = export_openvino(paths["keras"], paths["openvino_graph"])
    return ModelSpec(
        name=config.architecture,
        architecture=config.architecture,
        labels=LABELS,
        crop_size=size,
        crop_template=template,
        crop_cut_size=cut_size,
        files={kind: ModelFile(p.name, hashlib.sha256(p.read_bytes()).hexdigest()) for kind, p in paths.items()},
        calibration=UNCALIBRATED,
        thresholds=Thresholds(0.5, 0.5, ""),
        card=SETTINGS,
        folder=folder,
    )
