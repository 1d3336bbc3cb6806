"""Reads Content Credentials, in the process that is confined, by the library of the Content Authenticity Initiative."""

from __future__ import annotations

import json
import re
from types import ModuleType
from typing import Any, BinaryIO

_MOST_ITEMS = 40
_MOST_DEPTH = 12
_ADDRESS = re.compile(r"https?://\S+")
_NOT_TRUSTED = "signingCredential.untrusted"

Found = dict[str, Any]


def load_library() -> ModuleType | None:
    """Load the library; None where it is not installed, or its native part does not load here."""
    try:
        import c2pa
    except (ImportError, OSError, RuntimeError):
        return None
    return c2pa


def read_credentials(file: BinaryIO, media_type: str, trust: str | None) -> Found:
    """Read the credentials of a file. Nothing is fetched: neither those that lie elsewhere, nor whether a certificate
    was revoked.

    Args:
        file: at any position.
        media_type: such as "image/jpeg".
        trust: certificates of authorities in PEM; None without a list.

    Returns:
        Fields of `pipeline.media.provenance.declarations.Credentials` as plain data, without those that are unknown.
    """
    c2pa = load_library()
    if c2pa is None:
        return {"state": "not_checked", "message": "the library that reads them cannot be loaded"}
    file.seek(0)
    settings = {
        "verify": {
            "remote_manifest_fetch": False,
            "ocsp_fetch": False,
            "verify_trust": True,
            "verify_timestamp_trust": trust is not None,
        },
        "core": {"allowed_network_hosts": []},
        **({"trust": {"user_anchors": trust}} if trust else {}),
    }
    try:
        with c2pa.Context(c2pa.Settings.from_dict(settings)) as context:
            reader = c2pa.Reader.try_create(media_type, file, context=context)
            if reader is None:
                return {"state": "none"}
            with reader:
                return _summary(json.loads(reader.json()), has_list=trust is not None)
    except c2pa.C2paError as error:
        text = str(error)
        if text.startswith("Remote") and (address := _ADDRESS.search(text)):
            return {"state": "remote", "message": address[0]}
        return {"state": "unreadable", "message": text}


def _summary(document: Any, *, has_list: bool) -> Found:
    state = _of(document, "validation_state")
    manifests = _of(document, "manifests")
    active = _of(manifests, _of(document, "active_manifest"))
    signature, generators = _of(active, "signature_info"), _list(_of(active, "claim_generator_info"))
    own, parts = _source_types(manifests, active, 0)
    found: Found = {
        "state": "valid" if state in ("Valid", "Trusted") else "invalid",
        "signer": _of(signature, "common_name"),
        "issuer": _of(signature, "issuer"),
        "signed_at": _of(signature, "time"),
        "generator": _program(generators[0]) if generators else _of(active, "claim_generator"),
        "trusted": state == "Trusted" if has_list and state != "Invalid" else None,
        "actions": [name for action in _actions(active) if isinstance(name := _of(action, "action"), str)],
        "source_types": list(dict.fromkeys(own)),
        "part_source_types": list(dict.fromkeys(parts)),
        "problems": _problems(_of(document, "validation_results")) if state == "Invalid" else [],
    }
    return {name: value[:_MOST_ITEMS] if isinstance(value, list) else value for name, value in found.items()}


def _source_types(manifests: Any, manifest: Any, depth: int) -> tuple[list[str], list[str]]:
    """Give the digital source types of a manifest and what it was edited from, and those of what was put into it."""
    own = [kind for action in _actions(manifest) if isinstance(kind := _of(action, "digitalSourceType"), str)]
    parts: list[str] = []
    for ingredient in _list(_of(manifest, "ingredients"))[:_MOST_ITEMS] if depth < _MOST_DEPTH else []:
        beneath = _of(manifests, _of(ingredient, "active_manifest"))
        relationship = _of(ingredient, "relationship")
        if beneath is None or relationship == "inputTo":  # which was looked at, and is not shown
            continue
        inner, inner_parts = _source_types(manifests, beneath, depth + 1)
        if relationship == "parentOf":
            own += inner
            parts += inner_parts
        else:
            parts += inner + inner_parts
        if len(own) + len(parts) > _MOST_ITEMS:
            break
    return own, parts


def _actions(manifest: Any) -> list[Any]:
    found: list[Any] = []
    for assertion in _list(_of(manifest, "assertions")):
        if str(_of(assertion, "label")).startswith("c2pa.actions"):
            found += _list(_of(_of(assertion, "data"), "actions"))
    return found


def _problems(results: Any) -> list[str]:
    failures = list(_list(_of(_of(results, "activeManifest"), "failure")))
    for delta in _list(_of(results, "ingredientDeltas")):
        failures += _list(_of(_of(delta, "validationDeltas"), "failure"))
    codes = (_of(failure, "code") for failure in failures)
    return list(dict.fromkeys(code for code in codes if isinstance(code, str) and code != _NOT_TRUSTED))


def _program(info: Any) -> str | None:
    name, version = _of(info, "name"), _of(info, "version")
    if not isinstance(name, str):
        return None
    return f"{name} {version}" if isinstance(version, str) else name


def _of(value: Any, name: Any) -> Any:
    """Give a part of what may be anything: the library hands on much of a claim as it stands in the file."""
    return value.get(name) if isinstance(value, dict) and isinstance(name, str) else None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
