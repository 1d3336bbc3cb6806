"""Faces that published super-resolution networks make again.

Programs that swap faces make small ones and can have them enlarged by such a network before they paste them in. Its
fine texture is then all that tells the face from the picture around it: colours, light and features are right.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from classifiers.errors import DataError

_SIDES = (128, 256)
"""Pixels of the crop along a side, from the smallest to the largest."""

_TRIED = (32, 48)
"""Pixels along a side of the pictures that show what a network makes of one."""


class Enlarger:
    """A network that enlarges RGB pictures (super-resolution), run by ncnn; fit for several threads.

    Args:
        plan: its `.param` file; the weights lie beside it as `.bin`.

    Raises:
        DataError: it is no such network.
    """

    def __init__(self, plan: Path) -> None:
        import ncnn

        self._as_mat = ncnn.Mat
        self._network = ncnn.Net()
        # In float32, since processors differ in the short types that they have.
        options = self._network.opt
        options.use_fp16_packed = options.use_fp16_storage = options.use_fp16_arithmetic = False
        options.use_bf16_storage = options.use_vulkan_compute = False
        options.num_threads = 2
        if self._network.load_param(str(plan)) or self._network.load_model(str(plan.with_suffix(".bin"))):
            raise DataError(f"{plan} is no network that ncnn can read")
        small, large = (self._run(np.zeros((side, side, 3), np.uint8)).shape[0] for side in _TRIED)
        self._factor, rest = divmod(large - small, _TRIED[1] - _TRIED[0])
        # A network that pads nothing returns less than the whole: its pictures need a rim.
        lost = self._factor * _TRIED[0] - small
        if rest or self._factor < 2 or lost % 2:
            raise DataError(f"{plan} does not enlarge a picture by a whole number")
        self._rim = -(-lost // (2 * self._factor))

    def side(self, rng: np.random.Generator) -> int:
        """Choose the side of a crop to make again, in pixels."""
        return self._factor * int(rng.integers(_SIDES[0] // self._factor, _SIDES[1] // self._factor + 1))

    def resynthesise(self, crop: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Shrink an RGB uint8 crop (side, side, 3) by the network's factor and let the network enlarge it again."""
        side, rim = len(crop), self._rim
        shrunk = cv2.resize(crop, (side // self._factor,) * 2, interpolation=cv2.INTER_AREA)
        enlarged = self._run(cv2.copyMakeBorder(shrunk, rim, rim, rim, rim, cv2.BORDER_REFLECT_101))
        beyond = (len(enlarged) - side) // 2
        return enlarged[beyond : beyond + side, beyond : beyond + side]

    def _run(self, picture: np.ndarray) -> npt.NDArray[np.uint8]:
        planes = np.ascontiguousarray(picture.transpose(2, 0, 1), np.float32) / 255
        extractor = self._network.create_extractor()
        # A copy, since a first layer that writes over its input fails on memory of NumPy's.
        extractor.input(self._network.input_names()[0], self._as_mat(planes).clone())
        _, enlarged = extractor.extract(self._network.output_names()[0])
        return np.clip(np.rint(255 * np.array(enlarged).transpose(1, 2, 0)), 0, 255).astype(np.uint8)
