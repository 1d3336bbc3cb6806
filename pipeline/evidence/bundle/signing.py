"""Signs manifests with Ed25519 (RFC 8032), by keys that the user has: PEM files, or those of OpenSSH.

The signature is the 64 bytes of the RFC, so that `openssl pkeyutl` checks it too.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from classifiers.extras import install_command
from pipeline.evidence.bundle.errors import BundleError, KeyFileError
from pipeline.media.errors import quoted

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SIGNATURE_BYTES = 64

_SSH_NAME = b"ssh-ed25519"


def load_private_key(file: Path) -> Ed25519PrivateKey:
    """Read the key to sign with: PKCS #8 in PEM, or a file of `ssh-keygen`, without a password.

    Raises:
        KeyFileError: there is none.
    """
    _require_library()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_ssh_private_key

    text = _read(file)
    load = load_ssh_private_key if text.startswith(b"-----BEGIN OPENSSH") else load_pem_private_key
    return _loaded(file, Ed25519PrivateKey, "private", lambda: load(text, password=None))


def load_public_key(file: Path) -> bytes:
    """Read the key to check with, 32 bytes: PEM, or the line of an OpenSSH file that ends with `.pub`.

    Raises:
        KeyFileError: there is none.
    """
    _require_library()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key, load_ssh_public_key

    text = _read(file)
    load = load_ssh_public_key if text.startswith(b"ssh-") else load_pem_public_key
    return _loaded(file, Ed25519PublicKey, "public", lambda: load(text)).public_bytes_raw()


def check_signature(signature: bytes, text: bytes, public_key: bytes) -> None:
    """Make sure that whoever has the other half of a key signed a text.

    Raises:
        BundleError: nobody did.
        KeyFileError: the library that could tell is not installed.
    """
    _require_library()
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, text)
    except (InvalidSignature, ValueError):
        raise BundleError("its signature does not fit its manifest") from None


def fingerprint(public_key: bytes) -> str:
    """Name a public key as `ssh-keygen -l` does."""
    line = b"".join(len(part).to_bytes(4, "big") + part for part in (_SSH_NAME, public_key))
    return "SHA256:" + base64.b64encode(hashlib.sha256(line).digest()).decode().rstrip("=")


def _require_library() -> None:
    try:
        import cryptography  # noqa: F401 - asked for to tell whether it is there
    except ImportError:
        raise KeyFileError(f"signatures need cryptography; install it with: {install_command('sign')}") from None


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise KeyFileError(f"the key {quoted(file)} cannot be read: {error.strerror}") from error


def _loaded(file: Path, kind: type, half: str, load: Callable[[], Any]) -> Any:
    """Load a key, and tell whatever is wrong with it."""
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        key = load()
    except TypeError:  # which is how the library asks for a password
        raise KeyFileError(
            f"the key {quoted(file)} has a password, which is not asked for: give a copy without one"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise KeyFileError(f"{quoted(file)} holds no {half} key in the format of PEM or OpenSSH") from None
    if not isinstance(key, kind):
        raise KeyFileError(f"the key {quoted(file)} is of another kind than Ed25519")
    return key
