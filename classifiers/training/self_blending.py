"""Forgeries made from real faces alone, so that a detector learns the seam and not a generator.

A real face is blended with a changed copy of itself (self-blended images, Shiohara and Yamasaki, CVPR 2022,
written from the paper's idea) or with the face of another person of similar pose (face X-ray, Li et al., CVPR
2020). Five landmarks are all that is known of a face, so the outline that a 68-point model would give is a fixed
template, fitted to the five points and varied at random.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from classifiers.datasets import Landmarks, Picture
from classifiers.degradation import jpeg

# In units of the crop square whose landmarks are `TEMPLATE`: x to the right, y down.
TEMPLATE = np.array([[0.360, 0.402], [0.640, 0.402], [0.500, 0.570], [0.378, 0.693], [0.622, 0.693]], np.float32)
_OUTLINES = {
    "face": [
        (0.22, 0.36), (0.30, 0.27), (0.42, 0.24), (0.50, 0.235), (0.58, 0.24), (0.70, 0.27), (0.78, 0.36),
        (0.79, 0.50), (0.765, 0.64), (0.70, 0.77), (0.60, 0.87), (0.50, 0.895), (0.40, 0.87), (0.30, 0.77),
        (0.235, 0.64), (0.21, 0.50),
    ],
    "inner": [
        (0.25, 0.34), (0.38, 0.30), (0.50, 0.33), (0.62, 0.30), (0.75, 0.34), (0.74, 0.50), (0.69, 0.66),
        (0.62, 0.78), (0.50, 0.81), (0.38, 0.78), (0.31, 0.66), (0.26, 0.50),
    ],
    "lower": [
        (0.27, 0.56), (0.42, 0.52), (0.50, 0.53), (0.58, 0.52), (0.73, 0.56), (0.71, 0.72), (0.62, 0.85),
        (0.50, 0.89), (0.38, 0.85), (0.29, 0.72),
    ],
    "mouth": [(0.33, 0.66), (0.42, 0.62), (0.58, 0.62), (0.67, 0.66), (0.62, 0.76), (0.50, 0.79), (0.38, 0.76)],
    "eyes": [
        (0.24, 0.38), (0.36, 0.32), (0.50, 0.35), (0.64, 0.32), (0.76, 0.38), (0.70, 0.46), (0.50, 0.47), (0.30, 0.46),
    ],
    "nose": [(0.45, 0.38), (0.55, 0.38), (0.60, 0.58), (0.50, 0.63), (0.40, 0.58)],
}  # fmt: skip
_REGIONS = ("face", "inner", "lower", "mouth", "eyes", "nose")
_REGION_SHARES = (0.50, 0.28, 0.09, 0.05, 0.05, 0.03)


@dataclass(frozen=True, slots=True, eq=False)
class Blend:
    """A forged picture, what it was forged from, and where.

    Attributes:
        image: RGB uint8 (height, width, 3).
        target: RGB uint8 (height, width, 3), the picture that received the face. It is the real twin: its ground may
            have been restyled, and were the twin the picture as it was, style alone would give the forgery away.
        mask: float32 (height, width), share of the pixel that was replaced, 0 to 1.
        generated: whether a network made the face that was blended in.
    """

    image: Picture
    target: Picture
    mask: npt.NDArray[np.float32]
    generated: bool = False


def self_blend(image: Picture, landmarks: Landmarks, rng: np.random.Generator) -> Blend:
    """Blend a real face with a changed copy of itself.

    Args:
        image: RGB uint8 (height, width, 3).
        landmarks: (5, 2) in pixels of the image.
        rng: source of every random choice.
    """
    source, target = image, image
    if rng.random() < 0.5:
        source = _restyle(source, rng)
    else:
        target = _restyle(target, rng)
    return _blend(_shift(source, landmarks, rng), target, landmarks, rng)


def swap_blend(
    donor: Picture,
    donor_landmarks: Landmarks,
    image: Picture,
    landmarks: Landmarks,
    rng: np.random.Generator,
) -> Blend:
    """Blend another person's face onto a real one, warped to its landmarks and matched in colour.

    Args:
        donor: RGB uint8 picture that gives the face.
        donor_landmarks: (5, 2) in pixels of the donor.
        image: RGB uint8 picture that receives it.
        landmarks: (5, 2) in pixels of the image.
        rng: source of every random choice.
    """
    height, width = image.shape[:2]
    warp = _affine(donor_landmarks, landmarks)
    face = cv2.warpAffine(donor, warp, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    # Outside the donor's picture there is no face to give: keep the receiving picture there.
    known = cv2.warpAffine(np.full(donor.shape[:2], 255, np.uint8), warp, (width, height)) == 255
    face = np.where(known[..., None], face, image)
    core = _outline("inner", landmarks, image.shape[:2], np.zeros(2), np.ones(2)) > 0.5
    face = match_colour(face, image, core)
    if rng.random() < 0.5:
        face = _restyle(face, rng)
    return _blend(face, image, landmarks, rng)


def resynthesis_blend(
    resynthesised: Picture, resampled: Picture, image: Picture, landmarks: Landmarks, rng: np.random.Generator
) -> Blend:
    """Blend a face that a network resynthesised onto the picture that it was made from.

    Args:
        resynthesised: RGB uint8 (height, width, 3), the picture with its face made again by a network.
        resampled: the same with the face only resampled; now and then the real twin has it, under the same mask, so
            that a softer region alone tells nothing.
        image: the picture itself.
        landmarks: (5, 2) in pixels of the image.
        rng: source of every random choice.
    """
    mask = _blend_mask(landmarks, image.shape[:2], rng)
    target = _composite(resampled, image, mask) if rng.random() < 0.4 else image
    return Blend(_composite(resynthesised, image, mask), target, mask, generated=True)


def landmark_shape(landmarks: Landmarks) -> npt.NDArray[np.float32]:
    """Describe pose and expression apart from place and size: float32 (10,), unit norm, centred."""
    centred = landmarks - landmarks.mean(axis=0)
    return (centred / np.linalg.norm(centred)).ravel().astype(np.float32)


def _blend(source: np.ndarray, target: np.ndarray, landmarks: np.ndarray, rng: np.random.Generator) -> Blend:
    mask = _blend_mask(landmarks, target.shape[:2], rng)
    return Blend(_composite(source, target, mask), target, mask)


def _composite(source: np.ndarray, target: np.ndarray, mask: np.ndarray) -> Picture:
    image = source * mask[..., None] + target * (1 - mask[..., None])
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def _blend_mask(landmarks: np.ndarray, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    region = str(rng.choice(_REGIONS, p=_REGION_SHARES))
    shift = rng.normal(0, 0.012, 2)
    stretch = rng.uniform(0.86, 1.10, 2)
    mask = _outline(region, landmarks, shape, shift, stretch)
    mask = _deform(mask, landmarks, rng)
    face_width = _face_width(landmarks)
    for limit in (0.05, 0.16):
        sigma = face_width * rng.uniform(0.005, limit)
        mask = cv2.GaussianBlur(mask, (0, 0), sigma)
    peak = float(mask.max())
    if peak > 0:
        # Small regions must not vanish under the blur.
        mask = mask / peak
    return mask * float(rng.choice((0.5, 0.75, 1.0, 1.0, 1.0)))


def _outline(
    region: str, landmarks: np.ndarray, shape: tuple[int, ...], shift: np.ndarray, stretch: np.ndarray
) -> np.ndarray:
    points = np.array(_OUTLINES[region], np.float64)
    centre = points.mean(axis=0)
    points = (points - centre) * stretch + centre + shift
    to_image = _affine(TEMPLATE, landmarks)
    points = points @ to_image[:, :2].T + to_image[:, 2]
    mask = np.zeros(shape, np.float32)
    cv2.fillPoly(mask, [np.rint(points * 16).astype(np.int32)], 1.0, lineType=cv2.LINE_AA, shift=4)
    return mask


def _deform(mask: np.ndarray, landmarks: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Bend the outline by a smooth random field, as the elastic deformation of the paper does."""
    height, width = mask.shape
    cells = int(rng.integers(3, 7))
    reach = _face_width(landmarks) * rng.uniform(0.0, 0.08)
    coarse = rng.normal(0, reach, (cells, cells, 2)).astype(np.float32)
    field = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return cv2.remap(mask, x + field[..., 0], y + field[..., 1], cv2.INTER_LINEAR)


