"""How ffmpeg hands over the pictures of a video: as luma and chroma in the usual formats, else as RGB."""

from __future__ import annotations

from dataclasses import dataclass

import ffmpeg

from pipeline.media.ffmpeg import find_binary, has_filter
from pipeline.media.pixels import CHROMA_STEPS, YuvLayout
from pipeline.media.types import PictureForm

# The default conversion of swscale is four times as fast, but off by up to 3 levels, blocky in colour, and not the same
# on every CPU. These flags make it exact to 1 level: 10 ms for a 1080p frame.
_SCALE_FLAGS = "bilinear+accurate_rnd+full_chroma_int+bitexact"
_NO_COLORS = {"range": "unknown", "colorspace": "unknown", "color_primaries": "unknown", "color_trc": "unknown"}
_REFERENCE_WHITE_NITS = 203  # of HDR, ITU-R BT.2408


@dataclass(frozen=True, slots=True)
class Conversion:
    """What ffmpeg does to pictures of one form. Those of another size or pixel shape may have the same.

    Attributes:
        planes: ffmpeg's name of the format in which luma and chroma are handed over as they are, or None for RGB.
        matrix: ffmpeg's name of the YUV matrix to make RGB with; "auto" takes it from the frame.
        deinterlaced: whether two moments that are woven into one picture are taken apart.
        tone_map: what is assumed of an HDR picture that the file does not say, as pairs of an option of zscale and its
            value; None if the picture is not HDR, or cannot be mapped because this ffmpeg has no zscale.
    """

    planes: str | None
    matrix: str
    deinterlaced: bool
    tone_map: tuple[tuple[str, str], ...] | None

    @classmethod
    def of(cls, form: PictureForm) -> Conversion:
        """Choose how pictures of a form are converted."""
        return cls(
            planes=form.pixel_format if YuvLayout.of(form) else None,
            matrix="auto" if form.color_matrix else form.assumed_matrix,
            deinterlaced=form.interlaced,
            tone_map=_assumed(form) if form.hdr_transfer and has_filter(find_binary(), "zscale") else None,
        )

    def suits(self, form: PictureForm) -> bool:
        """Tell whether pictures of a form come out right."""
        if self.planes:
            return YuvLayout.of(form) is not None and form.pixel_format == self.planes
        own = Conversion.of(form)
        return (
            (self.matrix, self.tone_map) == (own.matrix, own.tone_map)
            # Pictures that are not interlaced pass unchanged, and those that were no longer say so.
            and (self.deinterlaced or not own.deinterlaced)
        )

    def layout(self, form: PictureForm) -> YuvLayout | None:
        """Describe a picture of a form as it is handed over; None if that is RGB."""
        return YuvLayout.of(form) if self.planes else None

    def nbytes(self, form: PictureForm) -> int:
        """Size of a picture of any form as it is handed over, also if it does not come out right."""
        if self.planes is None:
            return form.width * form.height * 3
        across, down = CHROMA_STEPS[self.planes]
        return form.width * form.height + 2 * -(-form.width // across) * -(-form.height // down)

    def output(self, video: ffmpeg.nodes.FilterableStream, expression: str | None) -> ffmpeg.nodes.OutputStream:
        """Build the graph from a stream of video to raw frames on standard output, each of its own size.

        Args:
            video: the stream; ffmpeg turns its pictures upright by itself.
            expression: which frames a `select` filter is to keep, or None for all.
        """
        if self.deinterlaced:
            video = video.filter("bwdif", mode="send_frame", deint="interlaced")
        if expression:
            video = video.filter("select", expression)
        video = video.filter("showinfo", checksum=0)
        if self.tone_map is not None:
            video = self._tone_mapped(video)
        if self.planes:
            # If need be pictures are converted behind the log, not before it; and not to the colours of the first.
            video = video.filter("scale", flags=_SCALE_FLAGS).filter("format", self.planes)
            video = video.filter("setparams", **_NO_COLORS)
        else:
            video = video.filter("scale", flags=_SCALE_FLAGS, in_color_matrix=self.matrix).filter("format", "rgb24")
        # Else it would stretch all pictures to the size of the first.
        return ffmpeg.output(video, "pipe:", format="rawvideo", fps_mode="passthrough", noautoscale=None)

    def _tone_mapped(self, video: ffmpeg.nodes.FilterableStream) -> ffmpeg.nodes.FilterableStream:
        """Bring HDR to BT.709: light up to half of reference white stays as it is, brighter is compressed."""
        linear = {"primaries": "bt709", "transfer": "linear", "matrix": "gbr", "npl": _REFERENCE_WHITE_NITS}
        return (
            video.filter("zscale", **linear, **dict(self.tone_map or ()))
            .filter("format", "gbrpf32le")
            .filter("tonemap", "mobius", param=0.5, desat=0)
            .filter("zscale", transfer="bt709", range="full")
            .filter("format", "gbrp")
        )


def _assumed(form: PictureForm) -> tuple[tuple[str, str], ...]:
    assumed = {
        "matrixin": None if form.color_matrix else "bt2020nc",
        "primariesin": None if form.color_primaries else "bt2020",
        "rangein": None if form.color_range else "limited",
    }
    return tuple((option, value) for option, value in assumed.items() if value)
