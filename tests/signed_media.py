"""Signs media with Content Credentials, by certificates that are made here.

from tests.signed_media import Authority, sign
"""

from __future__ import annotations

import datetime
import io
import json
import zlib
from functools import cached_property
from pathlib import Path
from typing import Any

import c2pa
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

AI = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
CAMERA = "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"

MIME = {".jpg": "image/jpeg", ".png": "image/png", ".mp4": "video/mp4"}

_FROM, _TO = datetime.datetime(2024, 1, 1), datetime.datetime(2099, 1, 1)


class Authority:
    """A root certificate, and one of a signer below it, of which `ocsp_url` says whether it was revoked."""

    def __init__(self, name: str = "Test Authority", signer: str = "Test Signer", ocsp_url: str | None = None) -> None:
        self._ocsp_url = ocsp_url
        self._key, self._signer_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        root, leaf = _name(name), _name(signer)
        self._root = self._certificate(root, root, self._key, is_root=True)
        self._leaf = self._certificate(leaf, root, self._signer_key, is_root=False)

    @cached_property
    def pem(self) -> str:
        """The root certificate, for a trust list."""
        return self._root.public_bytes(form.Encoding.PEM).decode()

    def signer(self) -> c2pa.Signer:
        """Give what signs in its name."""
        chain = self._leaf.public_bytes(form.Encoding.PEM).decode() + self.pem
        return c2pa.Signer.from_callback(self._sign, c2pa.C2paSigningAlg.ES256, chain)

    def _sign(self, text: bytes) -> bytes:
        both = utils.decode_dss_signature(self._signer_key.sign(text, ec.ECDSA(hashes.SHA256())))
        return b"".join(number.to_bytes(32, "big") for number in both)

    def _certificate(self, subject: x509.Name, issuer: x509.Name, key: Any, *, is_root: bool) -> x509.Certificate:
        usage = dict.fromkeys(
            ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only"), False
        ) | {"decipher_only": False, "digital_signature": not is_root, "key_cert_sign": is_root, "crl_sign": is_root}
        builder = (
            x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number(), _FROM, _TO)
            .add_extension(x509.BasicConstraints(is_root, None), critical=True)
            .add_extension(x509.KeyUsage(**usage), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        if not is_root:
            builder = builder.add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False
            )
        if not is_root and self._ocsp_url:
            place = x509.AccessDescription(
                AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(self._ocsp_url)
            )
            builder = builder.add_extension(x509.AuthorityInformationAccess([place]), critical=False)
        return builder.sign(self._key, hashes.SHA256())


def sign(
    source: Path,
    target: Path,
    authority: Authority,
    *,
    source_type: str = CAMERA,
    action: str = "c2pa.created",
    generator: str = "Test Camera",
    parent: Path | None = None,
    part: Path | None = None,
    remote_url: str | None = None,
) -> Path:
    """Write a copy of a JPEG, PNG or MP4 file with Content Credentials.

    Args:
        source: the file.
        target: the copy.
        authority: signs it.
        source_type: what kind of source it says it has.
        action: what it says was done.
        generator: what it says made it.
        parent: the file that it says it was edited from.
        part: a file that it says was put into it.
        remote_url: leave the credentials out, and say that they are there.
    """
    definition = {
        "claim_generator_info": [{"name": generator, "version": "1.0"}],
        "assertions": [
            {
                "label": "c2pa.actions.v2",
                "data": {"actions": [{"action": action, "digitalSourceType": source_type}]},
            }
        ],
    }
    if parent:
        definition["assertions"][0]["data"]["actions"] = [{"action": "c2pa.edited"}]
    settings = c2pa.Settings.from_dict({"verify": {"verify_after_sign": False, "remote_manifest_fetch": False}})
    with c2pa.Context(settings) as context, c2pa.Builder(json.dumps(definition), context=context) as builder:
        if parent:
            builder.set_intent(c2pa.C2paBuilderIntent.EDIT)
            with parent.open("rb") as file:
                builder.add_ingredient({"title": parent.name, "relationship": "parentOf"}, MIME[parent.suffix], file)
        if part:
            with part.open("rb") as file:
                builder.add_ingredient({"title": part.name, "relationship": "componentOf"}, MIME[part.suffix], file)
        if remote_url:
            builder.set_no_embed()
            builder.set_remote_url(remote_url)
        signed = io.BytesIO()
        with source.open("rb") as file:
            builder.sign(authority.signer(), MIME[source.suffix], file, signed)
    target.write_bytes(signed.getvalue())
    return target


def with_changed_pixel(source: Path, target: Path) -> Path:
    """Write a copy of a signed file in which a pixel is another, with the credentials as they are."""
    content = bytearray(source.read_bytes())
    if source.suffix == ".png":
        start = content.find(b"IDAT") - 4
        size = int.from_bytes(content[start : start + 4], "big")
        rows = bytearray(zlib.decompress(content[start + 8 : start + 8 + size]))
        rows[-1] ^= 0x80
        packed = b"IDAT" + zlib.compress(bytes(rows))
        chunk = (len(packed) - 4).to_bytes(4, "big") + packed + zlib.crc32(packed).to_bytes(4, "big")
        content[start : start + 12 + size] = chunk
    else:
        place = len(content) - 300  # near the end of the coded picture of a JPEG
        if source.suffix == ".mp4":
            start = content.rfind(b"mdat") - 4
            place = start + int.from_bytes(content[start : start + 4], "big") * 9 // 10
        content[place] ^= 1
    target.write_bytes(content)
    return target


def _name(common: str) -> x509.Name:
    parts = {NameOID.COUNTRY_NAME: "DE", NameOID.ORGANIZATION_NAME: f"{common} Ltd", NameOID.COMMON_NAME: common}
    return x509.Name([x509.NameAttribute(kind, value) for kind, value in parts.items()])
