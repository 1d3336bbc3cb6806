"""Makes evidence pages and annotated copies when they are first asked for, in a process that the server outlives."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.analysis.concurrency import block_interrupts
from pipeline.batch.worker_processes import WorkerDiedError, WorkerProcesses
from pipeline.evidence.annotation.annotate import annotate, annotated_path
from pipeline.evidence.pictures import PicturesError
from pipeline.evidence.report.make_pages import pictures_of
from pipeline.evidence.report.page import write_report
from pipeline.results.parts import FAILURES
from pipeline.results.verdict import Verdict
from pipeline.results.writers import WriteError
from pipeline.server.refusals import RefusalError, not_there
from pipeline.server.store import Store

log = logging.getLogger(__name__)

_MOST_WAITING = 20
_NO_PICTURES = "The file could not be decoded once more"


@dataclass(frozen=True, slots=True)
class _Drawing:
    kind: Literal["page", "copy"]
    verdict: Verdict
    source: Path
    target: Path
    model: str | None


class Drawings:
    """Makes files of results; use it in a `with`, which ends what it has started.

    Args:
        store: has the results, and keeps what is made of them.
        model: name or file of the model that the scans are made with; None looks among the shipped ones.
    """

    def __init__(self, store: Store, model: str | None) -> None:
        self._store, self._model = store, model
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="draw", initializer=block_interrupts)
        self._processes: WorkerProcesses[_Drawing, str | None] | None = None
        self._under_way: dict[Path, asyncio.Task[str | None]] = {}

    def __enter__(self) -> Drawings:
        return self

    def __exit__(self, *exception: object) -> None:
        # Nobody waits for it any longer.
        if self._processes:
            self._processes.stop()
        self._thread.shutdown(cancel_futures=True)

    async def page(self, scan_id: str) -> Path:
        """Give the evidence page of a scan.

        Raises:
            RefusalError: it cannot be made.
        """
        verdict = await self._verdict(scan_id)
        return await self._made(scan_id, "page", verdict, self._store.result(scan_id).with_suffix(".html"))

    async def copy(self, scan_id: str) -> Path:
        """Give the annotated copy of a scan.

        Raises:
            RefusalError: there is nothing to draw, or it cannot be made.
        """
        verdict = await self._verdict(scan_id)
        if verdict.status in FAILURES:
            raise RefusalError(409, "undrawn", "There is nothing to draw: the file could not be scanned.")
        return await self._made(scan_id, "copy", verdict, annotated_path(self._store.result(scan_id), verdict))

    async def _verdict(self, scan_id: str) -> Verdict:
        found = await asyncio.to_thread(self._store.find, scan_id)
        if found is None:
            raise not_there()
        if found.scan.state != "done":
            raise RefusalError(409, "early", "The file has not been scanned yet: ask again when its state is done.")
        verdict = await asyncio.to_thread(self._store.verdict, scan_id)
        if verdict is None:
            raise not_there()
        return verdict

    async def _made(self, scan_id: str, kind: Literal["page", "copy"], verdict: Verdict, target: Path) -> Path:
        if await asyncio.to_thread(target.exists):
            return target
        if target not in self._under_way:
            if len(self._under_way) >= _MOST_WAITING:
                raise RefusalError(429, "drawings", "Many pages are being made: come back later.", 10)
            drawing = _Drawing(kind, verdict, self._store.upload(scan_id), target, self._model)
            task = asyncio.create_task(self._make(scan_id, drawing))
            self._under_way[target] = task
            task.add_done_callback(lambda _: self._under_way.pop(target, None))
        # One of those who wait may leave; the others still want it.
        problem = await asyncio.shield(self._under_way[target])
        if problem is not None:
            raise RefusalError(409, "undrawn", problem)
        return target

    async def _make(self, scan_id: str, drawing: _Drawing) -> str | None:
        loop = asyncio.get_running_loop()
        try:
            problem = await loop.run_in_executor(self._thread, self._do, drawing)
        except WorkerDiedError:
            return "The process that was to draw was killed, perhaps for want of memory."
        if await asyncio.to_thread(self._store.register.find, scan_id) is None:
            # It was removed meanwhile.
            await asyncio.to_thread(self._store.drop_files, scan_id)
            raise not_there()
        return problem

    def _do(self, drawing: _Drawing) -> str | None:
        if self._processes is None:
            self._processes = WorkerProcesses(_prepare, 1, 1)
        return self._processes.do(drawing)


def _prepare() -> tuple[Callable[[_Drawing], str | None], None]:
    return _draw, None


def _draw(drawing: _Drawing) -> str | None:
    """Draw; one sentence for the client where that cannot be done, which names nothing of the server."""
    verdict = drawing.verdict
    try:
        if drawing.kind == "copy":
            annotate(verdict, drawing.source, drawing.target)
            return None
        pictures, why = pictures_of(verdict, drawing.source.parent, drawing.source, drawing.model)
        if why:
            log.warning("a page has no pictures: %s", why)
        write_report(verdict, pictures, drawing.target, why_no_pictures=why and f"{_NO_PICTURES}.")
    except PicturesError as error:
        log.warning("nothing was drawn: %s", error)
        return f"{_NO_PICTURES}, so that nothing can be drawn."
    except WriteError as error:
        log.error("nothing was drawn: %s", error)
        return "What was drawn could not be written to the disk of the server."
    return None
