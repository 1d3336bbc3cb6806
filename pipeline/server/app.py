"""Puts the parts of the server together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.types import ASGIApp

from pipeline.server import answers, description, event_routes, page_routes, scan_routes, tus
from pipeline.server.access import Access
from pipeline.server.changes import Changes
from pipeline.server.desk import Desk
from pipeline.server.drawings import Drawings
from pipeline.server.gate import Gate
from pipeline.server.intake import Intake
from pipeline.server.metrics import Metrics
from pipeline.server.store import Store
from pipeline.server.terms import Terms
from pipeline.version import __version__

log = logging.getLogger(__name__)

_TIDY_EVERY_S = 30.0


def make_app(
    store: Store,
    desk: Desk,
    drawings: Drawings,
    changes: Changes,
    metrics: Metrics,
    terms: Terms,
    access: Access,
    hosts: Iterable[str],
) -> ASGIApp:
    """Give the application; the desk begins to scan when it starts.

    Args:
        store: keeps uploads and results.
        desk: scans.
        drawings: makes pages and annotated copies.
        changes: tells of changes.
        metrics: counts.
        terms: what is taken.
        access: who may ask.
        hosts: see `Gate`.
    """
    intake = Intake(store, terms, changes, metrics, desk.wake)

    @asynccontextmanager
    async def running(app: FastAPI) -> AsyncIterator[None]:
        changes.start()
        desk.start()
        tidying = asyncio.create_task(_tidy(intake, min(_TIDY_EVERY_S, terms.keep_s / 4)))
        yield
        tidying.cancel()

    app = FastAPI(
        title="Facewitness",
        version=__version__,
        description="Scans videos and images for manipulated faces: which face, when, how sure, and why.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=running,
    )
    routers = (
        scan_routes.router(intake, drawings),
        event_routes.router(store, changes),
        tus.router(intake),
        page_routes.router(store, access, changes, metrics),
    )
    for router in routers:
        app.include_router(router)
    answers.add_to(app, metrics, routers)
    description.complete(app, has_token=access.token is not None)
    return Gate(app, access, hosts, metrics)


async def _tidy(intake: Intake, every_s: float) -> None:
    while True:
        try:
            await intake.remove_expired()
        except Exception:
            # The next round may do better, and a bug here must not end the server.
            log.exception("what is kept no longer could not be removed")
        await asyncio.sleep(every_s)
