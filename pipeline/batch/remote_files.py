"""Files at addresses: what a server says of them, what lies below a folder, and their bytes.

Whatever goes wrong is told in words of our own, and nothing is logged: what the libraries say names addresses with
their signatures.
"""

from __future__ import annotations

import asyncio
import errno
import functools
import logging
import time
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from classifiers.extras import install_command
from pipeline.batch.addresses import is_in_store, without_secrets
from pipeline.batch.entries import FileIdentity
from pipeline.batch.folders import LeftOut, enters, has_media_ending, is_looked_at
from pipeline.media.errors import MediaError, quoted

Answer = TypeVar("Answer")

_ATTEMPTS = 3
_PAUSE_S = 0.5
"""Before the second attempt; before the third it is twice as long."""

_ANSWER_S = 60.0
"""A server that says nothing for so long is taken to be gone."""

_LISTING_S = 600.0
"""For the names in one folder, of which there may be millions."""

_TALKATIVE = ("fsspec", "s3fs", "gcsfs", "aiohttp", "aiobotocore", "botocore", "boto3", "urllib3", "google", "asyncio")

_TAGS = ("ETag", "etag", "generation", "LastModified", "Last-Modified", "updated")
_TRY_AGAIN = (408, 425, 429)
"""Statuses that blame the moment, like those from 500 on."""

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def identity(address: str) -> FileIdentity | None:
    """Ask a server what tells whether a file is still the same; None where it does not say, or does not answer."""
    try:
        files = _file_system(address)
        said = _wait(files._info(_spelled(address)), _ANSWER_S)
    except Exception:
        return None  # whoever fetches it learns why
    tag = " ".join(str(said[name]) for name in _TAGS if said.get(name))
    return FileIdentity(said.get("size") or 0, 0, 0, tag) if tag and said.get("type") == "file" else None


def media_below(folder: str, left_out: LeftOut) -> Iterator[tuple[str, Path]]:
    """Walk a folder of a store of objects as `pipeline.batch.folders.media_files` walks those here; endings alone tell.

    Args:
        folder: its address.
        left_out: counts what has no ending of a video or picture.

    Yields:
        The address of each file and its place below the folder. A folder that cannot be listed is given itself.
    """
    scheme, _, top = folder.rstrip("/").partition("://")
    waiting = [top]
    while waiting:
        place = waiting.pop()
        try:
            found = _wait(_file_system(folder)._ls(place, detail=True), _LISTING_S)
        except Exception:
            yield f"{scheme}://{place}", Path(place.rpartition("/")[2])
            continue
        # What has an empty name would lead in circles.
        inside = [(each["name"][len(place) + 1 :], each["type"]) for each in found if each["name"] != place]
        inside = sorted((name.rstrip("/"), kind) for name, kind in inside if name.strip("/") and "\0" not in name)
        for name in (name for name, kind in inside if kind != "directory" and is_looked_at(name)):
            if has_media_ending(name):
                yield f"{scheme}://{place}/{name}", Path(f"{place}/{name}"[len(top) + 1 :])
            else:
                left_out.add(Path(name))
        waiting += reversed([f"{place}/{name}" for name, kind in inside if kind == "directory" and enters(name)])


def is_folder(address: str) -> bool:
    """Tell whether something in a store of objects is no object but a folder, by its spelling or else by asking."""
    if not is_in_store(address) or has_media_ending(address.rpartition("/")[2]):
        return False
    if address.endswith("/"):
        return not address.endswith("://")  # all that somebody has in a store was hardly meant
    try:
        return bool(_wait(_file_system(address)._info(_spelled(address)), _ANSWER_S)["type"] == "directory")
    except Exception:
        return False  # whoever fetches it learns why


def fetch(address: str, file: Path, most_bytes: int, timeout_s: float) -> None:
    """Copy what is at an address to a file; what may work the next time is tried three times.

    Raises:
        MediaError: "timeout" if it takes too long, "error" if it is too large or cannot be fetched.
    """
    name, ends_at = quoted(without_secrets(address)), time.monotonic() + timeout_s
    for attempt in range(_ATTEMPTS):
        received = _Received(name, most_bytes)
        try:
            files = _file_system(address)
            copy = files._get_file(_spelled(address), str(file), callback=received, **_ways_to_fetch(address))
            _wait(copy, ends_at - time.monotonic())
            received.check_complete()
            return
        except MediaError:
            raise
        except Exception as error:
            why, is_final = _why(error, address)
        pause_s = _PAUSE_S * 2**attempt
        if is_final:
            raise MediaError("error", f"{name} {why}.")
        if time.monotonic() + pause_s >= ends_at:
            reason = f"{name} takes longer than {timeout_s:g} s to fetch: allow more with --timeout."
            raise MediaError("timeout", reason)
        if attempt + 1 < _ATTEMPTS:
            time.sleep(pause_s)
    raise MediaError("error", f"{name} could not be fetched, also in attempt {_ATTEMPTS}: {why}.")


