"""Makes the sample videos: a real clip, a face swap of it, and clips that are hard to read.

    python scripts/make_sample_videos.py [--out sample_videos]

The pictures are those that scikit-image installs; nothing is downloaded. A virtual hand-held camera films them. As
in real forgeries, the swap is done on finished, compressed footage, which is then compressed again; the untouched
clips take the same two rounds, so that compression does not tell them apart.

The same versions of the packages make the same videos, byte for byte.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path

import cv2
import ffmpeg
import numpy as np
from imageio_ffmpeg import get_ffmpeg_exe
from skimage import data

WIDTH, HEIGHT = 640, 360
FRAME_RATE = 25
FRAME_COUNT = 5 * FRAME_RATE

CAMERA_CRF = 16
PUBLISHED_CRF = 20
# Frames keep their own times; no version or date is written, and x264 decides differently with more threads.
REPRODUCIBLE = {"fps_mode": "passthrough", "fflags": "+bitexact", "flags:v": "+bitexact", "threads": 1}

# Pixels of `skimage.data.astronaut()`. The landmarks are in the order of `extractors.LANDMARK_NAMES`.
PORTRAIT_LANDMARKS = np.float32([[203.5, 100.1], [245.4, 102.2], [224.2, 126.4], [201.8, 138.6], [244.4, 140.4]])
HEAD_CENTRE, HEAD_AXES = (227, 80), (82, 76)
SUIT_TOP = 195
SKIN_OUTLINE = np.int32(
    [
        (180, 104), (186, 84), (206, 80), (232, 84), (256, 92), (270, 104),
        (269, 128), (258, 152), (242, 180), (222, 190), (198, 178), (187, 150),
    ]
)  # fmt: skip

# The face that a swapping tool works on: a square of few pixels, in which the eyes and mouth always lie here.
SWAP_SIDE = 112
SWAP_LANDMARKS = np.float32([[0.35, 0.40], [0.65, 0.40], [0.50, 0.57], [0.36, 0.70], [0.64, 0.70]]) * SWAP_SIDE


def hand_held(centre: tuple[float, float], zoom: float, size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Move a camera over a picture as a hand does: slow pan, zoom and roll with a small tremor.

    Args:
        centre: x, y of the picture that stay near the middle of the frame.
        zoom: mean number of frame pixels per picture pixel.
        size: width and height of the frame.
        rng: source of every random choice.

    Returns:
        For each frame the map from picture to frame pixels: float64 (FRAME_COUNT, 2, 3).
    """
    x = centre[0] + _sway(7, 0.12, rng) + _sway(1.2, 0.7, rng) + _sway(0.25, 4.5, rng)
    y = centre[1] + _sway(3, 0.12, rng) + _sway(1.0, 0.8, rng) + _sway(0.25, 5.0, rng)
    scale = zoom * (1 + _sway(0.025, 0.11, rng))
    roll = np.radians(_sway(0.7, 0.2, rng) + _sway(0.06, 3.0, rng))
    a, b = scale * np.cos(roll), scale * np.sin(roll)
    moves = [[a, b, size[0] / 2 - a * x - b * y], [-b, a, size[1] / 2 + b * x - a * y]]
    return np.moveaxis(np.array(moves), 2, 0)


