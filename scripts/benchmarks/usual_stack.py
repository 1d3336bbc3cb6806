"""The usual way to score a video with Keras, as the notebooks and demonstrations of the field have it.

OpenCV reads every frame; the `mtcnn` package finds the faces of the sampled ones at full size; each box, with a margin,
becomes a crop; `predict` scores it; the video's score is the mean.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict

import cv2
import numpy as np

from classifiers import ModelSpec

_MIN_CONFIDENCE = 0.9
_MARGIN = 0.1


class UsualStack:
    """Scores videos; what is slow to load is loaded once.

    Args:
        model: the classifier.
    """

    def __init__(self, model: ModelSpec) -> None:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        from mtcnn import MTCNN

        from classifiers.stored_network import load_network

        self._detector = MTCNN()
        self._model = load_network(model)
        self._side = self._model.input_shape[1]
        self.cpu_s: dict[str, float] = defaultdict(float)
        """CPU seconds of all threads so far, by stage."""

    def score(self, path: str, wanted: set[int]) -> tuple[float | None, int]:
        """Score one video.

        Args:
            path: the video.
            wanted: numbers of the frames to look at.

        Returns:
            The mean score of its faces, None if there are none, and how many faces were scored.
        """
        scores = []
        video = cv2.VideoCapture(path)
        number = 0
        while True:
            before = time.process_time()
            more, frame = video.read()
            self.cpu_s["decode"] += time.process_time() - before
            if not more:
                break
            if number in wanted:
                scores += self._score_frame(frame)
            number += 1
        video.release()
        return (float(np.mean(scores)) if scores else None), len(scores)

    def _score_frame(self, frame: np.ndarray) -> list[float]:
        begin = time.process_time()
        image = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        faces = [face for face in self._detector.detect_faces(image) if face["confidence"] > _MIN_CONFIDENCE]
        found = time.process_time()
        scores = []
        for face in faces:
            x, y, width, height = face["box"]
            across, down = int(_MARGIN * width), int(_MARGIN * height)
            top, left = max(0, y - down), max(0, x - across)
            crop = image[top : y + height + down, left : x + width + across]
            crop = cv2.resize(crop, (self._side, self._side))
            # The network normalises its input itself.
            logits = self._model.predict(crop[np.newaxis].astype(np.float32), verbose=0)[0]
            scores.append(float(np.max(1 / (1 + np.exp(-logits)))))
        self.cpu_s["detect"] += found - begin
        self.cpu_s["classify"] += time.process_time() - found
        return scores
