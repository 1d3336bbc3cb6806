"""Puts what lies beside the weights into the site: the card of each model, and two pages about all of them."""

from __future__ import annotations

import json
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

_OTHERS = {
    "README.md": ("Files of the models", "files.md"),
    "experiments.md": ("Experiments", "experiments.md"),
    "experiments_in_full.md": ("Experiments in full", "experiments_in_full.md"),
}


def on_config(config: MkDocsConfig) -> None:
    """List the pages under "Models"."""
    section = next(entry["Models"] for entry in config.nav if "Models" in entry)
    section += [{title: f"models/{page}"} for title, page in _pages(config).values()]


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Add the pages; where one names another, the name becomes a link."""
    pages = _pages(config)
    links = {f"`{name}`": f"[{title}]({page})" for name, (title, page) in pages.items()}
    for name, (_, page) in pages.items():
        text = (_folder(config) / name).read_text(encoding="utf-8")
        linked = re.sub(r"`[\w.]+`", lambda code: links.get(code[0], code[0]), text)
        files.append(File.generated(config, f"models/{page}", content=linked))


def _pages(config: MkDocsConfig) -> dict[str, tuple[str, str]]:
    """Give the title and the page of each file, the models in the order of the manifest."""
    models = json.loads((_folder(config) / "manifest.json").read_text(encoding="utf-8"))["models"]
    return {model["card"]: (model["name"], model["card"]) for model in models if model["card"]} | _OTHERS


def _folder(config: MkDocsConfig) -> Path:
    return Path(config.config_file_path).parent / "classifiers" / "weights"
