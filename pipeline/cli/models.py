"""`facewitness models`: which classifiers there are, and adding published ones."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from classifiers import ModelSpec
    from classifiers.published.recipe import Recipe

_ADD = """\
Add a published detector to the models of this user: a network file (ONNX, OpenVINO IR or Keras) and a recipe that
says how it is used. From then on --model NAME takes it. Its scores are raw until `facewitness calibrate` has seen
clips whose truth is known. Nothing is fetched and nothing in the file is run as code.
"""


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "models",
        help="list the classifiers, or add published ones",
        description="List the classifiers and whether they are trained, or add, show and remove published ones.",
    )
    parser.add_argument("--debug", action="store_true", help=argparse.SUPPRESS)
    parser.set_defaults(run=run)
    actions = parser.add_subparsers(metavar="ACTION")
    add = actions.add_parser("add", help="add a published detector", description=_ADD)
    add.add_argument("file", metavar="FILE", type=Path, help="network: .onnx, .xml or .keras")
    add.add_argument("--recipe", required=True, metavar="NAME|FILE", help="a shipped recipe, or a .yaml file")
    add.add_argument("--name", metavar="N", help="what to call the model (as the recipe is called)")
    add.set_defaults(run=_add)
    fetch = actions.add_parser(
        "fetch",
        help="fetch the file that a recipe names, and add it",
        description="Fetch a network from the address that a recipe names, check its hash, and add it.",
    )
    fetch.add_argument("weights", metavar="NAME", help="one of the files that recipes name")
    fetch.add_argument("--recipe", metavar="FILE", help="look in this recipe, not in the shipped ones")
    fetch.add_argument("--name", metavar="N", help="what to call the model (NAME)")
    fetch.set_defaults(run=_fetch)
    show = actions.add_parser("show", help="describe a model", description="Describe a model and print its card.")
    show.add_argument("name", metavar="N", help="a model, or a manifest")
    show.set_defaults(run=_show)
    remove = actions.add_parser("remove", help="remove an added model", description="Remove an added model.")
    remove.add_argument("name", metavar="N", help="a model that was added")
    remove.set_defaults(run=_remove)
    recipes = actions.add_parser("recipes", help="list the recipes", description="List the shipped recipes.")
    recipes.set_defaults(run=_recipes)


def run(options: argparse.Namespace) -> int:
    """Print one entry for each classifier, the default one first, and then those that were added."""
    from classifiers import shipped_models
    from classifiers.architectures import ARCHITECTURES
    from classifiers.model_spec import FAST, added_models

    shipped = shipped_models()
    for position, model in enumerate(shipped.values()):
        marks = (", default" if position == 0 else "") + (", also called fast" if model.name == FAST else "")
        print(_entry(model, marks))
    added = added_models()
    for name in sorted(set(ARCHITECTURES) - {model.architecture for model in shipped.values()} - set(added)):
        print(f"{name:<22} no trained weights in this release")
    for model in added.values():
        print(_entry(model, ", added"))
    return 0


def _entry(model: ModelSpec, marks: str) -> str:
    lines = [
        f"{model.name:<22} {model.crop_size} px  weights {model.sha256[:12]}{marks}",
        model.thresholds.operating_point,
        f"card: {model.folder / model.card}",
    ]
    if not model.heat_maps:
        lines.append("no heat maps: they would not show what was altered")
    if model.agreement:
        lines.append(f"int8: scores {model.agreement.score_difference} from those in f32 on average")
    if not model.calibration.is_fitted:
        lines.append("scores are raw: they rank files, and are no chances")
    return f"\n{'':<22} ".join(lines)


def _add(options: argparse.Namespace) -> int:
    from classifiers.published.library import add_model
    from classifiers.published.recipe import read_recipe

    recipe = read_recipe(options.recipe)
    _tell_added(add_model(options.file, recipe, options.name), recipe)
    return 0


def _fetch(options: argparse.Namespace) -> int:
    from classifiers import ModelError
    from classifiers.published.fetch import fetch_weights
    from classifiers.published.library import add_model, check_name
    from classifiers.published.recipe import read_recipe, shipped_recipes

    recipes = [read_recipe(name) for name in ([options.recipe] if options.recipe else shipped_recipes())]
    found = {weights.name: (weights, recipe) for recipe in recipes for weights in recipe.weights}
    if options.weights not in found:
        there = ", ".join(found) or "none"
        raise ModelError(f"no recipe names an address of {options.weights!r}; those named are: {there}")
    weights, recipe = found[options.weights]
    name = options.name or weights.name
    check_name(name)
    with tempfile.TemporaryDirectory() as folder:
        _tell_added(add_model(fetch_weights(weights, Path(folder)), recipe, name), recipe)
    return 0


def _tell_added(model: ModelSpec, recipe: Recipe) -> None:
    print(f"added {model.name}: {recipe.title}, by recipe {recipe.name}, to {model.folder}")
    if recipe.commercial_use is not True:
        verb = "forbids" if recipe.commercial_use is False else "may forbid"
        print(f"its licence ({recipe.licence}) {verb} commercial use; see {recipe.repository}", file=sys.stderr)
    print(f"its scores are raw until they are calibrated: facewitness calibrate DATA --model {model.name}")


def _show(options: argparse.Namespace) -> int:
    from classifiers import find_model

    model = find_model(options.name)
    print(_entry(model, ""))
    if model.origin:
        crop = "around the box of the face" if model.crop_box else "aligned by its landmarks"
        print(f"{'':<22} crops are cut {crop}")
        if model.origin.protocol:
            print(f"{'':<22} its authors look at {model.origin.protocol}")
    card = model.folder / model.card
    if model.card and card.is_file():
        print(f"\n{card.read_text(encoding='utf-8').rstrip()}")
    return 0


def _remove(options: argparse.Namespace) -> int:
    from classifiers.published.library import remove_model

    remove_model(options.name)
    print(f"removed {options.name}")
    return 0


def _recipes(options: argparse.Namespace) -> int:
    from classifiers.published.recipe import read_recipe, shipped_recipes

    for name in shipped_recipes():
        recipe = read_recipe(name)
        use = {True: "", False: ", no commercial use", None: ", commercial use not stated"}[recipe.commercial_use]
        lines = [f"{name:<22} {recipe.title}, {recipe.input.size} px", recipe.paper, f"{recipe.licence}{use}"]
        print(f"\n{'':<22} ".join(lines))
    return 0
