"""The bytes of a request on their way to the disk, a piece at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import BinaryIO

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from pipeline.server.refusals import RefusalError

_PIECE_BYTES, _PIECE_S = 1 << 20, 0.3
_LEAST_SPEED = 4096
"""Bytes a second; who sends less, on the whole, holds a place that others could use."""


async def chunks(request: Request, patience_s: float) -> AsyncIterator[bytes]:
    """Give the body of a request as it comes.

    Raises:
        RefusalError: it comes too slowly, or its client has left.
    """
    stream = request.stream()
    clock = asyncio.get_running_loop().time
    began, received = clock(), 0
    try:
        while (chunk := await asyncio.wait_for(anext(stream, None), patience_s)) is not None:
            received += len(chunk)
            if clock() - began > patience_s + received / _LEAST_SPEED:
                raise asyncio.TimeoutError
            if chunk:
                yield chunk
    except asyncio.TimeoutError:
        raise RefusalError(
            408, "slow", "The upload was broken off, because too little of it came for too long."
        ) from None
    except ClientDisconnect:
        raise RefusalError(400, "left", "The upload broke off.") from None


class IncomingFile:
    """A file that grows at its end; use it in an `async with`, which keeps what has come, however the block ends.

    Args:
        path: it must be there.
        grown: called with the number of bytes, in a thread, each time that some are on their way to the disk.
    """

    def __init__(self, path: Path, grown: Callable[[int], None]) -> None:
        self._path, self._grown = path, grown
        self._pending, self._flushed_at = bytearray(), time.monotonic()
        self._file: BinaryIO | None = None

    async def __aenter__(self) -> IncomingFile:
        self._file = await run_in_threadpool(self._path.open, "r+b", 0)
        return self

    async def __aexit__(self, *exception: object) -> None:
        try:
            await self._flush()
        finally:
            if self._file:
                self._file.close()

    async def write(self, data: bytes | memoryview) -> None:
        """Take some more; it is on its way to the disk at the latest when the block ends."""
        self._pending += data
        if len(self._pending) >= _PIECE_BYTES or time.monotonic() - self._flushed_at > _PIECE_S:
            await self._flush()

    async def _flush(self) -> None:
        if self._pending:
            piece, self._pending, self._flushed_at = bytes(self._pending), bytearray(), time.monotonic()
            await run_in_threadpool(self._append, piece)

    def _append(self, piece: bytes) -> None:
        if self._file is None:
            raise ValueError("the file is not open")
        self._file.seek(0, 2)
        left = memoryview(piece)
        while left:
            left = left[self._file.write(left) :]
        self._grown(len(piece))
