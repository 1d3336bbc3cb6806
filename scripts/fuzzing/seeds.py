"""Small valid files of many kinds, to be damaged: the beginning of a sample video, some with a tone.

The same ffmpeg and Pillow make the same files, byte for byte.
"""

from __future__ import annotations

import io
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, features

from fuzzing.parts import find_parts
from pipeline.media import SamplingPlan, open_frames, probe
from pipeline.media.ffmpeg import find_binary

SAMPLE = Path(__file__).parents[2] / "sample_videos" / "real.mp4"
_SIZE = (256, 144)
_FRAME_RATE = 6
_SECONDS = 1.5
_PICTURES = 4
_PICTURE_SIZE = (192, 108)
_ORIENTATION = 0x0112

# By kind: file name ending, encoder, and ffmpeg's further options.
_VIDEOS: dict[str, tuple[str, str, str]] = {
    "MP4 H.264": ("mp4", "libx264", "-g 4 -crf 30 -c:a aac"),
    "MP4 in fragments": ("mp4", "libx264", "-g 3 -crf 30 -c:a aac -movflags frag_keyframe+empty_moov"),
    "MP4 HEVC": ("mp4", "libx265", "-crf 32 -x265-params log-level=none:pools=1:frame-threads=1 -an"),
    "WebM VP9": ("webm", "libvpx-vp9", "-crf 40 -b:v 0 -deadline realtime -cpu-used 8 -c:a libopus"),
    "WebM AV1": ("webm", "libaom-av1", "-crf 45 -cpu-used 8 -usage realtime -an"),
    "MKV": ("mkv", "libx264", "-g 4 -crf 30 -aspect 4:3 -c:a flac"),
    "AVI": ("avi", "mpeg4", "-q:v 8 -c:a pcm_s16le -ar 8000"),
    "TS": ("ts", "mpeg2video", "-q:v 8 -c:a mp2"),
}


@dataclass(frozen=True, slots=True)
class Seed:
    """A valid file: what kind it is, the ending of its name, and its bytes."""

    kind: str
    ending: str
    data: bytes


def make_seeds() -> tuple[list[Seed], list[str]]:
    """Make one file of each kind.

    Returns:
        The files, and the kinds that are left out because ffmpeg or Pillow cannot write them here.
    """
    made, lacking = [], []
    with tempfile.TemporaryDirectory() as folder:
        for kind, (ending, encoder, options) in _VIDEOS.items():
            data = _video(Path(folder) / f"seed.{ending}", encoder, options.split())
            if data is None:
                lacking.append(kind)
            else:
                made.append(Seed(kind, ending, data))
    for seed in _pictures():
        if seed.data:
            made.append(seed)
        else:
            lacking.append(seed.kind)
    return made, lacking


def _video(path: Path, encoder: str, options: list[str]) -> bytes | None:
    """Encode the sample, with a tone unless the options forbid sound; None where there is no such encoder."""
    # No version, date or random number is written, and encoders decide differently with more threads.
    reproducible = ["-threads", "1", "-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact"]
    command = [
        *(find_binary().path, "-v", "quiet", "-nostdin", "-y", "-i", SAMPLE, "-f", "lavfi", "-i", "sine=r=8000"),
        *("-t", _SECONDS, "-map", "0:v", "-map", "1:a", "-vf", f"scale={_SIZE[0]}:{_SIZE[1]},fps={_FRAME_RATE}"),
        *("-c:v", encoder, "-pix_fmt", "yuv420p", *reproducible, *options, path),
    ]
    result = subprocess.run([str(part) for part in command], stdin=subprocess.DEVNULL, check=False)
    return path.read_bytes() if result.returncode == 0 else None


def _pictures() -> list[Seed]:
    with open_frames(probe(SAMPLE), SamplingPlan.spread(_PICTURES)) as frames:
        pictures = [Image.fromarray(frame.image).resize(_PICTURE_SIZE) for frame in frames]
    animation = {"save_all": True, "append_images": pictures[1:], "duration": 150}
    turned = Image.Exif()
    turned[_ORIENTATION] = 6
    first = pictures[0]
    few = {**animation, "append_images": [picture.quantize(32) for picture in pictures[1:]]}
    seeds = [
        Seed("animated GIF", "gif", _saved(first.quantize(32), "GIF", **few)),
        Seed("PNG", "png", _saved(first, "PNG")),
        Seed("animated PNG", "png", _saved(first.quantize(32), "PNG", **few)),
        Seed("JPEG", "jpg", _saved(first, "JPEG", exif=turned)),
        Seed("TIFF", "tif", _saved(first.convert("L"), "TIFF", compression="tiff_lzw")),
    ]
    for kind, ending, feature in (("WebP", "webp", "webp"), ("AVIF", "avif", "avif")):
        can = features.check(feature)
        seeds.append(Seed(kind, ending, _saved(first, kind) if can else b""))
        # One thread: more of them divide the picture otherwise.
        threads = {"max_threads": 1} if kind == "AVIF" else {}
        animated = _undated(_saved(first, kind, **animation, **threads)) if can else b""
        seeds.append(Seed(f"animated {kind}", ending, animated))
    return seeds


def _saved(picture: Image.Image, image_format: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, image_format, **options)
    return file.getvalue()


def _undated(data: bytes) -> bytes:
    """Take out when a file of boxes was made and changed."""
    changed = bytearray(data)
    for part in find_parts(data):
        if data[part.start + 4 : part.start + 8] in (b"mvhd", b"tkhd", b"mdhd"):
            time_bytes = 16 if data[part.start + 8] else 8  # by the version of the box
            changed[part.start + 12 : part.start + 12 + time_bytes] = bytes(time_bytes)
    return bytes(changed)
