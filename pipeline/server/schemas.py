"""What clients send and get, as the description of the interface tells it."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any, Literal

from pydantic import BaseModel, Field

from pipeline.server.store import Found


class ScanView(BaseModel):
    """A file, and what came of it."""

    id: str = Field(description="Names the scan; nobody can guess it.")
    name: str = Field(description="Of the file, without folders.")
    size: int = Field(ge=0, description="Bytes of the whole file.")
    received: int = Field(ge=0, description="Bytes that have come.")
    state: Literal["uploading", "waiting", "scanning", "done"]
    position: int | None = Field(ge=1, description="In the queue, 1 is next; null unless it waits.")
    created_at: datetime
    finished_at: datetime | None
    expires_at: datetime | None = Field(description="When file and result are removed.")
    result: dict[str, Any] | None = Field(
        description="What `facewitness scan` writes of a file; null until it is done."
    )


class Scans(BaseModel):
    """Scans that an upload began."""

    scans: list[ScanView]


class ScanPage(BaseModel):
    """Scans, the newest first."""

    scans: list[ScanView]
    more: bool = Field(description="Whether there are older ones.")


class Problem(BaseModel):
    """Why a request was not met."""

    detail: str = Field(description="One sentence.")


class Health(BaseModel):
    """That the server answers."""

    status: Literal["ok"]


class Session(BaseModel):
    """What begins a session."""

    token: str = Field(max_length=1000)


def view(found: Found) -> str:
    """Give a scan as clients get it, as JSON; see `ScanView`. The result is passed on as it is stored."""
    scan = found.scan
    facts = {
        "id": scan.id,
        "name": scan.name,
        "size": scan.size,
        "received": found.received,
        "state": scan.state,
        "position": scan.position,
        "created_at": _time(scan.created_at),
        "finished_at": _time(scan.finished_at),
        "expires_at": _time(scan.expires_at),
    }
    return f'{json.dumps(facts)[:-1]}, "result": {found.result or "null"}}}'


def _time(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
