"""Reads uploads that come as a form, `multipart/form-data`: nothing but names is held in memory."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import python_multipart
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from pipeline.server.incoming import IncomingFile, chunks
from pipeline.server.intake import Intake
from pipeline.server.refusals import RefusalError

FIELD = "file"

_LONGEST_HEADER = 8192
_FORM_BYTES = 1 << 20
"""That a form may have beside its files."""


@dataclass(slots=True)
class _Begin:
    name: str


_END = object()


async def receive(request: Request, intake: Intake) -> list[str]:
    """Receive all files of a form, or none.

    Args:
        request: its body has not been read.
        intake: admits each file.

    Returns:
        The names of their scans.

    Raises:
        RefusalError: it is no such form, or too large, too slow, or too much.
    """
    reader = _Reader(request.headers.get("content-type", ""))
    declared = request.headers.get("content-length", "")
    if declared.isdecimal():
        intake.check_size(int(declared) - _FORM_BYTES)
    address = request.client.host if request.client else ""
    received, in_files = 0, 0
    files: list[tuple[Path, str, str]] = []
    async with AsyncExitStack() as parts:
        parts.enter_context(intake.form(address))
        opened: AsyncExitStack | None = None
        file: IncomingFile | None = None
        async with AsyncExitStack() as being_written:
            async for chunk in chunks(request, intake.terms.patience_s):
                received += len(chunk)
                for event in reader.read(chunk):
                    if isinstance(event, _Begin):
                        if len(files) >= intake.terms.most_files:
                            sentence = f"At most {intake.terms.most_files} files are taken in one request."
                            raise RefusalError(413, "count", sentence)
                        scan_id, path = await parts.enter_async_context(intake.part(address))
                        opened = await being_written.enter_async_context(AsyncExitStack())
                        file = await opened.enter_async_context(IncomingFile(path, intake.metrics.received))
                        files.append((path, scan_id, event.name))
                    elif isinstance(event, memoryview) and file is not None:
                        in_files += len(event)
                        intake.check_size(in_files)
                        await file.write(event)
                    elif event is _END and opened is not None:
                        await opened.aclose()
                        opened = file = None
                intake.check_size(received - _FORM_BYTES)
            reader.end()
        if not files:
            raise RefusalError(422, "form", f"The form has no file: send it in a field called {FIELD!r}.")
        await run_in_threadpool(intake.take_in, files)
    return [scan_id for _, scan_id, _ in files]


class _Reader:
    """Turns the bytes of a form into the beginnings, pieces and ends of its files."""

    def __init__(self, content_type: str) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if kind != b"multipart/form-data" or not boundary:
            raise RefusalError(415, "form", "Files come as multipart/form-data with a boundary.")
        self._events: list[object] = []
        self._headers: dict[str, bytes] = {}
        self._name, self._value = bytearray(), bytearray()
        self._is_file = False
        self._is_whole = False
        self._parser = python_multipart.MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._header_name,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._begin_body,
                "on_part_data": self._data,
                "on_part_end": self._end,
                "on_end": self._end_of_form,
            },
        )

    def read(self, data: bytes) -> list[object]:
        """Give what a piece of the form holds."""
        self._events = []
        try:
            self._parser.write(data)
        except FormParserError:
            raise _unreadable() from None
        return self._events

    def end(self) -> None:
        """Make sure that the form is whole."""
        if not self._is_whole:
            raise _unreadable()

    def _begin(self) -> None:
        self._headers, self._is_file = {}, False

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]
        self._check_headers()

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        self._check_headers()

    def _check_headers(self) -> None:
        if len(self._name) + len(self._value) + sum(map(len, self._headers.values())) > _LONGEST_HEADER:
            raise _unreadable()

    def _header_end(self) -> None:
        self._headers[self._name.decode("latin-1").lower()] = bytes(self._value)
        self._name, self._value = bytearray(), bytearray()

    def _begin_body(self) -> None:
        _, options = parse_options_header(self._headers.get("content-disposition", b""))
        if options.get(b"name") != FIELD.encode():
            return  # another field is of no interest
        if b"filename" not in options:
            raise RefusalError(422, "form", f"The field {FIELD!r} must be a file with a name.")
        self._is_file = True
        self._events.append(_Begin(options[b"filename"].decode("utf-8", "replace")))

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self._events.append(memoryview(data)[start:end])

    def _end(self) -> None:
        if self._is_file:
            self._events.append(_END)

    def _end_of_form(self) -> None:
        self._is_whole = True


def _unreadable() -> RefusalError:
    return RefusalError(422, "form", "The form cannot be read to its end.")
