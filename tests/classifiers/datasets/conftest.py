from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def tree(tmp_path: Path) -> Callable[..., Path]:
    """Write files under a new folder and give it: `tree("a/b.jpg", **{"list.txt": "text"})`.

    Nothing but their names matters of the pictures and videos that an index lists.
    """

    def write(*names: str, **texts: str) -> Path:
        for name, text in {**dict.fromkeys(names, "content"), **texts}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return tmp_path

    return write
