from __future__ import annotations

import pytest
from fuzzing.seeds import Seed, make_seeds


@pytest.fixture(scope="session")
def seeds() -> list[Seed]:
    """One valid file of each kind that can be written here."""
    return make_seeds()[0]