def _shift(image: np.ndarray, landmarks: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Move, scale and turn a copy a little about the face, sometimes bending it as re-enactment does."""
    height, width = image.shape[:2]
    centre = landmarks.mean(axis=0).astype(float)
    offset = rng.uniform(-0.03, 0.03, 2) * _face_width(landmarks)
    turn = cv2.getRotationMatrix2D(tuple(centre), rng.uniform(-3, 3), rng.uniform(0.95, 1.05))
    matrix = np.column_stack([turn[:, :2], turn[:, 2] + offset])
    moved = cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    if rng.random() < 0.3:
        coarse = rng.normal(0, 0.012 * _face_width(landmarks), (5, 5, 2)).astype(np.float32)
        field = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        moved = cv2.remap(moved, x + field[..., 0], y + field[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return moved


def _restyle(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Give a copy another colour, sharpness or history, each a trace that a pasted face carries."""
    if rng.random() < 0.7:
        image = _recolour(image, rng)
    choice = rng.random()
    if choice < 0.45:
        image = _resample(image, float(rng.uniform(0.25, 0.9)), rng)
    elif choice < 0.6:
        blurred = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.8, 2.0))
        image = cv2.addWeighted(image, 1 + (amount := rng.uniform(0.3, 1.0)), blurred, -amount, 0)
    elif choice < 0.72:
        image = cv2.bilateralFilter(image, 5, float(rng.uniform(15, 45)), 3)
    elif choice < 0.82:
        image = jpeg(image, int(rng.integers(35, 90)))
    if rng.random() < 0.15:
        noise = rng.normal(0, rng.uniform(1, 5), image.shape)
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    return image


