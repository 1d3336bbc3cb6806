"""What is fuzzed by `scripts/fuzz_media.py` and `scripts/fuzz_parsers.py`, and that these find what they look for."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))
