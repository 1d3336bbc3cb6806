"""Training of face classifiers: forged samples, realistic degradation, and the loop."""
