"""Talking heads to measure on, generated: nothing is downloaded, and the same versions make the same clips.

People made from the portrait that scikit-image installs speak and move their heads before a hand-held camera with
sensor noise, in drifting light, at the bit rates of published clips (2 to 8 Mbit/s at 1080p), with sound.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

FRAME_RATE = 30

# In pixels of the portrait: what is seen of a person, the middle of the face, its height and the mouth.
_BUST = (slice(0, 420), slice(40, 440))
_FACE_CENTRE, _FACE_HEIGHT = (184, 112), 128
_LIPS = 139

_NOISE_MARGIN = 64
_MOUTHS = 6


@dataclass(frozen=True, slots=True)
class ClipSpec:
    """One clip; `str(spec)` is its file name.

    Attributes:
        seed: of every random choice: who, where, how they move, bit rate.
        width: pixels.
        height: pixels.
        seconds: duration.
        faces: number of people.
        loops: how often these seconds are shown; more than once by copying the compressed stream.
    """

    seed: int = 0
    width: int = 1920
    height: int = 1080
    seconds: float = 10
    faces: int = 1
    loops: int = 1

    def __str__(self) -> str:
        return f"head{self.seed:02}_{self.width}x{self.height}_{self.seconds:g}s_{self.faces}f_x{self.loops}.mp4"


def make_clips(specs: Sequence[ClipSpec], folder: Path) -> list[Path]:
    """Make the clips that the folder does not hold yet, on all cores.

    Raises:
        subprocess.CalledProcessError: ffmpeg failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    complete = dict.fromkeys([*(replace(spec, loops=1) for spec in specs), *specs])
    missing = [spec for spec in complete if not (folder / str(spec)).exists()]
    filmed = [spec for spec in missing if spec.loops == 1]
    if filmed:
        # In processes of their own: what they import must not count as memory of what is measured.
        with ProcessPoolExecutor(min(len(filmed), os.cpu_count() or 1), get_context("spawn")) as pool:
            list(pool.map(_film, filmed, [folder / str(spec) for spec in filmed]))
    for spec in missing:
        if spec.loops > 1:
            once = folder / str(replace(spec, loops=1))
            _write(["-stream_loop", spec.loops - 1, "-i", once, "-c", "copy"], folder / str(spec))
    return [folder / str(spec) for spec in specs]


def _film(spec: ClipSpec, path: Path) -> None:
    import numpy as np

    rng = np.random.default_rng(spec.seed)
    megabits = rng.uniform(2, 8) * (spec.width * spec.height / (1920 * 1080)) ** 0.75
    picture = ["-f", "rawvideo", "-pix_fmt", "yuvj420p", "-video_size", f"{spec.width}x{spec.height}"]
    picture += ["-framerate", str(FRAME_RATE), "-i", "pipe:"]
    sound = ["-f", "lavfi", "-i", f"anoisesrc=color=pink:amplitude=0.1:seed={spec.seed}:duration={spec.seconds}"]
    # One thread each, since as many clips as there are cores are made at a time.
    video = ["-vf", "scale=out_range=tv,format=yuv420p", "-c:v", "libx264", "-preset", "veryfast", "-threads", "1"]
    video += ["-b:v", f"{megabits:.2f}M", "-maxrate", f"{2 * megabits:.2f}M", "-bufsize", f"{2 * megabits:.2f}M"]
    _write([*picture, *sound, *video, "-c:a", "aac", "-b:a", "128k", "-shortest"], path, _frames(spec, rng))


