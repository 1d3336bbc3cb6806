"""What `scripts/measure_serve.py` and tests ask of a running server."""
