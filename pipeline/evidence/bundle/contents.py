"""What the result in a bundle must be."""

from __future__ import annotations

import functools
import json

import jsonschema

from pipeline.evidence.bundle.errors import BundleError
from pipeline.results.schema import READ_SCHEMAS, schema
from pipeline.results.verdict import Verdict, parse_verdict


def check_result(text: bytes) -> Verdict:
    """Read a result, all of which must be valid.

    Raises:
        NotAResultError: it is none.
        BundleError: it is of an unknown version, or not valid against its schema.
    """
    verdict = parse_verdict(text)
    if verdict.has_foreign_schema:
        raise BundleError(f"its result has the schema {verdict.stored_schema!r}, and only {READ_SCHEMAS} are known")
    version = int(str(verdict.stored_schema).rpartition("/")[2])
    if verdict.unreadable or not _validator(version).is_valid(json.loads(text)):
        raise BundleError("its result is not valid against the schema of results")
    return verdict


@functools.cache
def _validator(version: int) -> jsonschema.protocols.Validator:
    return jsonschema.Draft202012Validator(schema(version))
