"""Streams of what changes, as server-sent events."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager
from typing import Any

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from pipeline.server.answers import problems
from pipeline.server.changes import Changes, Listener
from pipeline.server.refusals import not_there
from pipeline.server.schemas import view
from pipeline.server.store import Store

_KEEP_ALIVE_S = 15.0
_STREAM: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {}}}}


def router(store: Store, changes: Changes) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["events"])

    @routes.get(
        "/v1/events",
        response_class=StreamingResponse,
        responses={**problems(429), **_STREAM},
        summary="Every change of every scan",
    )
    async def all_changes() -> Response:
        return _stream(store, changes.listening(), None)

    @routes.get(
        "/v1/scans/{scan_id}/events",
        response_class=StreamingResponse,
        responses={**problems(404, 422, 429), **_STREAM},
        summary="Every change of a scan, until it is done",
    )
    async def changes_of_one(scan_id: str) -> Response:
        if await run_in_threadpool(store.register.find, scan_id) is None:
            raise not_there()
        return _stream(store, changes.listening(scan_id), scan_id)

    return routes


def _stream(store: Store, listening: AbstractContextManager[Listener], scan_id: str | None) -> Response:
    listener = listening.__enter__()  # before anything is answered: it may refuse

    async def events() -> AsyncIterator[str]:
        yield ": listening\n\n"
        if scan_id:
            listener.add([scan_id])  # it begins with how it is now
        while (changed := await listener.changed(_KEEP_ALIVE_S)) is not None:
            if not changed:
                yield ": still here\n\n"
            for each in changed:
                event, ends = await run_in_threadpool(_event, store, each)
                yield event
                if ends and scan_id:
                    return

    return _Stream(events(), listening)


class _Stream(StreamingResponse):
    """One that ends its listening, however it comes to an end, also before its first piece."""

    def __init__(self, events: AsyncIterator[str], listening: AbstractContextManager[Listener]) -> None:
        super().__init__(events, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
        self._listening = listening

    async def __call__(self, scope, receive, send) -> None:  # type: ignore[no-untyped-def] # as its base
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._listening.__exit__(None, None, None)


def _event(store: Store, scan_id: str) -> tuple[str, bool]:
    """Give the event that tells how a scan is now, and whether it was the last one."""
    found = store.find(scan_id)
    if found is None:
        return _lines("deleted", json.dumps({"id": scan_id})), True
    return _lines("scan", view(found)), found.scan.state == "done"


def _lines(kind: str, data: str) -> str:
    return f"event: {kind}\ndata: {data}\n\n"
