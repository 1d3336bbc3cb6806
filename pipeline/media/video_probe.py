"""Finds out what a video file holds, without decoding it.

ffmpeg copies the packets of the video to the `framecrc` format, a table of their timestamps. What a container says of
itself may be missing or wrong; the packets are what there is. Reading them takes no longer than hashing the file, works
with any build of ffmpeg (the bundled one comes without ffprobe) and gives exact presentation times, so that frames can
be chosen before the first one is decoded. The remaining facts are in the description of the input that ffmpeg logs.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction

import ffmpeg
import numpy as np

from pipeline.media.container_tags import ContainerTags
from pipeline.media.damage import holes
from pipeline.media.ffmpeg import Process, find_binary
from pipeline.media.ffmpeg_input import source_input
from pipeline.media.frame_times import PacketTable
from pipeline.media.pixel_shapes import CONTAINERS, HEADERS, PixelShapes, find_pixel_shapes
from pipeline.media.source_file import SourceFile
from pipeline.media.types import MAX_PIXELS, MediaError, MediaInfo, PictureForm, quoted

_FIELD_ORDERS = {"top first", "bottom first", "top coded first (swapped)", "bottom coded first (swapped)"}
_SINGLE_COLOR_NAMES = {"bt709", "smpte170m", "bt470bg", "smpte240m"}


def probe(source: SourceFile, sha256: str, stall_timeout_s: float) -> MediaInfo:
    """Find out what a video file holds; see `pipeline.media.probe`."""
    path = source.path
    banner, packets, process = _list_packets(source, "V:0?", stall_timeout_s)
    if banner.container is None:
        raise process.failure()
    if not banner.videos:
        found = "only sound" if banner.has_audio else "no picture"
        raise MediaError("unsupported", f"{quoted(path)} has no video stream: there is {found} in it.")
    stream = max(banner.videos, key=lambda video: (video.has_picture, video.default, video.width * video.height))
    if stream.codec in process.refused_codecs:
        raise MediaError(
            "unsupported",
            f"{quoted(path)} is coded with {stream.codec}, which so few videos are that it is not read: convert it to "
            "another.",
        )
    if not stream.has_picture:
        raise MediaError("undecodable", f"{quoted(path)} has a {stream.codec} stream, but no picture in it.")
    if stream.width * stream.height > MAX_PIXELS:
        raise MediaError(
            "unsupported",
            f"{quoted(path)} has pictures of {stream.width} x {stream.height} pixels; the limit is {MAX_PIXELS:,}.",
        )
    if stream is not banner.videos[0]:
        _, packets, process = _list_packets(source, str(stream.index), stall_timeout_s)
    times = packets.times()
    if not len(times.presentation_s):
        raise process.failure()

    rotation_deg: int = 0
    mirrored: bool | None = False
    if stream.display_angle is not None:
        rotation_deg, mirrored = _orientation(source, stream, stall_timeout_s)
    shapes: PixelShapes = ()
    if banner.container in CONTAINERS and stream.codec in HEADERS:
        shapes = find_pixel_shapes(source, stream.index, stream.codec, times.time_base, stall_timeout_s)
    form = stream.form(sideways=rotation_deg in (90, 270))
    width, height = form.shown_size
    return MediaInfo(
        source=source,
        kind="video",
        container=banner.container,
        codec=stream.codec,
        pixel_format=stream.pixel_format,
        width=width,
        height=height,
        stored_size=(form.width, form.height),
        sample_aspect_ratio=form.sample_aspect_ratio,
        pixel_shapes=shapes,
        rotation_deg=rotation_deg,
        mirrored=mirrored,
        duration_s=times.duration_s,
        declared_duration_s=banner.duration_s,
        frame_rate=times.frame_rate,
        variable_frame_rate=times.is_variable,
        start_time_s=banner.start_time_s,
        time_base=times.time_base,
        has_audio=banner.has_audio,
        color_matrix=stream.color_matrix,
        color_primaries=stream.color_primaries,
        color_transfer=stream.color_transfer,
        color_range=stream.color_range,
        interlaced=stream.interlaced,
        sha256=sha256,
        decoder=str(find_binary()),
        confinement=find_binary().confinement,
        stream=stream.index,
        not_looked_at=tuple(str(other) for other in banner.videos if other is not stream),
        keyframe_gap_s=times.keyframe_gap_s,
        frame_times_s=times.presentation_s,
        container_times_s=times.container_s,
        key_frames=times.keys,
        anchor_frames=times.anchors,
        holes_s=holes(times.presentation_s) if banner.tells_of_damage else (),
        tags=tuple(banner.tags.found),
    )


@dataclass(slots=True)
class _VideoStream:
    """What the log says of one video stream."""

    index: int
    codec: str
    pixel_format: str
    width: int
    height: int
    sample_aspect_ratio: Fraction | None
    default: bool
    interlaced: bool
    color_range: str | None
    color_matrix: str | None
    color_primaries: str | None
    color_transfer: str | None
    display_angle: float | None = None  # degrees counterclockwise; set if there is a display matrix

    @property
    def has_picture(self) -> bool:
        return self.width > 0 and self.pixel_format != "none"

    def __str__(self) -> str:
        size = f", {self.width} x {self.height}" if self.width else ""
        return f"video stream {self.index} ({self.codec}{size})"

    def form(self, *, sideways: bool) -> PictureForm:
        """Describe its pictures after they were turned upright, by a quarter or not."""
        ratio = self.sample_aspect_ratio
        return PictureForm(
            width=self.height if sideways else self.width,
            height=self.width if sideways else self.height,
            sideways=sideways,
            pixel_format=self.pixel_format,
            sample_aspect_ratio=1 / ratio if ratio and sideways else ratio,
            interlaced=self.interlaced,
            color_matrix=self.color_matrix,
            color_primaries=self.color_primaries,
            color_transfer=self.color_transfer,
            color_range=self.color_range,
        )


class Banner:
    """Reads the description of the input that ffmpeg logs before it begins."""

    _STREAM = re.compile(r"\[info\] +Stream #0:(\d+)(?:\[\w+\])?(?:\([^()]*\))?: (Video|Audio): (.*)")
    _PICTURE = re.compile(r"(\w+).*?, (\w+)(?:\(((?:[^()]|\([^()]*\))*)\))?, (?:\d+ref, )?(\d+)x(\d+)")
    _PIXELS = re.compile(r"\bSAR (-?\d+):(-?\d+)")
    _DURATION = re.compile(
        r"\[info\] +Duration: (?:(\d{1,10}):(\d\d):(\d\d\.\d+)|N/A)(?:, start: (-?\d{1,13}\.\d+))?(?:,|$)"
    )
    _MATRIX = re.compile(r"\[info\] +display ?matrix: rotation of (-?[\d.]+|-?nan)", re.IGNORECASE)
    # A file that only breaks off lacks nothing in between.
    _COMPLAINT = re.compile(
        r"\[([^\]]*) @ \w+\] (?:\[error\] (?!File ended)|\[warning\] (?:Packet corrupt|changing packet size))"
    )

    def __init__(self) -> None:
        self._reading = False
        self.container: str | None = None
        self.duration_s: float | None = None
        self.start_time_s = 0.0
        self.has_audio = False
        self.videos: list[_VideoStream] = []
        self._latest: _VideoStream | None = None
        self._complaints_of: set[str] = set()
        self.tags = ContainerTags()

    @property
    def tells_of_damage(self) -> bool:
        """Whether what reads the container met damage, complete once all packets are read."""
        return any((self.container or "") in name for name in self._complaints_of)

    def feed(self, line: str) -> None:
        """Take one line of the log.

        Raises:
            ValueError, ArithmeticError: ffmpeg would not write it.
        """
        if match := self._COMPLAINT.match(line):
            self._complaints_of.add(match[1])
        elif self.container is None and line.startswith("[info] Input #0, "):
            self.container = line.removeprefix("[info] Input #0, ").partition(", from '")[0]
            self._reading = True
        elif line.startswith(("[info] Output #0", "[info] Stream mapping")):
            self._reading = False
        elif self._reading:
            self.tags.feed(line)
            self._feed_fact(line)

    def _feed_fact(self, line: str) -> None:
        if match := self._STREAM.match(line):
            self._latest = None
            if match[2] == "Audio":
                self.has_audio = True
            elif "(attached pic)" not in match[3] and "(timed thumbnails)" not in match[3]:
                self._latest = self._video(int(match[1]), match[3])
                self.videos.append(self._latest)
        elif match := self._DURATION.match(line):
            if match[1]:
                self.duration_s = int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3])
            self.start_time_s = float(match[4] or 0)
        elif self._latest and (match := self._MATRIX.match(line)):
            angle = float(match[1])
            self._latest.display_angle = angle if math.isfinite(angle) else 0.0

    def _video(self, index: int, text: str) -> _VideoStream:
        match = self._PICTURE.match(text)
        nothing = (text.partition(" ")[0], "none", "", 0, 0)
        codec, pixel_format, notes, width, height = match.groups() if match else nothing
        # The container's comes last, and counts.
        across, down = ([(0, 0)] + [map(int, pair) for pair in self._PIXELS.findall(text)])[-1]
        notes = (notes or "").split(", ")
        # One name stands for all three where they agree.
        color = next((note.split("/") for note in notes if "/" in note or note in _SINGLE_COLOR_NAMES), ["unknown"])
        matrix, primaries, transfer = (None if name == "unknown" else name for name in (color * 3)[:3])
        return _VideoStream(
            index=index,
            codec=codec.rstrip(",:"),
            pixel_format=pixel_format,
            width=int(width),
            height=int(height),
            sample_aspect_ratio=Fraction(across, down) if across and down else None,
            default="(default)" in text,
            interlaced=not _FIELD_ORDERS.isdisjoint(notes),
            color_range=next((note for note in notes if note in ("tv", "pc")), None),
            color_matrix=matrix,
            color_primaries=primaries,
            color_transfer=transfer,
        )


def _list_packets(source: SourceFile, stream: str, stall_timeout_s: float) -> tuple[Banner, PacketTable, Process]:
    """Give ffmpeg's description of a file, the packets of one stream, and the process that ended."""
    banner = Banner()
    packets = PacketTable(source.path)
    # Some containers only have decoding times; genpts makes ffmpeg work out the others, as its decoders do.
    streams = source_input(fflags="+genpts")
    table = ffmpeg.output(streams[stream], "pipe:", format="framecrc", codec="copy")
    with Process(ffmpeg.get_args(table), source, banner.feed, stall_timeout_s) as process:
        for line in process.lines():
            packets.feed(line)
        process.finish()
    return banner, packets, process


