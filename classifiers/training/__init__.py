"""Training of face classifiers: forged samples, batches, and the loop.

It knows data sets and evaluation, which know nothing of it.
"""
