"""What can be wrong with a bundle, told to the user in one sentence each."""

from __future__ import annotations


class BundleError(Exception):
    """A bundle that does not hold what it says, or cannot be made; the message is the end of a sentence."""


class KeyFileError(Exception):
    """A key that cannot be used; the message is one sentence for the user."""