def _recolour(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    gain = rng.uniform(0.9, 1.1) * rng.uniform(0.95, 1.05, 3)
    offset = rng.uniform(-14, 14) + rng.uniform(-8, 8, 3)
    table = np.arange(256)[:, None] * gain + offset
    table = 255 * np.clip(table / 255, 0, 1) ** rng.uniform(0.88, 1.14)
    image = cv2.LUT(image, np.rint(table).astype(np.uint8)[None])
    if rng.random() < 0.5:
        grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        saturation = rng.uniform(0.75, 1.25)
        image = cv2.addWeighted(image, saturation, grey, 1 - saturation, 0)
    return image


def _resample(image: np.ndarray, scale: float, rng: np.random.Generator) -> np.ndarray:
    height, width = image.shape[:2]
    ways = (cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_AREA, cv2.INTER_LANCZOS4)
    small = cv2.resize(
        image, (max(8, round(width * scale)), max(8, round(height * scale))), interpolation=ways[rng.integers(1, 5)]
    )
    # Nearest-neighbour enlarging leaves blocks that no pasted face has: only where the loss is slight.
    way = ways[rng.integers(0 if scale > 0.7 else 1, 3)]
    return cv2.resize(small, (width, height), interpolation=way)


def match_colour(face: np.ndarray, image: np.ndarray, region: np.ndarray) -> np.ndarray:
    """Give the face the mean and spread of the region in Lab (Reinhard et al. 2001)."""
    if not region.any():
        return face
    from_lab = cv2.cvtColor(face, cv2.COLOR_RGB2LAB).astype(np.float32)
    to_lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32)
    a, b = from_lab[region], to_lab[region]
    gain = np.clip(b.std(axis=0) / np.maximum(a.std(axis=0), 1), 0.5, 2)
    matched = (from_lab - a.mean(axis=0)) * gain + b.mean(axis=0)
    return cv2.cvtColor(np.clip(matched, 0, 255).astype(np.uint8), cv2.COLOR_LAB2RGB)


def _affine(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Fit the affine map from five points to five points by least squares: float64 (2, 3)."""
    design = np.column_stack([source, np.ones(len(source))])
    return np.linalg.lstsq(design.astype(np.float64), np.asarray(target, np.float64), rcond=None)[0].T


def _face_width(landmarks: np.ndarray) -> float:
    """About the width of the face in pixels, from the spread of its landmarks."""
    return float(np.sqrt(((landmarks - landmarks.mean(axis=0)) ** 2).sum(axis=1).mean()) * 3.0)
