"""Opens a file that was probed and gives the frames that a plan chose."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator

from pipeline.media import image_files, video_frames
from pipeline.media.sampling import SamplingPlan
from pipeline.media.types import STALL_TIMEOUT_S, Frame, Losses, MediaError, MediaInfo


class FrameReader:
    """The frames that a plan chose, in order, once. Close it, or use it in a `with`, to stop the decoder.

    Attributes:
        warnings: sentences about what is wrong with the file or with how it was read; complete after the last frame.
        losses: which of the chosen frames are lacking or damaged; complete after the last frame.
    """

    def __init__(self, frames: Generator[Frame, None, None], warnings: list[str], losses: Losses):
        self._frames = frames
        self.warnings = warnings
        self.losses = losses

    def __iter__(self) -> Iterator[Frame]:
        return self._frames

    def __enter__(self) -> FrameReader:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the decoder. Closing twice does no harm."""
        self._frames.close()


def open_frames(
    info: MediaInfo,
    plan: SamplingPlan,
    *,
    stall_timeout_s: float = STALL_TIMEOUT_S,
) -> FrameReader:
    """Decode the frames that a plan chooses. No more than a few are in memory at a time.

    A damaged video gives the frames that can be decoded, and a warning. A file that was changed since it was probed
    gives an error at its end at the latest, and no frame of it may be relied on.

    Args:
        info: what `probe` said of the file.
        plan: which frames to take.
        stall_timeout_s: seconds without a sign of life from ffmpeg after which it is killed, on top of the longest
            time that a player would take from one of these frames to the next.

    Raises:
        MediaError: while iterating, if not one frame can be decoded, the file takes too long or was changed.
        StoppedError: while iterating, if `probe` was given what says so.
    """
    warnings = [f"Not looked at: {'; '.join(info.not_looked_at)}."] if info.not_looked_at else []
    losses = Losses()
    if info.container in image_files.FORMATS:
        return FrameReader(_guarded(info, image_files.read(info, plan, warnings)), warnings, losses)
    frames = video_frames.read(info, plan, warnings, losses, stall_timeout_s)
    return FrameReader(_guarded(info, frames), warnings, losses)


def _guarded(info: MediaInfo, frames: Generator[Frame, None, None]) -> Generator[Frame, None, None]:
    """Give frames, and make sure at the end that they are of the file that was hashed."""
    try:
        with contextlib.closing(frames):
            yield from frames
    except MediaError:
        info.source.check_unchanged()
        raise
    info.source.check_unchanged()
