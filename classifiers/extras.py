"""How to get the libraries that only some commands need."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, requires


def install_command(extra: str) -> str:
    """Give the command that installs the libraries of an extra, such as "train".

    It names the libraries themselves: then it does not matter whether Facewitness came as a wheel or a checkout, and
    nobody looks for it on an index of packages, where it is not.
    """
    try:
        requirements = requires("facewitness") or []
    except PackageNotFoundError:  # run in a checkout without being installed
        return f"pip install '.[{extra}]'"
    named = re.compile(rf"""extra == ["']{extra}["']""")
    wanted = [requirement.partition(";")[0].strip() for requirement in requirements if named.search(requirement)]
    return " ".join(["pip install", *(f"'{each}'" for each in wanted)])
