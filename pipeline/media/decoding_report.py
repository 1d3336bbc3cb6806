"""What is to be said of a video that is decoded: what is doubtful about it, and what ffmpeg complained of."""

from __future__ import annotations

from dataclasses import dataclass, field

from classifiers.numerals import counted
from pipeline.media.damage import Part
from pipeline.media.ffmpeg import Process, find_binary, has_filter
from pipeline.media.frame_log import FrameLog
from pipeline.media.types import MediaError, MediaInfo, PictureForm

_KNOWN_MATRICES = {"bt709", "smpte170m", "bt470bg", "fcc", "smpte240m", "bt2020nc", "gbr"}


@dataclass(slots=True)
class DecodingReport:
    """What ffmpeg said of the file, and what its pictures were like; `doubtful` are parts that may be damaged."""

    errors: int = 0
    first_error: str = ""
    failure: MediaError | None = None
    signal: int = 0
    misplaced: int = 0
    doubts: dict[str, str] = field(default_factory=dict)
    latest_form: PictureForm | None = None
    doubtful: list[Part] = field(default_factory=list)
    is_given_up: bool = False

    def add(self, process: Process, log: FrameLog, part: Part) -> None:
        """Wait for a process to end, and note what it says."""
        status = process.finish()
        self.signal = self.signal or max(0, -status)
        self.failure = self.failure or process.failure()
        self.add_errors(process, log, part)

    def add_errors(self, process: Process, log: FrameLog, part: Part) -> None:
        """Note what a process has complained of so far."""
        self.errors += process.error_count
        self.first_error = self.first_error or process.first_error
        if process.error_count or log.has_damage:
            self.doubtful.append(part)

    def look_at(self, form: PictureForm | None) -> None:
        """Note what is doubtful about pictures of a form."""
        if form and form != self.latest_form:
            self.latest_form = form
            for kind, sentence in _form_doubts(form):
                self.doubts.setdefault(kind, sentence)

    def warnings(self) -> list[str]:
        """Say what was doubtful or went wrong."""
        found = list(self.doubts.values())
        if self.misplaced:
            misplaced = counted(self.misplaced, "frame")
            found.append(f"The times of {misplaced} are out of order; they were put behind those before.")
        if self.errors:
            first = ", the first" if self.errors > 1 else ""
            found.append(f"ffmpeg reported {counted(self.errors, 'error')}{first}: {self.first_error}.")
        if self.signal:
            found.append(f"ffmpeg crashed (signal {self.signal}) before the end of the file.")
        return found


def doubts(info: MediaInfo) -> list[str]:
    """Say what is doubtful about a video before it is decoded."""
    found = []
    # Where times make no sense neither does what the container declares.
    declared_s = 0.0 if info.has_mended_times else info.declared_duration_s or 0.0
    # Some containers count from the first frame, others from timestamp 0.
    if info.end_s + max(info.start_time_s, 0.0) < 0.9 * declared_s - 1:
        found.append(
            f"The container declares {declared_s:.1f} s, but its pictures end at {info.end_s:.1f} s; it may be cut off."
        )
    if info.has_mended_times:
        found.append("The times of the frames make no sense, begin before 0 or last for days; they were put right.")
    if info.rotation_deg % 90:
        found.append(f"The video asks to be turned by {info.rotation_deg} degrees; not all players do that.")
    return found


def _form_doubts(form: PictureForm) -> list[tuple[str, str]]:
    """Say what is doubtful about pictures of a form: kinds of doubt and sentences."""
    found = []
    if form.hdr_transfer and not has_filter(find_binary(), "zscale"):
        sentence = "Colours are wrong: the video is HDR and this ffmpeg was built without the zscale filter."
        found.append(("hdr", sentence))
    if form.color_matrix and form.color_matrix not in _KNOWN_MATRICES:
        found.append(("matrix", f"Colours may be wrong: the YUV matrix {form.color_matrix} is not supported."))
    if not form.has_sane_pixels:
        ratio = form.sample_aspect_ratio
        found.append(("pixels", f"Its pixels are said to be {ratio} times as wide as high; they were left square."))
    return found
