"""What `scripts/benchmark.py` measures, how, and on what."""
