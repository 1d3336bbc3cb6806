"""The `mtcnn` package itself, on TensorFlow: the reference that `extractors.mtcnn.detector` must match.

It is many times slower and loads TensorFlow, so it serves comparison, not scanning.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from extractors.face import Face, largest_first
from extractors.mtcnn.detector import SMALLEST_FACE
from extractors.shrink import shrink_to_side


class ReferenceMTCNN:
    """Detects faces with the `mtcnn` package, one image at a time.

    Args:
        min_confidence: faces of a probability, from 0 to 1, that is not above this are dropped.
        detection_side: images with a longer side than this, in pixels, are shrunk to it for detection.
        threads: number of threads, or None for all cores; TensorFlow heeds it only before its first operation.

    Raises:
        ImportError: if the `mtcnn` package or TensorFlow is not installed.
    """

    name = "mtcnn-reference"

    def __init__(self, *, min_confidence: float = 0.9, detection_side: int = 640, threads: int | None = None) -> None:
        import tensorflow as tf
        from mtcnn import MTCNN

        if threads is not None:
            # Refused once TensorFlow computes; the faces are the same with any number.
            with contextlib.suppress(RuntimeError):
                tf.config.threading.set_intra_op_parallelism_threads(threads)

        self._mtcnn = MTCNN()
        self._min_confidence = min_confidence
        self.detection_side = detection_side

    def detect(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Face]]:
        """Find the faces of each image.

        Args:
            images: RGB uint8 arrays of shape (height, width, 3); sizes may differ.

        Returns:
            For each image its faces, largest first, defined as by `extractors.mtcnn.detector.MTCNN`.

        Raises:
            ValueError: if an image is not of that shape and type, or empty.
        """
        return [self._detect_one(image) for image in images]

    def _detect_one(self, image: NDArray[np.uint8]) -> list[Face]:
        shrunk, scale = shrink_to_side(image, self.detection_side)
        # With a minimum of 30 pixels or more the package's pyramid gets too small for its network, an error
        # that it catches and reports as "no face".
        rows = self._mtcnn.detect_faces(
            shrunk,
            min_face_size=SMALLEST_FACE,
            threshold_onet=self._min_confidence,
            fit_to_image=False,
            output_type="numpy",
        )
        # A row holds the image's index, x, y, width, height, confidence, five x, five y.
        boxes = (rows[:, 1:5] / np.tile(scale, 2)).astype(np.float32)
        landmarks = (rows[:, 6:16].reshape(-1, 2, 5).transpose(0, 2, 1) / scale).astype(np.float32)
        faces = zip(boxes, landmarks, rows[:, 5], strict=True)
        return largest_first(Face(box, points, float(score)) for box, points, score in faces)
