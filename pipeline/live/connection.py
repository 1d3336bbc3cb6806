"""One run of ffmpeg on what is watched: pictures until it ends."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

import ffmpeg
import numpy as np
import numpy.typing as npt

from pipeline.live import pictures
from pipeline.live.feeds import Feed, plain_reason
from pipeline.media.ffmpeg import Process
from pipeline.media.frame_log import FrameLog
from pipeline.media.limits import StoppedError
from pipeline.media.types import MediaError, PictureForm
from pipeline.media.video_probe import Banner

Buffer = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Raw:
    """A picture as ffmpeg handed it over.

    Attributes:
        time_s: on the clock of this run.
        form: how it is coded.
        samples: uint8 (bytes,).
    """

    time_s: float
    form: PictureForm
    samples: Buffer


class Connection:
    """Decodes a feed from now on; for one use.

    Args:
        feed: what is watched.

    Attributes:
        banner: what ffmpeg says of the feed, once there is a picture.
        reason: why there is nothing more, in words, once the pictures have ended.
    """

    def __init__(self, feed: Feed) -> None:
        self.banner = Banner()
        self.reason = ""
        self._feed = feed
        self._log = FrameLog(Path(feed.name), sideways=False)

    def pictures(self, buffer: Callable[[int], Buffer]) -> Generator[Raw, None, None]:
        """Give pictures as they come, and never ahead of whoever takes them by more than a pipe holds.

        Args:
            buffer: gives memory, uint8 of so many bytes, for the next one.
        """
        stream = "V:0"
        arguments = ffmpeg.get_args(pictures.output(self._feed.input[stream]))
        try:
            with Process(
                arguments,
                self._feed.readable,
                self._heard,
                self._feed.timeout_s,
                grants=self._feed.grants,
                own_session=True,
            ) as process:
                while process.has_output():
                    logged = self._log.next()
                    samples = buffer(pictures.nbytes(logged.form))
                    if not process.read_into(memoryview(samples.data)):
                        break
                    yield Raw(logged.time_s, logged.form, samples)
                process.finish()
                self.reason = self._in_words(process.first_error)
        except StoppedError:
            return
        except MediaError as error:
            silent = error.status == "timeout"
            self.reason = f"nothing has come for {self._feed.timeout_s:g} s" if silent else self._in_words(str(error))

    def _heard(self, line: str) -> None:
        self.banner.feed(line)
        self._log.feed(line)

    def _in_words(self, said: str) -> str:
        return self._feed.failure() or plain_reason(said.rstrip("."), self._feed.name) or "it has ended"