def film(
    picture: np.ndarray, moves: np.ndarray, size: tuple[int, int], rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Yield what the moving camera sees: RGB uint8 frames with drifting exposure, vignetting and sensor noise."""
    width, height = size
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    lens = (1 - 0.06 * (x**2 + y**2))[..., None]
    exposure = 1 + _sway(0.05, 0.15, rng) + _sway(0.008, 1.1, rng)
    for move, gain in zip(moves, exposure, strict=True):
        seen = cv2.warpAffine(picture, move, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
        light = np.clip(seen * lens * gain, 0, 255)
        # Demosaicing smears the noise of neighbouring sensor cells a little.
        grain = cv2.GaussianBlur(rng.standard_normal(light.shape), (0, 0), 0.6)
        yield _to_uint8(light + grain * (1.8 + 3.6 * np.sqrt(light / 255)))


def swap_face(
    frames: Iterable[np.ndarray], landmarks: Iterable[np.ndarray], rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Replace the inner face in every frame as a face swapping tool does.

    Args:
        frames: RGB uint8, finished footage.
        landmarks: for each frame, (5, 2) in its pixels.
        rng: source of every random choice.
    """
    mask = _swap_mask()
    back = cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR
    for frame, points in zip(frames, landmarks, strict=True):
        # Tools find the landmarks frame by frame, each time a little elsewhere.
        to_square = _similarity(points + rng.normal(0, 1.0, (5, 2)), SWAP_LANDMARKS)
        softened = cv2.GaussianBlur(frame, (0, 0), 0.7)  # against aliasing: the square has fewer pixels
        face = _synthesise(cv2.warpAffine(softened, to_square, (SWAP_SIDE, SWAP_SIDE)), rng)
        size = frame.shape[1], frame.shape[0]
        face = cv2.warpAffine(face, to_square, size, flags=back)
        share = cv2.warpAffine(mask, to_square, size, flags=back)[..., None]
        yield _to_uint8(face * share + frame * (1 - share))


def second_person(portrait: np.ndarray) -> np.ndarray:
    """Give the portrait's mirror image other hair, skin, clothes and backdrop: a stand-in for somebody else."""
    hue, saturation, value = np.moveaxis(cv2.cvtColor(portrait, cv2.COLOR_RGB2HSV).astype(np.float32), 2, 0)
    blank = np.zeros_like(hue)
    skin = cv2.GaussianBlur(cv2.fillPoly(blank.copy(), [SKIN_OUTLINE], 1.0), (0, 0), 3)
    head = cv2.GaussianBlur(cv2.ellipse(blank, HEAD_CENTRE, HEAD_AXES, 0, 0, 360, 1.0, -1), (0, 0), 4)
    hair = head * (1 - skin) * _ramp(saturation, 55, 95)
    backdrop = (1 - skin) * (1 - _ramp(saturation, 40, 80))
    suit = _ramp(saturation, 80, 120) * (hue < 20)
    suit[:SUIT_TOP] = 0

    hue = np.where(suit > 0, hue + 100, hue)  # from orange to blue
    saturation *= (1 - 0.45 * suit) * (1 - 0.25 * hair) * (1 + 0.12 * skin)
    value *= (1 - 0.30 * suit) * (1 - 0.58 * hair) * (1 - 0.16 * skin)
    picture = cv2.cvtColor(_to_uint8(np.dstack([hue, saturation, value])), cv2.COLOR_HSV2RGB)
    picture = _to_uint8(picture * (1 - backdrop[..., None] * np.float32([0.38, 0.30, 0.26])))
    # A narrower face, too.
    return cv2.resize(picture[:, ::-1], (472, 512), interpolation=cv2.INTER_AREA)


def side_by_side(left: Iterable[np.ndarray], right: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Put two clips into one frame, with the dark gap of a video call between them."""
    for left_frame, right_frame in zip(left, right, strict=True):
        gap = np.full((HEIGHT, WIDTH - left_frame.shape[1] - right_frame.shape[1], 3), 18, np.uint8)
        yield np.hstack([left_frame, gap, right_frame])


def encode(
    frames: Iterable[np.ndarray],
    path: Path,
    crf: int = PUBLISHED_CRF,
    clockwise: int = 0,
    kept: Sequence[int] | None = None,
) -> None:
    """Write RGB frames as H.264 in MP4.

    Args:
        frames: RGB uint8, all of one size.
        path: the file, overwritten.
        crf: x264's quality, lower is better.
        clockwise: degrees by which players are told to turn the picture.
        kept: numbers of the frames to write, each at its own time; None for all.
    """
    frames = iter(frames)
    first = next(frames)
    height, width = first.shape[:2]
    stream = ffmpeg.input(
        "pipe:",
        format="rawvideo",
        pixel_format="rgb24",
        video_size=(width, height),
        framerate=FRAME_RATE,
        display_rotation=-clockwise,
        noautorotate=None,
    )
    if kept is not None:
        stream = stream.filter("select", "+".join(f"eq(n,{number})" for number in kept))
    stream = (
        stream.filter("scale", out_color_matrix="bt709", out_range="tv")
        .filter("format", "yuv420p")
        .filter("setparams", color_primaries="bt709", color_trc="bt709", colorspace="bt709")
        .output(str(path), vcodec="libx264", preset="slow", crf=crf, movflags="+faststart", **REPRODUCIBLE)
        .overwrite_output()
    )
    command = ffmpeg.compile(stream, cmd=[get_ffmpeg_exe(), "-v", "error"])
    with suppress(BrokenPipeError), subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        for frame in chain([first], frames):
            process.stdin.write(frame.tobytes())
    if process.returncode:
        raise SystemExit(f"ffmpeg could not write {path}.")


def record(frames: Iterable[np.ndarray]) -> np.ndarray:
    """Give the frames as they come out of a camera's compressed file: uint8 (FRAME_COUNT, HEIGHT, WIDTH, 3)."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "camera.mp4"
        encode(frames, path, CAMERA_CRF)
        stream = ffmpeg.input(str(path)).output("pipe:", format="rawvideo", pix_fmt="rgb24")
        pixels, _ = stream.run(cmd=[get_ffmpeg_exe(), "-v", "error"], capture_stdout=True)
    return np.frombuffer(pixels, np.uint8).reshape(-1, HEIGHT, WIDTH, 3)


def make_portrait_clips(out: Path) -> None:
    """Film the portrait once and write it untouched, swapped, stored sideways and at a variable frame rate."""
    rng = np.random.default_rng(1)
    moves = hand_held((264, 148), 1.27, (WIDTH, HEIGHT), rng)
    footage = record(film(data.astronaut(), moves, (WIDTH, HEIGHT), rng))
    encode(footage, out / "real.mp4")
    encode(swap_face(footage, _seen_landmarks(moves), rng), out / "manipulated.mp4")
    encode(np.rot90(footage, axes=(1, 2)), out / "rotated.mp4", clockwise=90)
    # A phone in dim light leaves frames out; the first and last stay, so that the clip keeps its length.
    kept = rng.random(FRAME_COUNT) < 0.6
    kept[[0, -1]] = True
    encode(footage, out / "variable_rate.mp4", kept=np.flatnonzero(kept))


def make_two_people(out: Path) -> None:
    """Film two people apart, put them side by side as in a video call, and swap the face of the left one."""
    rng = np.random.default_rng(2)
    portrait = data.astronaut()
    size = (WIDTH // 2 - 2, HEIGHT)
    left_moves = hand_held((222, 146), 1.25, size, rng)
    right_moves = hand_held((268, 134), 1.36, size, rng)
    left = film(portrait, left_moves, size, rng)
    right = film(second_person(portrait), right_moves, size, rng)
    footage = record(side_by_side(left, right))
    encode(swap_face(footage, _seen_landmarks(left_moves), rng), out / "two_people.mp4")


def make_no_face(out: Path) -> None:
    """Film a cup of coffee."""
    rng = np.random.default_rng(3)
    moves = hand_held((300, 195), 1.25, (WIDTH, HEIGHT), rng)
    encode(record(film(data.coffee(), moves, (WIDTH, HEIGHT), rng)), out / "no_face.mp4")


def main() -> None:
    """Write all videos and print their sizes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(__file__).resolve().parents[1] / "sample_videos"
    parser.add_argument("--out", type=Path, default=default, help="folder of the videos")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)

    make_portrait_clips(out)
    make_two_people(out)
    make_no_face(out)
    for path in sorted(out.glob("*.mp4")):
        print(f"{path.stat().st_size:>9,} bytes  {path}")


def _sway(amplitude: float, frequency: float, rng: np.random.Generator) -> np.ndarray:
    """A smooth motion about 0 that does not repeat: float64 (FRAME_COUNT,).

    Args:
        amplitude: about how far it goes.
        frequency: about how often a second it goes there and back.
        rng: source of every random choice.
    """
    time = np.arange(FRAME_COUNT) / FRAME_RATE
    phases = rng.uniform(0, 2 * np.pi, 3)
    turns = frequency * np.outer(time, [0.7, 1.0, 1.6])
    return amplitude / 2 * np.sin(2 * np.pi * turns + phases).sum(axis=1)


def _seen_landmarks(moves: np.ndarray) -> np.ndarray:
    """The portrait's landmarks in each frame: float64 (FRAME_COUNT, 5, 2)."""
    return PORTRAIT_LANDMARKS @ moves[:, :, :2].transpose(0, 2, 1) + moves[:, None, :, 2]


def _swap_mask() -> np.ndarray:
    """Soft share, 0 to 1, by which the swap replaces each pixel of its square: float32 (SWAP_SIDE, SWAP_SIDE)."""
    mask = np.zeros((SWAP_SIDE, SWAP_SIDE), np.float32)
    centre, axes = np.float64([0.5, 0.56]) * SWAP_SIDE, np.float64([0.27, 0.34]) * SWAP_SIDE
    cv2.ellipse(mask, np.rint(centre).astype(int), np.rint(axes).astype(int), 0, 0, 360, 1.0, -1)
    return cv2.GaussianBlur(mask, (0, 0), 0.035 * SWAP_SIDE)


def _synthesise(face: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw the square face anew, as the small network of a swapping tool would: smooth, other tint, other shape."""
    smooth = cv2.bilateralFilter(face, 5, 24, 2).astype(np.float32)
    smooth += 0.7 * (smooth - cv2.GaussianBlur(smooth, (0, 0), 1.5))
    # Eyes and mouth come out a little larger than the head that they are put on, and never twice alike.
    matrix = cv2.getRotationMatrix2D((SWAP_SIDE / 2, SWAP_SIDE * 0.55), rng.normal(0, 0.5), rng.normal(1.05, 0.006))
    matrix[:, 2] += rng.normal(0, 0.3, 2)
    moved = cv2.warpAffine(smooth, matrix, (SWAP_SIDE, SWAP_SIDE), borderMode=cv2.BORDER_REFLECT)
    flicker = rng.normal(1, 0.006)
    return moved * np.float32([0.97, 0.93, 0.88]) * flicker + np.float32([4, 6, 9])


def _similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Fit the shift, turn and scale that take points to points: float64 (2, 3)."""
    # As complex numbers, these three together are one factor and one summand.
    start, end = source[:, 0] + 1j * source[:, 1], target[:, 0] + 1j * target[:, 1]
    factor, summand = np.linalg.lstsq(np.column_stack([start, np.ones(len(start))]), end, rcond=None)[0]
    return np.array([[factor.real, -factor.imag, summand.real], [factor.imag, factor.real, summand.imag]])


def _ramp(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Rise from 0 at `low` to 1 at `high`."""
    return np.clip((values - low) / (high - low), 0, 1)


def _to_uint8(image: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


if __name__ == "__main__":
    main()
