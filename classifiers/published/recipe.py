"""What there is to know about a published network besides its file; data only, no code is run."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import jsonschema
import yaml

from classifiers.crop_align import CropAlign
from classifiers.crop_box import CropBox
from classifiers.model_spec import ModelError

Meaning = Literal["real", "fake", "manipulated", "generated"]
"""What a class of a network means; "fake" is a forgery of whatever kind."""


class RecipeError(ModelError):
    """A recipe that is none; the message is one sentence for the user."""


@dataclass(frozen=True, slots=True)
class InputRecipe:
    """What a network takes.

    Attributes:
        size: side of its square input in pixels.
        layout: order of the axes.
        colour: order of the channels.
        scale: what pixels from 0 to 255 are multiplied by first.
        mean: is subtracted then, one number or one for each channel in the order of `colour`.
        deviation: divides what is left, likewise.
    """

    size: int
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    colour: Literal["RGB", "BGR"] = "RGB"
    scale: float = 1 / 255
    mean: tuple[float, ...] = (0.0,)
    deviation: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        if len(self.mean) not in (1, 3) or len(self.deviation) not in (1, 3):
            raise ValueError("mean and deviation are one number each, or one for each of three channels")


@dataclass(frozen=True, slots=True)
class OutputRecipe:
    """What a network says.

    Attributes:
        classes: what each number of its output means, in order; one number alone stands for its class against all
            others.
        activation: what the network already did to it: "none" for logits, "sigmoid" or "softmax" for chances.
        name: of the output, where the network has several; None for the first.
    """

    classes: tuple[Meaning, ...]
    activation: Literal["none", "sigmoid", "softmax"] = "none"
    name: str | None = None

    def __post_init__(self) -> None:
        if len(self.classes) > 1 and ("real" not in self.classes or len(set(self.classes)) < 2):
            raise ValueError("of several classes some are real and some are not")
        if len(self.classes) > 1 and self.activation == "sigmoid":
            raise ValueError("several classes that exclude each other are no sigmoids; take none or softmax")
        if len(self.classes) == 1 and self.activation == "softmax":
            raise ValueError("the softmax of one number is always 1; take none or sigmoid")


@dataclass(frozen=True, slots=True)
class ThresholdRecipe:
    """From which score on the authors call a face fake, and where they say so."""

    fake: float
    source: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A figure that the authors report: on which data, which measure, how much, and where it stands."""

    data: str
    measure: str
    value: float
    source: str


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """A file of weights that can be fetched: what it is called, where from, its hash if known, and what it learnt."""

    name: str
    url: str
    sha256: str | None = None
    trained_on: str = ""


@dataclass(frozen=True, slots=True)
class Recipe:
    """A published network.

    Attributes:
        name: of the recipe.
        title: of the network, as its authors call it.
        paper: authors, venue, year, arXiv number.
        repository: address of the authors' code.
        licence: of the weights, in words.
        commercial_use: whether it allows commercial use; None where nobody says.
        input: what the network takes.
        crop: how faces are cut: around the detector's box, or aligned by landmarks.
        output: what it says.
        frames: how many frames of a video the authors look at; None where they do not say.
        pooling: how the faces of a file become one score, one of `pipeline.analysis.aggregate.POOLINGS`; None for ours.
        threshold: from which score on a face is fake; None where the authors name none.
        claims: figures that they report.
        weights: files that can be fetched.
        sha256: of the only file that this recipe is for, in hexadecimal; None for any.
    """

    name: str
    title: str
    paper: str
    repository: str
    licence: str
    commercial_use: bool | None
    input: InputRecipe
    crop: CropBox | CropAlign
    output: OutputRecipe
    frames: int | None = None
    pooling: str | None = None
    threshold: ThresholdRecipe | None = None
    claims: tuple[Claim, ...] = ()
    weights: tuple[WeightsFile, ...] = ()
    sha256: str | None = None


def shipped_recipes() -> list[str]:
    """Name the recipes that come with the package."""
    folder = resources.files(__package__).joinpath("recipes")
    return sorted(Path(entry.name).stem for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def read_recipe(name_or_file: str) -> Recipe:
    """Read a recipe.

    Args:
        name_or_file: one of `shipped_recipes`, or a file that ends in `.yaml` or `.yml`.

    Raises:
        RecipeError: there is none, or it is not as this module says.
    """
    if name_or_file in shipped_recipes():
        text = resources.files(__package__).joinpath(f"recipes/{name_or_file}.yaml").read_text(encoding="utf-8")
        return parse_recipe(text, name_or_file)
    path = Path(name_or_file)
    if path.suffix not in (".yaml", ".yml"):
        choices = ", ".join(shipped_recipes())
        raise RecipeError(f"no recipe is called {name_or_file!r}; choose from: {choices}, or name a .yaml file")
    try:
        return parse_recipe(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"the recipe {path} cannot be read: {getattr(error, 'strerror', error)}") from error


def parse_recipe(text: str, origin: str) -> Recipe:
    """Read the text of a recipe.

    Args:
        text: YAML.
        origin: what it is called in messages.

    Raises:
        RecipeError: it is no recipe.
    """
    try:
        document = yaml.safe_load(text)
        return _recipe(document)
    except yaml.YAMLError as error:
        raise RecipeError(f"the recipe {origin} is no YAML: {_yaml_problem(error)}") from error
    except (ValueError, TypeError, RecursionError) as error:
        raise RecipeError(f"the recipe {origin} cannot be used: {error}") from error


def _yaml_problem(error: yaml.YAMLError) -> str:
    """Give what is wrong with YAML, and in which line if that is known."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        return f"{error.problem} in line {error.problem_mark.line + 1}"
    return " ".join(str(error).split())


def sha256_of(content: bytes) -> str:
    """Hash the content of a file, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def _recipe(document: Any) -> Recipe:
    error = jsonschema.exceptions.best_match(_validator().iter_errors(document))
    if error is not None:
        place = ".".join(str(part) for part in error.absolute_path)
        # Of the crop alone, which is cut in one way.
        told = "say either box or align" if error.validator in ("minProperties", "maxProperties") else error.message
        raise ValueError(f"{place}: {told}" if place else told)
    crop, threshold = document["crop"], document.get("threshold")
    made = {
        "input": InputRecipe(**_tuples(document["input"], "mean", "deviation")),
        "crop": CropBox(**crop["box"]) if "box" in crop else CropAlign(**_tuples(crop["align"], "template")),
        "output": OutputRecipe(**_tuples(document["output"], "classes")),
        "threshold": ThresholdRecipe(**threshold) if threshold else None,
        "claims": tuple(Claim(**each) for each in document.get("claims", ())),
        "weights": tuple(WeightsFile(**each) for each in document.get("weights", ())),
    }
    return Recipe(**{**document, **made})


def _tuples(values: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Make tuples of some lists, and of one number."""

    def tuple_of(value: Any) -> tuple[Any, ...]:
        return tuple(tuple_of(each) if isinstance(each, list) else each for each in value)

    found = {name: values[name] for name in names if name in values}
    lists = {name: value if isinstance(value, list) else [value] for name, value in found.items()}
    return {**values, **{name: tuple_of(value) for name, value in lists.items()}}


@functools.cache
def _validator() -> jsonschema.protocols.Validator:
    schema = json.loads(resources.files(__package__).joinpath("recipe.schema.json").read_text(encoding="utf-8"))
    return jsonschema.Draft202012Validator(schema)
