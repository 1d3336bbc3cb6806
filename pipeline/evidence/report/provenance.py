"""What a file says of its own origin, as the report shows it."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.evidence.texts import has_text, say
from pipeline.media.provenance.declarations import Credentials, declared_by_type
from pipeline.results.verdict import Verdict


@dataclass(frozen=True, slots=True)
class ProvenanceRow:
    """One fact; `mark` is "ai" where it says that the file was generated, "warning" where it does not hold."""

    name: str
    value: str
    mark: str = ""


@dataclass(frozen=True, slots=True)
class ProvenanceView:
    """Everything that is told of the origin.

    Attributes:
        lead: what matters most.
        mark: of the lead, as in a row.
        warning: that the signature broke, or None.
        rows: the facts.
        remarks: what all that is worth.
    """

    lead: str
    mark: str
    warning: str | None
    rows: tuple[ProvenanceRow, ...]
    remarks: tuple[str, ...]


def provenance_view(verdict: Verdict) -> ProvenanceView | None:
    """Put the origin into words; None where an earlier version did not read it."""
    if verdict.provenance is None:
        return None
    told, credentials = verdict.provenance, verdict.provenance.credentials
    rows = [
        *_rows(credentials),
        *(
            ProvenanceRow(
                say("provenance_note", place=say(f"provenance_note_{note.place}"), name=note.name),
                _source(note.value) if "/digitalsourcetype/" in note.value else note.value,
                "ai" if note.declares else "",
            )
            for note in told.notes
        ),
    ]
    remarks = [say("provenance_proves")]
    if credentials.state == "valid":
        remarks.append(say("provenance_proves_signed"))
    return ProvenanceView(
        lead=say(f"provenance_{told.declares or 'nothing'}"),
        mark="ai" if told.declares else "",
        warning=say("credentials_invalid_lead") if credentials.state == "invalid" else None,
        rows=tuple(rows),
        remarks=tuple(remarks),
    )


def _rows(credentials: Credentials) -> list[ProvenanceRow]:
    signed = credentials.state in ("valid", "invalid")
    state = say(f"credentials_{credentials.state}")
    if credentials.message:
        is_remote = credentials.state == "remote"
        why = say("credentials_remote_why", why=credentials.message) if is_remote else credentials.message
        state = say("credentials_why", state=state, why=why)
    signer = credentials.signer
    if signer and credentials.issuer:
        signer = say("provenance_signer_of", signer=signer, issuer=credentials.issuer)
    trust = {None: "none", True: "yes", False: "no"}[credentials.trusted]
    facts = {
        "provenance_signer": signer or credentials.issuer,
        "provenance_trust": say(f"provenance_trust_{trust}") if credentials.state == "valid" else None,
        "provenance_signed_at": credentials.signed_at,
        "provenance_generator": credentials.generator,
        "provenance_actions": ", ".join(action.removeprefix("c2pa.") for action in credentials.actions),
    }
    rows = [ProvenanceRow(say("provenance_credentials"), state, "warning" if credentials.state == "invalid" else "")]
    rows += [ProvenanceRow(say(name), value) for name, value in facts.items() if value and signed]
    for name, types in (
        ("provenance_source_types", credentials.source_types),
        ("provenance_part_source_types", credentials.part_source_types),
    ):
        if types:
            says_ai = any(map(declared_by_type, types))
            rows.append(ProvenanceRow(say(name), ", ".join(map(_source, types)), "ai" if says_ai else ""))
    if credentials.problems:
        rows.append(ProvenanceRow(say("provenance_problems"), ", ".join(credentials.problems)))
    return rows


def _source(address: str) -> str:
    """Say a digital source type in words; what is not known stays as it is."""
    name = address.rstrip("/").rpartition("/")[2]
    return say(f"source_{name}") if has_text(f"source_{name}") else address
