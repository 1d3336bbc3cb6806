"""What `scripts/fuzz_media.py` and `scripts/fuzz_parsers.py` feed to the project, and how it is judged."""
