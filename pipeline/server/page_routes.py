"""The page, sessions of browsers, and what those ask who run the server."""

from __future__ import annotations

import json
import mimetypes
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, JSONResponse, Response

from pipeline.evidence.report import COLOURS
from pipeline.server.access import COOKIE, SESSION_S, Access
from pipeline.server.answers import problem, problems
from pipeline.server.changes import Changes
from pipeline.server.incoming import chunks
from pipeline.server.metrics import Metrics
from pipeline.server.refusals import RefusalError
from pipeline.server.schemas import Health, Session
from pipeline.server.store import Store

_STATIC = Path(__file__).parent / "static"
_MOST_JSON = 4096
_PATIENCE_S = 10.0
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def router(store: Store, access: Access, changes: Changes, metrics: Metrics) -> APIRouter:
    """Give the routes."""
    routes = APIRouter()
    # Only these are ever opened, whatever is asked for.
    files = {file.relative_to(_STATIC).as_posix(): file for file in _STATIC.rglob("*") if file.is_file()}
    files[COLOURS.name] = COLOURS

    @routes.get("/", include_in_schema=False)
    def page() -> Response:
        return static("index.html")

    @routes.get("/static/{name:path}", include_in_schema=False)
    def static(name: str) -> Response:
        if name not in files:
            return problem(404, "There is nothing here.")
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        return FileResponse(files[name], media_type=kind, headers={"Content-Security-Policy": _POLICY})

    @routes.post(
        "/session",
        status_code=204,
        responses=problems(400, 408, 413, 415, 422),
        tags=["session"],
        summary="Show the token, and get a cookie",
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": Session.model_json_schema()}},
            }
        },
    )
    async def begin_session(request: Request) -> Response:
        token = _token(request.headers.get("content-type", ""), await _body(request))
        if not access.is_token(token):
            raise RefusalError(401, "token", "This is not the token of this server.")
        response = Response(status_code=204)
        if access.token is not None:
            response.set_cookie(
                COOKIE,
                access.begin_session(),
                max_age=int(SESSION_S),
                httponly=True,
                samesite="strict",
                secure=request.headers.get("origin", "").startswith("https:"),
            )
        return response

    @routes.delete("/session", status_code=204, responses=problems(), tags=["session"], summary="End the session")
    def end_session(request: Request) -> Response:
        access.end_session(request.cookies)
        response = Response(status_code=204)
        response.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return response

    @routes.get("/healthz", response_model=Health, responses=problems(), tags=["operation"], summary="Does it answer?")
    async def health() -> Response:
        return JSONResponse({"status": "ok"})

    @routes.get(
        "/readyz", response_model=Health, responses=problems(503), tags=["operation"], summary="Does it take files?"
    )
    async def ready() -> Response:
        if changes.ended:
            return problem(503, "The server is about to end.")
        if not await run_in_threadpool(store.has_room, 0):
            return problem(503, "The disk of the server is full.")
        return JSONResponse({"status": "ok"})

    @routes.get(
        "/metrics",
        response_class=Response,
        responses={**problems(), 200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
        tags=["operation"],
        summary="Counts, for Prometheus",
    )
    def counts() -> Response:
        return Response(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return routes


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in chunks(request, _PATIENCE_S):
        body += chunk
        if len(body) > _MOST_JSON:
            raise RefusalError(413, "size", "That is no token: it is too long.")
    return bytes(body)


def _token(content_type: str, body: bytes) -> str:
    # A form of another page can send text, but no JSON.
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise RefusalError(415, "form", "The token comes as application/json.")
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    token = document.get("token") if isinstance(document, dict) else None
    if not isinstance(token, str) or len(token) > 1000:
        raise RefusalError(422, "form", 'The token comes as {"token": "..."}.')
    return token