def _orientation(source: SourceFile, stream: _VideoStream, stall_timeout_s: float) -> tuple[int, bool | None]:
    """Read a display matrix. The log gives no more than an angle, in which a mirrored picture looks like a turned one.

    Copied into the header of a QuickTime file the matrix is in a known place. Codecs that do not go into one hardly
    ever have it; for them the angle must do.
    """
    header = ffmpeg.output(
        source_input()[str(stream.index)],
        "pipe:",
        format="mov",
        codec="copy",
        movflags="frag_keyframe+empty_moov",
        **{"frames:v": 1},
    )
    with Process(ffmpeg.get_args(header), source, lambda line: None, stall_timeout_s) as process:
        data = b"".join(process.lines())
        process.finish()
    start = data.find(b"tkhd") + 44  # of the box: version and flags, times, ids, layer, volume
    if start < 44 or len(data) < start + 36:
        return _whole_degrees(-(stream.display_angle or 0.0)), None
    # Rows of the matrix are where one step to the right and one step down in the stored picture lead.
    right_x, right_y, _, down_x, down_y = np.frombuffer(data, ">i4", 5, start).tolist()
    mirrored = right_x * down_y - right_y * down_x < 0
    if mirrored:
        right_x, right_y = -right_x, -right_y
    return _whole_degrees(math.degrees(math.atan2(right_y, right_x))), mirrored


def _whole_degrees(angle: float) -> int:
    """Round an angle to degrees from 0 to 359, as ffmpeg does, which makes nothing of a single degree."""
    degrees = round(angle) % 360
    return degrees if degrees != 1 else 0
