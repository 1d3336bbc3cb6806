"""How the authors of published detectors cut and prepare faces, written out step by step from what their code does.

Each function takes an upright frame, RGB uint8 (height, width, 3), the box of a face, (4,) x, y, width, height, and its
landmarks, (5, 2), and gives the crop, RGB uint8 (size, size, 3).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import cv2
import numpy as np
from PIL import Image
from skimage.transform import SimilarityTransform

Cropper = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]

INSIGHTFACE = ((30.2946, 51.6963), (65.5318, 51.5014), (48.0252, 71.7366), (33.5493, 92.3655), (62.7299, 92.2041))
"""Template that DeepfakeBench takes, in pixels of a picture of 96 by 112."""

GEND = ((0.34, 0.46), (0.66, 0.46), (0.5, 0.64), (0.37, 0.82), (0.63, 0.82))
"""Template of GenD, in units of the side."""

MESONET = ((0.33, 0.334), (0.67, 0.334), (0.5, 0.535), (0.348, 0.677), (0.652, 0.677))
"""Where five landmarks lie in crops of MesoNet, in units of the side."""


def _estimated(source: np.ndarray, target: np.ndarray) -> SimilarityTransform:
    """Fit a transform with any version of scikit-image; the older way is deprecated in newer ones."""
    if hasattr(SimilarityTransform, "from_estimate"):
        return SimilarityTransform.from_estimate(source, target)
    transform = SimilarityTransform()
    assert transform.estimate(source, target)
    return transform


def corners(box: np.ndarray) -> tuple[float, float, float, float]:
    x, y, width, height = (float(value) for value in box)
    return x, y, x + width, y + height


def self_blended(frame: np.ndarray, box: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """`crop_face(..., crop_by_bbox=True, phase="test")` and `cv2.resize`."""
    x0, y0, x1, y1 = corners(box)
    across, down = (x1 - x0) / 4 * 0.5, (y1 - y0) / 4 * 0.5
    height, width = frame.shape[:2]
    top, bottom = max(0, int(y0 - down)), min(height, int(y1 + down) + 1)
    left, right = max(0, int(x0 - across)), min(width, int(x1 + across) + 1)
    return cv2.resize(frame[top:bottom, left:right], (380, 380))


def challenge_winner(frame: np.ndarray, box: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """`FaceExtractor`, `isotropically_resize_image` and `put_to_center`."""
    size = 380
    xmin, ymin, xmax, ymax = (int(edge) for edge in corners(box))
    down, across = (ymax - ymin) // 3, (xmax - xmin) // 3
    face = frame[max(ymin - down, 0) : ymax + down, max(xmin - across, 0) : xmax + across]
    h, w = face.shape[:2]
    if max(h, w) != size:
        if w > h:
            scale = size / w
            h, w = h * scale, size
        else:
            scale = size / h
            w, h = w * scale, size
        face = cv2.resize(face, (int(w), int(h)), interpolation=cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA)
    canvas = np.zeros((size, size, 3), np.uint8)
    left, top = (size - face.shape[1]) // 2, (size - face.shape[0]) // 2
    canvas[top : top + face.shape[0], left : left + face.shape[1]] = face
    return canvas


def blazeface(frame: np.ndarray, box: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """`_add_margin_to_detections`, `_crop_faces`, and the `PadIfNeeded` and `Resize` of albumentations."""
    size = 224
    xmin, ymin, xmax, ymax = corners(box)
    offset = round(0.2 * (ymax - ymin))
    xmin, ymin = max(xmin - offset, 0), max(ymin - offset * 2, 0)
    xmax, ymax = min(xmax + offset, frame.shape[1]), min(ymax + offset, frame.shape[0])
    face = frame[int(ymin) : int(ymax), int(xmin) : int(xmax)]
    rows, columns = face.shape[:2]
    top = int((size - rows) / 2.0) if rows < size else 0
    left = int((size - columns) / 2.0) if columns < size else 0
    bottom, right = max(size - rows - top, 0), max(size - columns - left, 0)
    face = cv2.copyMakeBorder(face, top, bottom, left, right, cv2.BORDER_CONSTANT, value=0)
    return cv2.resize(face, (size, size), interpolation=cv2.INTER_LINEAR)


def deepfakebench(frame: np.ndarray, box: np.ndarray, landmarks: np.ndarray, resolution: int = 256) -> np.ndarray:
    """`img_align_crop(..., outsize=(256, 256), scale=1.3)` and `load_rgb`."""
    size, scale = 256, 1.3
    target = np.array(INSIGHTFACE, np.float32)
    target[:, 0] += 8.0
    target *= size / 112
    margin = size * (scale - 1) / 2
    target = (target + margin) * (size / (size + 2 * margin))
    transform = _estimated(landmarks.astype(np.float32), target)
    crop = cv2.warpAffine(frame, transform.params[:2], (size, size))
    return cv2.resize(crop, (resolution, resolution), interpolation=cv2.INTER_CUBIC)


def gend(frame: np.ndarray, box: np.ndarray, landmarks: np.ndarray, filter_: Image.Resampling) -> np.ndarray:
    """`align_face(..., target_size=None, scale=1.3)` and a processor that resizes to 224 pixels."""
    scale, target = 1.3, np.array(GEND, np.float32)
    upper = np.triu_indices(5, k=1)
    wanted, found = (np.linalg.norm(points[:, None] - points[None], axis=-1)[upper] for points in (target, landmarks))
    size = int(np.round(np.mean(found / wanted) * scale))
    margin = size * (scale - 1) / 2
    target = (target * size + margin) * (size / (size + 2 * margin))
    transform, _ = cv2.estimateAffinePartial2D(landmarks.astype(np.float32), target, method=cv2.LMEDS)
    crop = cv2.warpAffine(frame, transform, (size, size), flags=cv2.INTER_LINEAR)
    return np.asarray(Image.fromarray(crop).resize((224, 224), filter_))


def mesonet(frame: np.ndarray, box: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """As near as five landmarks come to `get_aligned_face`; see `mesonet_square`."""
    transform = _estimated(landmarks.astype(np.float64), np.array(MESONET) * 256)
    return cv2.warpAffine(frame, transform.params[:2], (256, 256), borderMode=cv2.BORDER_REPLICATE)


def mesonet_square(eyes: np.ndarray, nose: np.ndarray, mouth: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Give the centre, the side and the slant of the square that `find_coordinates` and `get_aligned_face` cut.

    Args:
        eyes: (2, 2) their middles.
        nose: (2,) the mean of its bridge and its base.
        mouth: (2,) its middle.
    """
    middle = eyes.mean(axis=0)
    length = max(np.linalg.norm(eyes[0] - eyes[1]), np.linalg.norm(mouth - middle)) * 2.2 * 1.3
    return nose, float(length), math.degrees(math.atan((mouth[0] - middle[0]) / (mouth[1] - middle[1])))


