"""Decodes ahead of the detector, so that neither waits for the other."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator

from pipeline.media.decoding import FrameReader
from pipeline.media.types import Frame

AHEAD_BYTES = 12 << 20
"""Frames that wait take no more memory than this, but at least one of them may."""


class Prefetch:
    """The frames of a reader, which decodes in a thread of its own; use it in a `with`, which closes the reader.

    Args:
        reader: not yet begun.
        ahead_bytes: how much may wait to be taken.
    """

    def __init__(self, reader: FrameReader, ahead_bytes: int = AHEAD_BYTES) -> None:
        self._reader = reader
        self._ahead_bytes = ahead_bytes
        self._room = threading.Condition()
        self._waiting_bytes = 0
        self._closed = False
        self._frames: queue.SimpleQueue[Frame | Exception | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._decode, daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[Frame]:
        """Iterate over the frames, in order, once.

        Raises:
            MediaError: as the reader does.
        """
        while (item := self._frames.get()) is not None:
            if isinstance(item, Exception):
                raise item
            with self._room:
                self._waiting_bytes -= item.nbytes
                self._room.notify()
            yield item

    def __enter__(self) -> Prefetch:
        return self

    def __exit__(self, *exception: object) -> None:
        with self._room:
            self._closed = True
            self._room.notify()
        self._thread.join()
        self._reader.close()

    def _decode(self) -> None:
        try:
            for frame in self._reader:
                size = frame.nbytes
                with self._room:
                    self._room.wait_for(lambda: self._closed or self._has_room(size))  # noqa: B023 - called at once
                    if self._closed:
                        break
                    self._waiting_bytes += size
                self._frames.put(frame)
        except Exception as error:  # belongs to whoever takes the frames
            self._frames.put(error)
        finally:
            self._frames.put(None)

    def _has_room(self, size: int) -> bool:
        return not self._waiting_bytes or self._waiting_bytes + size <= self._ahead_bytes
