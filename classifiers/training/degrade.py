"""What cameras, editors and hosts do to pictures, alike for real and fake ones."""

from __future__ import annotations

import io

import cv2
import numpy as np


def degrade(image: np.ndarray, rng: np.random.Generator, strength: float = 1.0) -> np.ndarray:
    """Pass a picture through a random history of resizing, blur, noise and compression.

    The same generator state gives the same history, so a pair of pictures can share one.

    Args:
        image: RGB uint8 (height, width, 3).
        rng: source of every random choice.
        strength: 1 for what a hosted video goes through, less for a milder history.

    Returns:
        RGB uint8; its size may differ from the input's by the returned picture's own scale.
    """
    # Draw everything first: the number of draws must not depend on the picture.
    resize, blur, noise, codec = rng.random(4)
    scale = float(np.exp(rng.uniform(np.log(0.4), 0)))
    sigma, grain, quality = rng.uniform(0.3, 1.2), rng.uniform(1, 6), rng.random()
    seed = int(rng.integers(2**31))
    way = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC)[rng.integers(3)]
    if resize < 0.45 * strength:
        height, width = image.shape[:2]
        image = cv2.resize(image, (max(16, round(width * scale)), max(16, round(height * scale))), interpolation=way)
    if blur < 0.15 * strength:
        image = cv2.GaussianBlur(image, (0, 0), sigma)
    if noise < 0.15 * strength:
        grainy = image + np.random.default_rng(seed).normal(0, grain, image.shape)
        image = np.clip(grainy, 0, 255).astype(np.uint8)
    if codec < 0.25 * strength:
        image = jpeg(image, round(40 + 57 * quality))
    elif codec < 0.40 * strength:
        image = webp(image, round(25 + 65 * quality))
    elif codec < 0.80 * strength:
        image = h264_frame(image, crf=round(18 + 17 * quality))
    return image


def recolour(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Change brightness, contrast, gamma, white balance and saturation of a whole picture."""
    gain = rng.uniform(0.8, 1.2) * rng.uniform(0.94, 1.06, 3)
    offset, gamma, saturation = rng.uniform(-18, 18), rng.uniform(0.75, 1.3), rng.uniform(0.5, 1.35)
    table = 255 * np.clip((np.arange(256)[:, None] * gain + offset) / 255, 0, 1) ** gamma
    image = cv2.LUT(image, np.rint(table).astype(np.uint8)[None])
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return cv2.addWeighted(image, saturation, grey, 1 - saturation, 0)


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    """Encode an RGB uint8 picture as JPEG of quality 1 to 100 and decode it again."""
    return _recode(image, ".jpg", cv2.IMWRITE_JPEG_QUALITY, quality)


def webp(image: np.ndarray, quality: int) -> np.ndarray:
    """Encode an RGB uint8 picture as lossy WebP of quality 1 to 100 and decode it again."""
    return _recode(image, ".webp", cv2.IMWRITE_WEBP_QUALITY, quality)


def h264_frame(image: np.ndarray, crf: int) -> np.ndarray:
    """Encode one picture as an H.264 key frame and decode it again.

    Args:
        image: RGB uint8 (height, width, 3); odd sizes lose their last row or column.
        crf: constant rate factor of x264, 0 to 51.
    """
    import av

    image = np.ascontiguousarray(image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2])
    memory = io.BytesIO()
    with av.open(memory, "w", format="h264") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width = image.shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": str(crf), "preset": "veryfast", "threads": "1"}
        container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    memory.seek(0)
    with av.open(memory, "r", format="h264") as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24")


def _recode(image: np.ndarray, extension: str, option: int, quality: int) -> np.ndarray:
    # The codecs want BGR, and their chroma loss depends on it.
    encoded = cv2.imencode(extension, image[..., ::-1], (option, quality))[1]
    return np.ascontiguousarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR)[..., ::-1])
