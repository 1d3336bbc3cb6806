"""Data sets of faces, each as an index of samples and a way to read their pixels."""

from classifiers.datasets.face_shards import FaceSample, FaceShards

__all__ = ["FaceSample", "FaceShards"]