class _Received:
    """What fsspec calls back with the bytes that have come."""

    def __init__(self, name: str, most_bytes: int) -> None:
        self._name, self._most = name, most_bytes
        self._expected: int | None = None
        self._bytes = 0

    def set_size(self, size: int | None) -> None:
        """Learn how many there will be, if the server says so."""
        self._expected = size
        self._check(size or 0)

    def relative_update(self, count: int) -> None:
        """Learn that so many more have come."""
        self._bytes += count
        self._check(self._bytes)

    def check_complete(self) -> None:
        """Raise ConnectionError if fewer have come than the server said."""
        if self._expected is not None and self._bytes != self._expected:
            raise ConnectionResetError

    def _check(self, count: int) -> None:
        if count > self._most:
            most_mb = self._most >> 20
            reason = f"{self._name} is larger than {most_mb} MB: allow more with --max-download, or save it to a file."
            raise MediaError("error", reason)


@functools.cache
def _load(scheme: str) -> Any:
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    import fsspec

    options: dict[str, Any] = {"skip_instance_cache": True, "use_listings_cache": False}
    if scheme == "s3":
        options["max_concurrency"] = 1
    elif scheme != "gs":
        import aiohttp

        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_ANSWER_S, sock_read=_ANSWER_S)
        # Bytes as they come, because what unpacks them is not limited, and through the proxy that the user has set.
        client = {"timeout": timeout, "auto_decompress": False, "trust_env": True}
        options |= {"client_kwargs": client, "encoded": True}
    return fsspec.filesystem(scheme, **options)


def _file_system(address: str) -> Any:
    scheme = address.partition("://")[0]
    try:
        return _load(scheme)
    except ImportError as error:
        name, extra = quoted(without_secrets(address)), "gcs" if scheme == "gs" else "remote"
        reason = f"{name} is an address, and what fetches it is missing; install it with: {install_command(extra)}"
        raise MediaError("error", reason) from error


def _ways_to_fetch(address: str) -> dict[str, Any]:
    # One stream of bytes, because parts that come at the same time are counted late: with headers gcsfs takes no parts.
    if address.startswith("s3://"):
        return {}
    return {"headers": {} if address.startswith("gs://") else {"Accept-Encoding": "identity"}}


def _spelled(address: str) -> str:
    """Spell an address for fsspec; what is quoted in it stays as it is, because a signature may be of that."""
    if is_in_store(address):
        return address.rstrip("/")
    return quote(address.partition("#")[0], safe="%/:?[]@!$&'()*+,;=~")


def _wait(work: Coroutine[Any, Any, Answer], seconds: float) -> Answer:
    """Have something done in the thread of fsspec; break it off after so many seconds."""
    from fsspec.asyn import get_loop

    future = asyncio.run_coroutine_threadsafe(work, get_loop())
    try:
        return future.result(seconds)
    except BaseException:
        future.cancel()
        raise


def _why(error: Exception, address: str) -> tuple[str, bool]:
    """Say what went wrong, and whether it will the next time."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    status = error.status if hasattr(error, "status") else getattr(error, "code", None)
    if "FileNotFoundError" in kinds or status in (404, 410):
        listed = "does not exist, and no video or picture lies below it"
        return listed if is_in_store(address) else "does not exist: the server has no such file", True
    if kinds & {"NoCredentialsError", "PartialCredentialsError", "DefaultCredentialsError"}:
        return "may not be read: there are no credentials for it here", True
    if "PermissionError" in kinds or status in (401, 403) or str(error).startswith("Forbidden"):
        return "may not be read: the server refuses it to these credentials, or without any", True
    if "TooManyRedirects" in kinds:
        return "could not be fetched: the server redirects without end", True
    if kinds & {"RedirectClientError", "NonHttpUrlRedirectClientError"}:
        return "could not be fetched: the server leads to what is no address of the web", True
    if kinds & {"InvalidURL", "ParamValidationError", "ValueError"} and "JSONDecodeError" not in kinds:
        return "is no address that can be fetched", True
    if isinstance(error, OSError) and error.errno in _FULL:
        return "could not be fetched: there is no room for it in the folder for temporary files", True
    if isinstance(status, int) and status >= 400:
        answer = f"the server answers {status}"
        return (answer, False) if status >= 500 or status in _TRY_AGAIN else (f"could not be fetched: {answer}", True)
    if kinds & {"TimeoutError", "ServerTimeoutError", "FSTimeoutError"}:
        return "the server is silent", False
    if kinds & {"ClientPayloadError", "ConnectionResetError", "ServerDisconnectedError"}:
        return "the connection breaks off", False
    if kinds & {"ClientConnectionError", "ConnectionError", "HTTPClientError", "EndpointConnectionError"}:
        return "the server cannot be reached", False
    return f"the server does not give it ({type(error).__name__})", False
