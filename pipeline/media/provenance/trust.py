"""The authorities whose signers a user trusts. None are shipped: whom to trust is not for a program to say."""

from __future__ import annotations

import hashlib
import ssl
from dataclasses import dataclass
from pathlib import Path

from pipeline.media.errors import quoted

_MOST_BYTES = 4 << 20


class TrustListError(Exception):
    """A trust list that cannot be used; the message is one sentence for the user."""


@dataclass(frozen=True, slots=True)
class TrustList:
    """Certificates of authorities in PEM, and the SHA-256 of the file that they are from."""

    pem: str
    sha256: str

    @classmethod
    def load(cls, file: Path) -> TrustList:
        """Read a file of certificates.

        Raises:
            TrustListError: it cannot be read, or holds none.
        """
        try:
            with file.open("rb") as opened:
                content = opened.read(_MOST_BYTES + 1)
        except OSError as error:
            raise TrustListError(f"the trust list {quoted(file)} cannot be read: {error.strerror}") from error
        if len(content) > _MOST_BYTES:
            raise TrustListError(f"the trust list {quoted(file)} has more than {_MOST_BYTES >> 20} MB")
        try:
            pem = content.decode("utf-8")
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=pem)
        except (ValueError, ssl.SSLError):
            raise TrustListError(f"the trust list {quoted(file)} holds no certificates in the format PEM") from None
        return cls(pem, hashlib.sha256(content).hexdigest())
