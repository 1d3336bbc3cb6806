"""Training, measuring and comparing detectors as Python functions."""
