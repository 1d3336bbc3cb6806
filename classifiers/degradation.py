"""What cameras, editors and hosts do to pictures, alike for real and fake ones."""

from __future__ import annotations

import io
import itertools
from collections.abc import Sequence
from typing import cast

import cv2
import numpy as np

_ENCODERS = {
    "h264": ("libx264", {"threads": "1", "x264-params": "mbtree=0"}),
    "hevc": ("libx265", {"x265-params": "log-level=none:pools=none:frame-threads=1:cutree=0"}),
}
"""Encoder and its options by codec: one thread, since batches are made in several, and no macroblock tree, with which
x264 does not give the same bytes every time."""


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
        clip, at = _moving(image, np.random.default_rng(seed))
        # x265 takes several times as long to start, so it gets few of the pictures.
        image = video_frame(clip, at, crf=round(18 + 19 * quality), codec="hevc" if codec < 0.43 * strength else "h264")
    return image


def _moving(image: np.ndarray, rng: np.random.Generator) -> tuple[list[np.ndarray], int]:
    """Make a short clip in which parts of a picture move and others rest, and say where in it the picture is.

    What moves is coded anew in each frame and what rests is carried over, so that in a real clip a face and its
    ground may differ in sharpness: a detector must not take that for a forgery.
    """
    before, after = int(rng.integers(0, 5)), int(rng.integers(0, 3))
    height, width = image.shape[:2]
    coarse = rng.normal(0, rng.uniform(0, 0.02) * width, (4, 4, 2)) * rng.random((4, 4, 1)) ** 2
    field = cv2.resize(coarse.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    clip = [
        image
        if step == 0
        else cv2.remap(
            image, x + step * field[..., 0], y + step * field[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
        )
        for step in range(-before, after + 1)
    ]
    return clip, before


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


def video_frame(clip: Sequence[np.ndarray], at: int, crf: int, codec: str = "h264") -> np.ndarray:
    """Encode a short clip as H.264 or HEVC and decode one frame of it.

    Args:
        clip: RGB uint8 (height, width, 3) each, all of one size; odd sizes lose their last row or column.
        at: which frame to give; the first is a key frame, later ones are coded from their neighbours.
        crf: constant rate factor of x264 or x265, 0 to 51.
        codec: "h264" or "hevc".
    """
    import av

    height, width = (side // 2 * 2 for side in clip[0].shape[:2])
    memory = io.BytesIO()
    with av.open(memory, "w", format=codec) as container:
        encoder, options = _ENCODERS[codec]
        stream = cast(av.VideoStream, container.add_stream(encoder, rate=25))
        stream.height, stream.width = height, width
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": str(crf), "preset": "veryfast", **options}
        for image in clip:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image[:height, :width]), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    memory.seek(0)
    with av.open(memory, "r", format=codec) as container:
        frames = itertools.islice(container.decode(video=0), at, None)
        return next(frames).to_ndarray(format="rgb24")


def overlay(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Lay a caption, a logo or a sticker over a picture, where editors and hosts put them."""
    height, width = image.shape[:2]
    covered = image.copy()
    colour = tuple(int(value) for value in rng.integers(0, 256, 3))
    kind = rng.integers(3)
    if kind == 0:
        bottom = round(height * rng.uniform(0.85, 1.0))
        top = round(bottom - height * rng.uniform(0.06, 0.15))
        cv2.rectangle(covered, (0, top), (width, bottom), colour, cv2.FILLED)
        _write(covered, (round(0.05 * width), round(0.5 * (top + bottom))), rng)
    elif kind == 1:
        _write(covered, (round(width * rng.uniform(0.02, 0.6)), round(height * rng.uniform(0.06, 0.95))), rng)
    else:
        centre = (round(width * rng.choice((0.1, 0.9))), round(height * rng.uniform(0.08, 0.92)))
        cv2.circle(covered, centre, round(width * rng.uniform(0.04, 0.12)), colour, cv2.FILLED, cv2.LINE_AA)
    opacity = float(rng.uniform(0.4, 1.0))
    return cv2.addWeighted(covered, opacity, image, 1 - opacity, 0)


def _write(image: np.ndarray, place: tuple[int, int], rng: np.random.Generator) -> None:
    text = "".join(chr(code) for code in rng.integers(65, 91, int(rng.integers(3, 14))))
    shade = (255, 255, 255) if rng.random() < 0.7 else (0, 0, 0)
    size = image.shape[1] / 400 * float(rng.uniform(0.6, 1.4))
    cv2.putText(image, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, shade, 1, cv2.LINE_AA)


def _recode(image: np.ndarray, extension: str, option: int, quality: int) -> np.ndarray:
    # The codecs want BGR, and their chroma loss depends on it.
    encoded = cv2.imencode(extension, image[..., ::-1], (option, quality))[1]
    decoded = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)
    return np.ascontiguousarray(decoded[..., ::-1])
