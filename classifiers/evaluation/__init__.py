"""How good a detector is, in figures with their uncertainty."""
