"""How good a detector is, in figures with their uncertainty.

It knows data sets, which know nothing of it.
"""
