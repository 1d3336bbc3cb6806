"""Completes the description of the interface, `/openapi.json`: what a result looks like, and how the token is shown."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from pipeline.results.schema import schema
from pipeline.server.access import COOKIE

_OPEN = ("/healthz", "/readyz", "/session")


def complete(app: FastAPI, *, has_token: bool) -> None:
    """Let an application describe all that it does.

    Args:
        app: with all its routes.
        has_token: whether a token must be shown.
    """
    described = app.openapi()
    parts = described["components"]["schemas"]
    verdict = schema()
    parts["Verdict"] = {
        name: _moved(value) for name, value in verdict.items() if name not in ("$defs", "$schema", "$id")
    }
    parts.update({f"Verdict.{name}": _moved(value) for name, value in verdict.get("$defs", {}).items()})
    shown = parts["ScanView"]["properties"]
    shown["result"]["anyOf"] = [{"$ref": "#/components/schemas/Verdict"}, {"type": "null"}]
    if has_token:
        described["components"]["securitySchemes"] = {
            "token": {"type": "http", "scheme": "bearer"},
            "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
        }
        described["security"] = [{"token": []}, {"session": []}]
        for path in _OPEN:
            for operation in described["paths"][path].values():
                operation["security"] = []


def _moved(part: Any) -> Any:
    """Let the references of a JSON schema lead to the parts of the description."""
    if isinstance(part, dict):
        return {
            name: f"#/components/schemas/Verdict.{value.removeprefix('#/$defs/')}" if name == "$ref" else _moved(value)
            for name, value in part.items()
        }
    return [_moved(each) for each in part] if isinstance(part, list) else part