def _write(arguments: Sequence[object], path: Path, frames: Iterator[np.ndarray] = ()) -> None:
    """Run ffmpeg on frames; the file appears when it is complete."""
    from pipeline.media.ffmpeg import find_binary

    part = path.with_suffix(".part.mp4")
    command = [find_binary().path, "-y", "-v", "error", *map(str, arguments), str(part)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        for frame in frames:
            process.stdin.write(frame.tobytes())
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    part.replace(path)


def _frames(spec: ClipSpec, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield YUV 4:2:0 frames of full range, uint8 (height * 3 / 2, width)."""
    import cv2
    import numpy as np

    # The pool's processes share the cores already.
    cv2.setNumThreads(1)
    size = (spec.width, spec.height)
    count = round(spec.seconds * FRAME_RATE)
    backdrop = _backdrop(size, rng)
    people = [_Person(place, spec, rng) for place in range(spec.faces)]
    shake = _sway(count, 0.006, 0.3, rng, 2) + _sway(count, 0.0006, 4.0, rng, 2)
    light = 1 + _sway(count, 0.06, 0.15, rng, 1)[:, 0] + _sway(count, 0.008, 1.1, rng, 1)[:, 0]
    motions = [person.motion(count, rng) for person in people]
    wide = (spec.height + _NOISE_MARGIN, spec.width + _NOISE_MARGIN)
    noise = np.rint(cv2.GaussianBlur(rng.standard_normal(wide, np.float32), (0, 0), 0.6) * 5).astype(np.int16)
    for number in range(count):
        camera = shake[number] * spec.height
        frame = cv2.warpAffine(
            backdrop, np.float64([[1, 0, camera[0]], [0, 1, camera[1]]]), size, borderMode=cv2.BORDER_REPLICATE
        )
        for person, motion in zip(people, motions, strict=True):
            person.draw(frame, motion[number], camera)
        frame = cv2.cvtColor(cv2.convertScaleAbs(frame, alpha=light[number]), cv2.COLOR_RGB2YUV_I420)
        top, left = rng.integers(0, _NOISE_MARGIN, 2)
        grain = noise[top : top + spec.height, left : left + spec.width]
        frame[: spec.height] = cv2.add(frame[: spec.height], grain, dtype=cv2.CV_8U)
        yield frame


def _sway(count: int, amplitude: float, frequency: float, rng: np.random.Generator, axes: int) -> np.ndarray:
    """Smooth motions about 0 that do not repeat, `frequency` times a second to and fro: float64 (count, axes)."""
    import numpy as np

    time = np.arange(count)[:, None, None] / FRAME_RATE
    turns = frequency * time * np.float64([0.7, 1.0, 1.6]) + rng.uniform(0, 1, (axes, 3))
    return amplitude / 2 * np.sin(2 * np.pi * turns).sum(axis=2)


def _backdrop(size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """A room out of focus: RGB uint8."""
    import cv2
    import numpy as np

    coarse = rng.uniform(40, 170, (5, 9, 1)) + rng.uniform(-15, 15, (5, 9, 3))
    room = cv2.resize(coarse.astype(np.float32), size, interpolation=cv2.INTER_CUBIC)
    for _ in range(6):
        corner = rng.uniform(0, 1, 2) * size
        other = corner + rng.uniform(0.05, 0.3, 2) * size
        colour = rng.uniform(30, 200) * rng.uniform(0.8, 1.2, 3)
        cv2.rectangle(room, np.int32(corner), np.int32(other), colour.tolist(), -1)
    return np.clip(cv2.GaussianBlur(room, (0, 0), size[1] / 90), 0, 255).astype(np.uint8)


class _Person:
    """Somebody who speaks, at a place in a row of people."""

    def __init__(self, place: int, spec: ClipSpec, rng: np.random.Generator) -> None:
        import cv2
        import numpy as np
        from skimage import data

        portrait = data.astronaut()[_BUST]
        middle = _FACE_CENTRE[0]
        if rng.random() < 0.5:
            portrait, middle = portrait[:, ::-1], portrait.shape[1] - 1 - middle
        tint = rng.uniform(0.75, 1.1) * rng.uniform(0.94, 1.06, 3)
        portrait = np.clip(portrait * tint, 0, 255).astype(np.uint8)
        self._mouths = [_open_mouth(portrait, middle, 1.8 * step) for step in range(_MOUTHS)]
        height, width = portrait.shape[:2]
        # Nothing of the portrait's own backdrop but a soft rim.
        outline = np.zeros((height, width), np.uint8)
        cv2.ellipse(outline, (middle, 100), (78, 96), 0, 0, 360, 255, -1)
        cv2.ellipse(outline, (middle, height), (150, 250), 0, 0, 360, 255, -1)
        self._outline = cv2.GaussianBlur(outline, (0, 0), 4)
        # Below, the suit goes on to the edge of the frame; above, the hair ends.
        self._outline[0] = 0
        self._middle = (middle, _FACE_CENTRE[1])
        slot = spec.width / spec.faces
        face = min(rng.uniform(0.24, 0.36) * spec.height, 0.42 * slot)
        self._scale = face / _FACE_HEIGHT
        self._place = np.float64([(place + rng.uniform(0.42, 0.58)) * slot, rng.uniform(0.40, 0.48) * spec.height])
        self._reach = self._scale * np.float64([[-0.6 * width, -0.5 * height], [0.6 * width, np.inf]])

    def motion(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """For each frame x, y (of face heights), roll (degrees), size (factor), mouth (0 to 1): float64 (count, 5)."""
        import numpy as np

        turns = [
            _sway(count, reach, rate, rng, 1) for reach, rate in ((0.16, 0.3), (0.08, 0.4), (7, 0.25), (0.05, 0.2))
        ]
        speech = np.clip(_sway(count, 0.9, 2.6, rng, 1) * (_sway(count, 1, 0.2, rng, 1) > -0.3), 0, 1)
        return np.hstack([*turns, speech])

    def draw(self, frame: np.ndarray, motion: np.ndarray, camera: np.ndarray) -> None:
        """Draw the person into a frame."""
        import cv2
        import numpy as np

        x, y, roll, size, mouth = motion
        centre = self._place + camera + np.float64([x, y]) * self._scale * _FACE_HEIGHT
        height, width = frame.shape[:2]
        (left, top), (right, bottom) = np.clip(centre + self._reach, 0, (width, height)).astype(int)
        region = frame[top:bottom, left:right]
        if not region.size:
            return
        move = cv2.getRotationMatrix2D(self._middle, roll, self._scale * (1 + size))
        move[:, 2] += centre - self._middle - (left, top)
        shape = (right - left, bottom - top)
        picture = cv2.warpAffine(
            self._mouths[round(mouth * (_MOUTHS - 1))], move, shape, borderMode=cv2.BORDER_REPLICATE
        )
        share = cv2.warpAffine(self._outline, move, shape, borderMode=cv2.BORDER_REPLICATE)
        share = cv2.cvtColor(share, cv2.COLOR_GRAY2RGB)
        seen = cv2.multiply(picture, share, scale=1 / 255)
        region[:] = cv2.add(cv2.multiply(region, 255 - share, scale=1 / 255), seen)


def _open_mouth(portrait: np.ndarray, middle: int, pixels: float) -> np.ndarray:
    """Pull the chin down by some pixels, and darken what opens between the lips."""
    import cv2
    import numpy as np

    height, width = portrait.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    near = np.exp(-(((x - middle) / 38) ** 2)) * np.exp(-(((y - _LIPS - 16) / 30) ** 2))
    down = pixels * near * (y > _LIPS)
    spoken = cv2.remap(portrait, x, y - down, cv2.INTER_LINEAR)
    gap = np.zeros((height, width), np.float32)
    cv2.ellipse(gap, (middle, round(_LIPS + pixels / 2)), (13, max(1, round(pixels / 2))), 0, 0, 360, 1.0, -1)
    gap = cv2.GaussianBlur(gap, (0, 0), 1.2)[..., None] * min(1, pixels / 4)
    return np.clip(spoken * (1 - 0.75 * gap), 0, 255).astype(np.uint8)