def image_processor(frame: np.ndarray, box: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """A square of 1.3 times the longer side of the box, and `ViTImageProcessor`."""
    x0, y0, x1, y1 = corners(box)
    side = max(x1 - x0, y1 - y0) * 1.3
    left, top = (x0 + x1 - side) / 2, (y0 + y1 - side) / 2
    left, top, right, bottom = (math.floor(edge) for edge in (left, top, left + side, top + side))
    picture = Image.fromarray(frame[max(top, 0) : bottom, max(left, 0) : right])
    return np.asarray(picture.resize((224, 224), Image.Resampling.BILINEAR))


CROPPERS: dict[str, Cropper] = {
    "deepfakebench": deepfakebench,
    "deepfakebench-effort": partial(deepfakebench, resolution=224),
    "dfdc-winner": challenge_winner,
    "gend": partial(gend, filter_=Image.Resampling.BICUBIC),
    "gend-dinov3": partial(gend, filter_=Image.Resampling.BILINEAR),
    "gend-pe": partial(gend, filter_=Image.Resampling.BICUBIC),
    "hf-image-classifier": image_processor,
    "icpr2020": blazeface,
    "mesonet": mesonet,
    "sbi": self_blended,
}
"""By the names of the recipes."""

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CLIP = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
NONE = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))

STATISTICS = {
    "deepfakebench": HALF,
    "deepfakebench-effort": CLIP,
    "dfdc-winner": IMAGENET,
    "gend": CLIP,
    "gend-dinov3": IMAGENET,
    "gend-pe": HALF,
    "hf-image-classifier": HALF,
    "icpr2020": IMAGENET,
    "mesonet": NONE,
    "sbi": NONE,
}
"""Mean and deviation that each takes from pixels that were divided by 255."""


def prepared(name: str, crop: np.ndarray) -> np.ndarray:
    """Give what a network takes, float32 (1, 3, size, size), but (1, size, size, 3) for MesoNet.

    Args:
        name: of the recipe.
        crop: uint8 RGB.
    """
    mean, deviation = (np.array(values, np.float32) for values in STATISTICS[name])
    found = (crop.astype(np.float32) / 255 - mean) / deviation
    return found[None] if name == "mesonet" else found.transpose(2, 0, 1)[None]
