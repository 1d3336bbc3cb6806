"""A recipe that cannot be used is told in one sentence, which says where it goes wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml

from classifiers.crop_align import CropAlign
from classifiers.crop_box import CropBox
from classifiers.published.recipe import RecipeError, parse_recipe, read_recipe

TEMPLATE = [[0.3, 0.3], [0.7, 0.3], [0.5, 0.5], [0.4, 0.7], [0.6, 0.7]]


def document(**changes: Any) -> dict[str, Any]:
    """Give a whole recipe, with some keys changed; those that are None are left out."""
    usual = {
        "name": "mine",
        "title": "Mine",
        "paper": "none",
        "repository": "https://example.org",
        "licence": "CC0",
        "commercial_use": True,
        "input": {"size": 224},
        "crop": {"box": {}},
        "output": {"classes": ["real", "fake"]},
    }
    return {key: value for key, value in {**usual, **changes}.items() if value is not None}


def test_what_is_not_said_has_its_usual_value():
    recipe = parse_recipe(yaml.safe_dump(document()), "mine.yaml")
    assert recipe.crop == CropBox()
    assert (recipe.input.layout, recipe.input.colour, recipe.input.scale) == ("NCHW", "RGB", 1 / 255)
    assert (recipe.input.mean, recipe.input.deviation) == ((0.0,), (1.0,))
    assert (recipe.output.activation, recipe.frames, recipe.pooling, recipe.threshold) == ("none", None, None, None)


def test_every_key_of_a_crop_is_read():
    box = {
        "margins": [0.1, 0.2, 0.3, 0.4],
        "shares_of": "height",
        "square": "longer",
        "rounding": "margin",
        "beyond": "edge",
        "fit": "pad_small",
        "shrink": "area",
        "enlarge": "antialiased_cubic",
    }
    assert parse_recipe(yaml.safe_dump(document(crop={"box": box})), "mine.yaml").crop == CropBox(**box)
    align = {"template": TEMPLATE, "fit": "least_median", "cut": 300, "resize": "cubic", "beyond": "edge"}
    assert parse_recipe(yaml.safe_dump(document(crop={"align": align})), "mine.yaml").crop == CropAlign(**align)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"colour": "RGB"}, r"Additional properties are not allowed \('colour' was unexpected\)"),
        ({"input": {"size": 224, "means": 0.5}}, r"input: .*'means' was unexpected"),
        ({"crop": {"box": {"margin": 0.1}}}, r"crop\.box: .*'margin' was unexpected"),
        ({"crop": {"align": {"template": TEMPLATE, "smooth": True}}}, r"crop\.align: .*'smooth' was unexpected"),
        ({"input": None}, "'input' is a required property"),
        ({"crop": {}}, "crop: say either box or align"),
        ({"crop": {"box": {}, "align": {"template": TEMPLATE}}}, "crop: say either box or align"),
        ({"crop": {"align": {}}}, r"crop\.align: 'template' is a required property"),
        ({"input": {"size": "224"}}, r"input\.size: '224' is not of type 'integer'"),
        ({"input": {"size": 5000}}, r"input\.size: 5000 is greater than the maximum of 1024"),
        ({"input": {"size": 224, "layout": "CHW"}}, r"input\.layout: 'CHW' is not one of \['NCHW', 'NHWC'\]"),
        ({"input": {"size": 224, "colour": "bgr"}}, r"input\.colour: 'bgr' is not one of"),
        ({"input": {"size": 224, "deviation": 0}}, r"input\.deviation: .*"),
        ({"input": {"size": 224, "mean": [0.1, 0.2]}}, "mean and deviation are one number each, or one for each"),
        ({"crop": {"align": {"template": TEMPLATE[:4]}}}, r"crop\.align\.template: .*is too short"),
        ({"crop": {"align": {"template": [*TEMPLATE[:4], [0.6]]}}}, r"crop\.align\.template\.4: .*is too short"),
        ({"crop": {"align": {"template": [*TEMPLATE[:4], [0.6, "down"]]}}}, r"'down' is not of type 'number'"),
        (
            {"crop": {"align": {"template": [[80, 90], *TEMPLATE[1:]]}}},
            r"template\.0\.\d: \d+ is greater than the maximum of 5",
        ),
        ({"crop": {"align": {"template": TEMPLATE[:1] * 5}}}, "five different landmarks, not 1"),
        (
            {"crop": {"align": {"template": TEMPLATE, "cut": "face"}}},
            r"crop\.align\.cut: 'face' does not match '\^native\$'",
        ),
        ({"crop": {"box": {"margins": [0.1] * 3}}}, r"crop\.box\.margins: .*is too short"),
        ({"crop": {"box": {"margins": [0.1, 0.1, 0.1, -0.5]}}}, r"crop\.box\.margins\.3: -0\.5 is less than or equal"),
        ({"crop": {"box": {"rounding": "margin"}}}, "margins that are rounded to whole pixels are more than 0"),
        ({"crop": {"box": {"shrink": "lanczos"}}}, r"crop\.box\.shrink: 'lanczos' is not one of"),
        ({"output": {"classes": []}}, r"output\.classes: .*"),
        ({"output": {"classes": ["true", "fake"]}}, r"output\.classes\.0: 'true' is not one of"),
        ({"output": {"classes": ["fake", "manipulated"]}}, "of several classes some are real and some are not"),
        ({"output": {"classes": ["real", "fake"], "activation": "sigmoid"}}, "take none or softmax"),
        ({"output": {"classes": ["fake"], "activation": "softmax"}}, "take none or sigmoid"),
        ({"threshold": {"fake": 0.5}}, r"threshold: .*"),
        ({"pooling": "median"}, r"pooling: 'median' is not one of"),
        ({"frames": 0}, r"frames: 0 is less than the minimum of 1"),
        ({"sha256": "abc"}, r"sha256: 'abc' does not match"),
        ({"weights": [{"name": "one", "url": "ftp://example.org/one.onnx"}]}, r"weights\.0\.url: .*does not match"),
    ],
    ids=lambda value: str(value)[:60] if isinstance(value, str) else "",
)
def test_a_recipe_that_cannot_be_used(changes, sentence):
    with pytest.raises(RecipeError, match=rf"^the recipe mine\.yaml cannot be used: .*{sentence}") as raised:
        parse_recipe(yaml.safe_dump(document(**changes)), "mine.yaml")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name: [mine", r"expected ',' or '\]', but got '<stream end>' in line 1"),
        ("name: mine\ntitle: !!python/object:os.system x", "could not determine a constructor for the tag .*in line 2"),
        ("name: mine\na: b: c", "mapping values are not allowed here in line 2"),
        ("\x00", "unacceptable character"),
    ],
    ids=["bracket", "object", "colons", "zero"],
)
def test_what_is_no_yaml(text, sentence):
    with pytest.raises(RecipeError, match=rf"^the recipe mine\.yaml is no YAML: {sentence}") as raised:
        parse_recipe(text, "mine.yaml")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("text", ["", "just words", "- a list", "3"])
def test_yaml_that_is_no_recipe(text):
    with pytest.raises(RecipeError, match=r"^the recipe mine\.yaml cannot be used: .*is not of type 'object'"):
        parse_recipe(text, "mine.yaml")


def test_the_recipe_of_the_page_is_whole():
    page = Path(__file__).parents[3] / "docs" / "tasks" / "published" / "recipe.md"
    text = page.read_text(encoding="utf-8")
    (example,) = re.findall(r"^``` \{ \.yaml \.recipe \}\n(.*?)^```", text, re.M | re.S)
    assert parse_recipe(example, "example").crop == CropBox((0.15,) * 4, square="longer")
    schema = json.loads(resources.files("classifiers.published").joinpath("recipe.schema.json").read_text("utf-8"))
    assert set(keys(schema)) <= set(re.findall(r"\w+", text))


def keys(part: Any) -> Iterator[str]:
    """Give the keys that recipes may have, in every depth."""
    if isinstance(part, dict):
        yield from part.get("properties", {})
        for inner in part.values():
            yield from keys(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from keys(inner)


def test_recipes_that_are_not_there(tmp_path):
    with pytest.raises(RecipeError, match=r"no recipe is called 'sbj'; choose from: .*sbi, or name a \.yaml file"):
        read_recipe("sbj")
    with pytest.raises(RecipeError, match=r"the recipe .*gone\.yaml cannot be read: No such file or directory"):
        read_recipe(str(tmp_path / "gone.yaml"))
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(RecipeError, match=r"the recipe .*binary\.yaml cannot be read: .*utf-8"):
        read_recipe(str(tmp_path / "binary.yaml"))
