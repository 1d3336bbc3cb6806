"""Windows that may hold a face: their geometry, non-maximum suppression, and cutting them out of frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

# Non-maximum suppression compares all pairs: without a bound, an image made for it could take all memory.
_MAX_COMPARED = 2000


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows in a stack of frames.

    Attributes:
        frame: intp (N,), index into the stack.
        corners: float32 (N, 4), x1, y1, x2, y2 in pixels of the frame.
        score: float32 (N,), probability of a face.
    """

    frame: NDArray[np.intp]
    corners: NDArray[np.float32]
    score: NDArray[np.float32]

    @classmethod
    def of_boxes(cls, boxes: NDArray[np.float64]) -> Windows:
        """Give the windows of known boxes, (N, 4) x, y, width, height, in the only frame of a stack."""
        corners = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1).astype(np.float32)
        return cls(np.zeros(len(boxes), np.intp), corners, np.ones(len(boxes), np.float32))

    @classmethod
    def joined(cls, parts: Sequence[Windows]) -> Windows:
        """Put windows of one stack together."""
        none = cls(np.empty(0, np.intp), np.empty((0, 4), np.float32), np.empty(0, np.float32))
        parts = [none, *parts]
        return cls(
            np.concatenate([part.frame for part in parts]),
            np.concatenate([part.corners for part in parts]),
            np.concatenate([part.score for part in parts]),
        )

    def __getitem__(self, selection: NDArray[np.intp] | NDArray[np.bool_] | slice) -> Windows:
        return Windows(self.frame[selection], self.corners[selection], self.score[selection])

    def __len__(self) -> int:
        return len(self.frame)

    def squared(self) -> Windows:
        """Grow the shorter side of each window to the longer one, about the same centre."""
        size = self.corners[:, 2:] - self.corners[:, :2]
        side = size.max(axis=1, keepdims=True)
        start = self.corners[:, :2] + (size - side) / 2
        return Windows(self.frame, np.concatenate([start, start + side], axis=1), self.score)

    def regressed(self, offsets: NDArray[np.float32], score: NDArray[np.float32]) -> Windows:
        """Move the corners by a network's offsets, in units of the window, and take over its scores."""
        size = self.corners[:, 2:] - self.corners[:, :2] + 1
        return Windows(self.frame, self.corners + offsets * np.tile(size, 2), score)

    def landmark_points(self, landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
        """Turn O-Net's landmarks, five x then five y in units of the window, into pixels; (N, 5, 2)."""
        size = self.corners[:, 2:] - self.corners[:, :2] + 1
        points = landmarks.reshape(-1, 2, 5).transpose(0, 2, 1)
        return points * size[:, None] + self.corners[:, None, :2] - 1

    def non_maximum_suppression(
        self, max_overlap: float, relative_to: Literal["union", "smaller"] = "union"
    ) -> NDArray[np.intp]:
        """Give the indices of the windows that are left in each frame; intp (M,).

        Args:
            max_overlap: of two windows that overlap by more than this fraction, the one of lower score goes.
            relative_to: "union" of the two windows, or the "smaller" one.
        """
        order = np.argsort(self.score, kind="stable")[::-1]
        frames = self.frame[order]
        kept = [np.empty(0, np.intp)]
        for frame in np.unique(frames):
            indices = order[frames == frame][:_MAX_COMPARED]
            kept.append(indices[~_overlaps_stronger(self.corners[indices], max_overlap, relative_to)])
        return np.concatenate(kept)


def _overlaps_stronger(corners: NDArray[np.float32], max_overlap: float, relative_to: str) -> NDArray[np.bool_]:
    """Whether each window, sorted by falling score, overlaps any before it; bool (N,).

    Unlike in greedy suppression, a suppressed window still suppresses others: that is the package's rule.
    """
    x1, y1, x2, y2 = corners.T.copy()
    area = (x2 - x1) * (y2 - y1)
    # In place: for some hundred windows, new arrays for each result would take most of the time.
    intersection = np.minimum(x2[:, None], x2)
    intersection -= np.maximum(x1[:, None], x1)
    np.maximum(intersection, 0, out=intersection)
    height = np.minimum(y2[:, None], y2)
    height -= np.maximum(y1[:, None], y1)
    intersection *= np.maximum(height, 0, out=height)
    if relative_to == "union":
        reference = np.add(area[:, None], area, out=height)
        reference -= intersection
    else:
        reference = np.minimum(area[:, None], area, out=height)
    reference *= max_overlap
    return np.asarray(np.triu(intersection > reference, k=1).any(axis=0))


def cut_windows(frames: NDArray[np.uint8], windows: Windows, side: int) -> NDArray[np.float32]:
    """Sample windows bilinearly, mid-grey outside the frame.

    Args:
        frames: RGB uint8 (frames, height, width, 3).
        windows: of those frames.
        side: of the patches, in pixels.

    Returns:
        RGB float32 (N, side, side, 3), 0 to 255.
    """
    height, width = frames.shape[1:3]
    x1, y1, x2, y2 = windows.corners.T
    left, right, x_weight, x_outside = _sample_positions(x1, x2, side, width)
    top, bottom, y_weight, y_outside = _sample_positions(y1, y2, side, height)

    pixels = frames.reshape(-1, 3)

    def rows(y: NDArray[np.intp]) -> NDArray[np.float32]:
        start = ((windows.frame[:, None] * height + y) * width)[:, :, None]
        # `take` is four times as fast as indexing here.
        near = pixels.take(start + left[:, None], axis=0).astype(np.float32)
        far = pixels.take(start + right[:, None], axis=0).astype(np.float32)
        return near + (far - near) * x_weight[:, None, :, None]

    upper = rows(top)
    patches = upper + (rows(bottom) - upper) * y_weight[:, :, None, None]
    patches[y_outside[:, :, None] | x_outside[:, None]] = 127.5
    return patches


def _sample_positions(
    low: NDArray[np.float32], high: NDArray[np.float32], samples: int, length: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32], NDArray[np.bool_]]:
    """Where to read `samples` values along each of N intervals of an axis of `length` pixels.

    Returns:
        The pixels before and after each position and the weight of the latter, and whether the position lies
        outside the axis; (N, samples) each.
    """
    steps = np.linspace(0, 1, samples, dtype=np.float32)
    # The package maps 0 and `length` to the centres of the first and last pixel.
    position = (low[:, None] + (high - low)[:, None] * steps) * np.float32((length - 1) / length)
    inside = np.clip(position, 0, length - 1)
    before = inside.astype(np.intp)
    after = np.minimum(before + 1, length - 1)
    return before, after, inside - before.astype(np.float32), position != inside
