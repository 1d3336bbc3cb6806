"""How refusals look on the wire, and in the description of the interface."""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterable, Sequence
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pipeline.results.writers import WriteError
from pipeline.server.metrics import Metrics
from pipeline.server.refusals import RefusalError
from pipeline.server.schemas import Problem

log = logging.getLogger(__name__)

_MEANINGS = {
    400: "The upload broke off.",
    401: "A token is needed.",
    403: "The request comes from another page.",
    404: "There is no such scan.",
    405: "The address takes no such request.",
    408: "Too little came for too long.",
    409: "Not in this state.",
    412: "Another version of tus.",
    413: "Too large.",
    415: "Not of this type.",
    416: "There is no such part.",
    421: "The request was for another host.",
    422: "Not to be understood.",
    423: "Another request is at it.",
    429: "Too much at a time: come back after the seconds that Retry-After says.",
    503: "Not now.",
    507: "The disk is full.",
}
_OF_THE_DISK = tuple(getattr(errno, name, None) for name in ("ENOSPC", "EDQUOT", "EFBIG", "EIO", "EROFS"))
_EVERYWHERE = (401, 403, 421)
_UNDERSTOOD = {404: "There is nothing here.", 405: "This address takes no such request."}
_RETRY_AFTER = {"Retry-After": {"schema": {"type": "integer", "minimum": 1}, "description": "Seconds."}}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe the refusals that an address may answer with, beside those that all may."""
    return {
        status: {
            "model": Problem,
            "description": _MEANINGS[status],
            **({"headers": _RETRY_AFTER} if status in (429, 507) else {}),
        }
        for status in sorted({*statuses, *_EVERYWHERE})
    }


def problem(status: int, sentence: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """Give a refusal."""
    return JSONResponse({"detail": sentence}, status, headers)


def add_to(app: FastAPI, metrics: Metrics, routers: Sequence[APIRouter]) -> None:
    """Have everything that goes wrong answered in one sentence."""

    @app.exception_handler(RefusalError)
    async def refuse(request: Request, refusal: RefusalError) -> Response:
        metrics.refused(refusal.reason)
        headers = {} if refusal.retry_after_s is None else {"Retry-After": str(refusal.retry_after_s)}
        if request.url.path.startswith("/v1/uploads"):
            headers["Tus-Resumable"] = "1.0.0"
        return problem(refusal.status, str(refusal), headers)

    @app.exception_handler(RequestValidationError)
    async def misunderstand(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        place = str(first["loc"][-1])
        if place == "Tus-Resumable":
            metrics.refused("version")
            return problem(412, "Only version 1.0.0 of tus is spoken here.", {"Tus-Version": "1.0.0"})
        metrics.refused("form")
        return problem(422, f"{place}: {first['msg']}.")

    @app.exception_handler(HTTPException)
    async def fail(request: Request, error: HTTPException) -> Response:
        metrics.refused("unknown")
        headers = {"Allow": ", ".join(_methods(routers, request))} if error.status_code == 405 else None
        return problem(error.status_code, _UNDERSTOOD.get(error.status_code, str(error.detail)), headers)

    @app.exception_handler(WriteError)
    async def lack_disk(request: Request, error: WriteError) -> Response:
        log.error("%s", error)
        metrics.refused("disk")
        return problem(507, "The server cannot write to its disk: come back later.", {"Retry-After": "60"})

    @app.exception_handler(OSError)
    async def lack_something(request: Request, error: OSError) -> Response:
        if error.errno not in _OF_THE_DISK:
            raise error  # a bug of ours
        log.error("a request failed: %s", error)
        metrics.refused("disk")
        return problem(507, "The server cannot write to its disk: come back later.", {"Retry-After": "60"})

    @app.exception_handler(Exception)
    async def err(request: Request, error: Exception) -> Response:
        return problem(500, "The server made a mistake; its log says more.")


def _methods(routers: Iterable[APIRouter], request: Request) -> list[str]:
    """Name the methods that an address takes, which may be those of several routes."""
    routes = [route for router in routers for route in router.routes if isinstance(route, Route)]
    matching = [route for route in routes if route.path_regex.match(request.url.path)]
    return sorted({method for route in matching for method in route.methods or ()})
