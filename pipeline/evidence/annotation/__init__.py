"""Copies of videos and pictures with the verdict drawn on them."""
