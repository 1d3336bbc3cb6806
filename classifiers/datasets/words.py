"""The words that data sets use for classes, splits and kinds of forgery.

Names are taken apart into words at everything that is no letter or digit, so "training_fake", "1_fake" and "Fake" all
hold the word "fake". Families are called as in `Sample.family`; "expression_swap" is two words, so only the methods
that make such forgeries stand for it.
"""

from __future__ import annotations

import re

REAL_WORDS = frozenset(
    ("authentic", "bonafide", "genuine", "nature", "natural", "original", "originals", "pristine", "real", "reals")
)
FAKE_WORDS = frozenset(
    (
        *("ai", "deepfake", "deepfakes", "fake", "fakes", "generated"),
        *("synthesis", "synthesised", "synthesized", "synthetic"),
        *("altered", "forged", "forgery", "manipulated", "manipulation", "swapped", "tampered"),
    )
)
_FAMILIES = {
    "faceswap": "faceswap",
    "face2face": "expression_swap",
    "neuraltextures": "expression_swap",
    "reenactment": "reenactment",
    "lipsync": "lipsync",
    "gan": "gan",
    "progan": "gan",
    "stylegan": "gan",
    "stylegan2": "gan",
    "stylegan3": "gan",
    "diffusion": "diffusion",
}
_SPLITS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
    "dev": "dev",
}
_UNKNOWN = frozenset(("", "-", "?", "n/a", "na", "nan", "none", "null", "unknown"))


def fakes_of(name: str) -> set[bool]:
    """Give what a name says of the class: {True} for fake, {False} for real, both, or nothing."""
    words = _words(name)
    found = {False} if words & REAL_WORDS else set()
    return found | {True} if words & (FAKE_WORDS | _FAMILIES.keys()) else found


def splits_of(name: str) -> set[str]:
    """Give the splits that a name speaks of, as `Sample.split` calls them."""
    return {_SPLITS[word] for word in _words(name) if word in _SPLITS}


def families_of(name: str) -> set[str]:
    """Give the kinds of forgery that a name speaks of, as `Sample.family` calls them."""
    return {_FAMILIES[word] for word in _words(name) if word in _FAMILIES}


def known(text: str | None) -> str:
    """Give a field of a table without blanks around it, and "" where it only says that nothing is known."""
    stripped = (text or "").strip()
    return "" if stripped.lower() in _UNKNOWN else stripped


def _words(name: str) -> set[str]:
    return set(re.split(r"[^a-z0-9]+", name.lower()))
