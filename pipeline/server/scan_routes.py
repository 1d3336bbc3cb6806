"""What can be asked about scans."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, Response, StreamingResponse

from pipeline.evidence.report.rendering import script_hash
from pipeline.server.answers import problems
from pipeline.server.drawings import Drawings
from pipeline.server.intake import Intake
from pipeline.server.multipart import FIELD, receive
from pipeline.server.refusals import not_there
from pipeline.server.register import Scan
from pipeline.server.schemas import ScanPage, Scans, ScanView, view

_MOST_AT_A_TIME = 200
# An evidence page may run its own scripts and show its own pictures, in a frame of ours, apart from all else of ours.
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src "
    f"'{script_hash('framed.js')}' '{script_hash('report.js')}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'; sandbox allow-scripts"
}
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": [FIELD],
                    "properties": {FIELD: {"type": "array", "items": {"type": "string", "format": "binary"}}},
                }
            }
        },
    }
}


def router(intake: Intake, drawings: Drawings) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["scans"])
    store = intake.store

    def seen(scan_id: str) -> str:
        found = store.find(scan_id)
        if found is None:
            raise not_there()
        return view(found)

    def page(scans: Sequence[Scan], more: bool) -> Iterator[str]:
        """Give the answer piece by piece, so that no more than one result is in memory."""
        yield '{"scans": ['
        for number, scan in enumerate(scans):
            yield ", " * (number > 0) + view(store.seen(scan))
        yield f'], "more": {json.dumps(more)}}}'

    @routes.post(
        "/v1/scans",
        status_code=201,
        response_model=Scans,
        responses=problems(400, 408, 413, 415, 422, 429, 507),
        openapi_extra=_FORM,
        summary="Scan files",
    )
    async def upload(request: Request) -> Response:
        scan_ids = await receive(request, intake)
        views = [await run_in_threadpool(seen, scan_id) for scan_id in scan_ids]
        return _json(f'{{"scans": [{", ".join(views)}]}}', 201)

    @routes.get("/v1/scans", response_model=ScanPage, responses=problems(404, 422), summary="List scans, newest first")
    def newest(
        query: Annotated[str, Query(max_length=200, description="What the name holds.")] = "",
        state: Annotated[Literal["uploading", "waiting", "scanning", "done"] | None, Query()] = None,
        label: Annotated[
            str | None, Query(max_length=50, description="The verdict, or the status where there is none.")
        ] = None,
        limit: Annotated[int, Query(ge=1, le=_MOST_AT_A_TIME)] = 50,
        before: Annotated[str | None, Query(max_length=100, description="Only older ones than this scan.")] = None,
    ) -> Response:
        cursor = None
        if before is not None:
            scan = store.register.find(before)
            if scan is None:
                raise not_there()
            cursor = scan.number
        scans = store.register.newest(limit + 1, cursor, query, state, label)
        return StreamingResponse(page(scans[:limit], len(scans) > limit), media_type="application/json")

    @routes.get("/v1/scans/{scan_id}", response_model=ScanView, responses=problems(404, 422), summary="Look at a scan")
    def look(scan_id: str) -> Response:
        return _json(seen(scan_id))

    @routes.delete("/v1/scans/{scan_id}", status_code=204, responses=problems(404, 422), summary="Remove a scan")
    async def remove(scan_id: str) -> Response:
        await intake.remove(scan_id)
        return Response(status_code=204)

    @routes.get(
        "/v1/scans/{scan_id}/report",
        response_class=FileResponse,
        responses={**problems(404, 409, 422, 429), 200: {"content": {"text/html": {"schema": {"type": "string"}}}}},
        summary="The evidence page",
    )
    async def report(scan_id: str) -> Response:
        file = await drawings.page(scan_id)
        return await run_in_threadpool(_file, file, media_type="text/html", headers=_PAGE_HEADERS)

    @routes.get(
        "/v1/scans/{scan_id}/annotated",
        response_class=FileResponse,
        responses={
            **problems(404, 409, 416, 422, 429),
            200: {"content": {kind: _BINARY for kind in ("video/mp4", "image/png", "image/jpeg")}},
            206: {"content": {kind: _BINARY for kind in ("video/mp4", "image/png", "image/jpeg")}},
        },
        summary="A copy with the faces marked",
    )
    async def annotated(scan_id: str) -> Response:
        file = await drawings.copy(scan_id)
        found = await run_in_threadpool(store.find, scan_id)
        name = f"{found.scan.name if found else ''}.annotated{file.suffix}"
        return await run_in_threadpool(_file, file, filename=name, content_disposition_type="inline")

    return routes


def _json(text: str, status: int = 200) -> Response:
    return Response(text, status, media_type="application/json")


def _file(path: Path, **how: Any) -> Response:
    try:
        return FileResponse(path, stat_result=path.stat(), **how)
    except FileNotFoundError:  # removed a moment ago
        raise not_there() from None
