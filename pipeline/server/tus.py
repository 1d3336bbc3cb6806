"""Uploads that can be resumed, by the tus protocol 1.0.0 with its extensions creation, termination and expiration.

See https://tus.io/protocols/resumable-upload.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from email.utils import formatdate
from typing import Annotated

from fastapi import APIRouter, Header, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from pipeline.server.answers import problems
from pipeline.server.incoming import IncomingFile, chunks
from pipeline.server.intake import Intake
from pipeline.server.refusals import RefusalError, not_there
from pipeline.server.store import Found

VERSION = "1.0.0"

_EXTENSIONS = "creation,termination,expiration"
_CONTENT_TYPE = "application/offset+octet-stream"
_PATH = "/v1/uploads/{scan_id}"

_Resumable = Annotated[str, Header(alias="Tus-Resumable", description=f"`{VERSION}`", pattern=r"^1\.0\.0$")]
_Bytes = Annotated[int, Header(ge=0, le=1 << 62)]


def router(intake: Intake) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["resumable uploads"])
    store = intake.store

    @routes.options("/v1/uploads", status_code=204, responses=problems(), summary="What the server speaks")
    def options() -> Response:
        spoken = {"Tus-Version": VERSION, "Tus-Extension": _EXTENSIONS, "Tus-Max-Size": str(intake.terms.most_bytes)}
        return _answer(204, headers=spoken)

    @routes.post(
        "/v1/uploads",
        status_code=201,
        response_class=Response,
        responses=problems(412, 413, 422, 429, 507),
        summary="Begin an upload",
    )
    async def begin(
        request: Request,
        upload_length: Annotated[int, Header(ge=0, le=1 << 62, description="Bytes of the whole file.")],
        tus_resumable: _Resumable,
        upload_metadata: Annotated[
            str | None, Header(max_length=4096, description="`filename` and the name in Base64.")
        ] = None,
    ) -> Response:
        address = request.client.host if request.client else ""
        scan_id = await intake.begin_upload(address, _file_name(upload_metadata or ""), upload_length)
        found = await run_in_threadpool(_find, scan_id)
        return _answer(201, found, {"Location": f"/v1/uploads/{scan_id}"})

    @routes.head(_PATH, response_class=Response, responses=problems(404, 412, 422), summary="How much has come")
    def look(scan_id: str, tus_resumable: _Resumable) -> Response:
        return _answer(200, _find(scan_id))

    @routes.patch(
        _PATH,
        status_code=204,
        responses=problems(400, 404, 408, 409, 412, 413, 415, 422, 423, 507),
        summary="Send some more",
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {_CONTENT_TYPE: {"schema": {"type": "string", "format": "binary"}}},
            }
        },
    )
    async def send(
        request: Request,
        scan_id: str,
        upload_offset: Annotated[int, Header(ge=0, le=1 << 62, description="Bytes that have come so far.")],
        tus_resumable: _Resumable,
    ) -> Response:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _CONTENT_TYPE:
            raise RefusalError(415, "form", f"What is sent must be {_CONTENT_TYPE}.")
        async with intake.writing(scan_id) as removed:
            found = await run_in_threadpool(_find, scan_id)
            if upload_offset != found.received:
                raise RefusalError(409, "offset", f"{found.received} bytes have come so far: go on from there.")
            left = found.scan.size - found.received
            declared = request.headers.get("content-length", "")
            if declared.isdecimal() and int(declared) > left:
                raise RefusalError(413, "size", f"More was sent than the {left} bytes that are left.")
            if found.scan.state == "uploading":
                if not await run_in_threadpool(store.has_room, left):
                    raise RefusalError(507, "disk", "The disk of the server is full: come back later.", 60)
                try:
                    async with IncomingFile(store.upload(scan_id), lambda size: intake.grown(scan_id, size)) as file:
                        async for chunk in chunks(request, intake.terms.patience_s):
                            if removed.is_set():
                                raise not_there()
                            if len(chunk) > left:
                                raise RefusalError(413, "size", "More was sent than the file was said to have.")
                            await file.write(chunk)
                            left -= len(chunk)
                except FileNotFoundError:
                    raise not_there() from None
                if left == 0:
                    await intake.end_upload(scan_id)
            found = await run_in_threadpool(_find, scan_id)
        return _answer(204, found)

    @routes.delete(_PATH, status_code=204, responses=problems(404, 412, 422), summary="Break an upload off")
    async def remove(scan_id: str, tus_resumable: _Resumable) -> Response:
        await intake.remove(scan_id)
        return _answer(204)

    def _find(scan_id: str) -> Found:
        found = store.find(scan_id)
        if found is None:
            raise not_there()
        return found

    return routes


def _answer(status: int, found: Found | None = None, headers: Mapping[str, str] | None = None) -> Response:
    headers = {"Tus-Resumable": VERSION, **(headers or {})}
    if found is not None:
        headers["Upload-Offset"] = str(found.received)
        headers["Upload-Length"] = str(found.scan.size)
        if found.scan.state == "uploading" and found.scan.expires_at is not None:
            headers["Upload-Expires"] = formatdate(found.scan.expires_at, usegmt=True)
    return Response(status_code=status, headers=headers)


def _file_name(metadata: str) -> str:
    """Read the name of the file from `Upload-Metadata`: pairs of a key and a value in Base64, with commas between."""
    for pair in metadata.split(","):
        key, _, value = pair.strip().partition(" ")
        if key == "filename":
            try:
                return base64.b64decode(value, validate=True).decode("utf-8", "replace")
            except (binascii.Error, ValueError):
                raise RefusalError(422, "form", "The name in Upload-Metadata is not Base64.") from None
    return ""
