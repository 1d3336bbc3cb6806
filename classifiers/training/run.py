"""A whole training run: from samples to a folder with a calibrated model that scans."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import keras

from classifiers.architectures import build
from classifiers.atomic_file import write_whole
from classifiers.datasets import PictureReader, Sample
from classifiers.engines import create_engine
from classifiers.errors import SettingsError
from classifiers.evaluation.calibration_fitting import calibrate
from classifiers.evaluation.predictions import predict
from classifiers.export import save_network
from classifiers.model_spec import MANIFEST, ModelError, ModelSpec, find_model, write_manifest
from classifiers.stored_network import load_network
from classifiers.training.checkpoint import CHECKPOINT
from classifiers.training.checks import Template, check_trainable, crop_size, load_teacher, starting_model
from classifiers.training.config import SETTINGS, TrainingConfig
from classifiers.training.devices import all_devices
from classifiers.training.fit import BEST_WEIGHTS, train
from classifiers.training.held_out import write_held_out
from classifiers.training.recipe import AlignTo, training_batches, validation_figures


def train_model(
    config: TrainingConfig,
    samples: Sequence[Sample],
    align_to: AlignTo,
    template: Template,
    folder: Path,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> ModelSpec:
    """Train a classifier on the training split, and calibrate it on the validation split.

    Args:
        config: how.
        samples: face crops with landmarks and the splits "train" and "val"; others are not looked at.
        align_to: gives what cuts the crops.
        template: where the landmarks lie in such a crop.
        folder: of the run; one that is there already goes on where it stopped. Ends with `manifest.json`, by which
            every other command finds the model.
        callbacks: told of the progress besides.

    Returns:
        The trained model.

    Raises:
        DataError: the samples cannot be used for this.
        SettingsError: the settings do not fit each other, the samples, or the run that the folder holds.
        OutputError: batches cannot be kept where they should.
        DivergedError: the loss is not a number any more.
        OSError: the folder cannot be written to.
    """
    check_trainable(samples)
    training, validation = ([s for s in samples if s.split == split] for split in ("train", "val"))
    teacher, start = load_teacher(config, template), starting_model(config)
    folder.mkdir(parents=True, exist_ok=True)
    _claim(folder, config, _digest([*training, *validation]) + (f" {teacher.sha256}" if teacher else ""))
    reader, size = PictureReader(), crop_size(config)
    cut_size = teacher.size if teacher else size
    align = align_to(size, cut_size)
    keras.utils.set_random_seed(config.seed)
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(config.precision)
    try:
        with all_devices() as devices:
            if config.batch_size % devices:
                raise SettingsError(f"batch_size {config.batch_size} cannot be shared among {devices} devices")
            classifier = _first_network(config, size, start)
            batches = training_batches(config, training, reader, align_to, teacher, classifier)
            validate = validation_figures(config, validation, reader, align)
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
    answers = predict(create_engine("auto", spec), validation, reader, align)
    write_held_out(answers, folder)
    spec = calibrate(spec, answers)
    write_manifest(folder / MANIFEST.name, [spec])
    write_whole(made_of, weights)
    return spec


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
        raise SettingsError(str(error)) from error


def _digest(samples: Sequence[Sample]) -> str:
    """Sum up what is trained and validated on, wherever the data set lies."""
    rows = (f"{s.path.name}/{s.member}|{s.clip}|{s.split}|{s.fake}|{s.family}" for s in samples)
    return hashlib.sha256("\n".join(rows).encode("utf-8", "surrogateescape")).hexdigest()


def _claim(folder: Path, config: TrainingConfig, digest: str) -> None:
    """Write down what a run is, until its first epoch is over; then it must be the same run that goes on."""
    settings, data = folder / SETTINGS, folder / "data.sha256"
    if not (folder / CHECKPOINT).exists():
        write_whole(settings, config.to_yaml())
        write_whole(data, digest)
        return
    if difference := TrainingConfig.from_yaml(settings).difference(config):
        raise SettingsError(
            f"{folder} holds a run with other settings ({difference}); give it these, or another folder"
        )
    if data.read_text(encoding="utf-8") != digest:
        raise SettingsError(
            f"{folder} holds a run on other samples or splits, or with another teacher; give it these, or take another "
            "folder"
        )


def _save(
    trained: keras.Model, config: TrainingConfig, size: int, template: Template, cut_size: int, folder: Path
) -> ModelSpec:
    """Write the network in float32, whatever it was trained in, and describe it."""
    network = build(config.architecture, input_size=size)
    network.set_weights(trained.get_weights())
    return save_network(network, folder, crop_template=template, crop_cut_size=cut_size, card=SETTINGS)
