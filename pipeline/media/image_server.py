"""The process that reads images for another one, and what files of any kind say of their origin.

It has loaded Pillow, and makes a copy of itself for each image, which is cheap. The copy confines itself before it
looks at the image, and ends when it has answered: no image can do anything to the next one, or take more than its
limits.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import json
import os
import select
import signal
import socket
import traceback
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from pipeline.media import confinement, images
from pipeline.media.errors import MediaError, quoted
from pipeline.media.landlock import Access
from pipeline.media.limits import Limits
from pipeline.media.provenance.credentials import load_library, read_credentials
from pipeline.media.provenance.notes import read_notes

_DESCRIPTORS = 2


@dataclasses.dataclass(frozen=True, slots=True)
class _Job:
    """A copy at work: its process, what it answers on, and a pipe that breaks when it ends."""

    process: int
    answer: socket.socket
    end: int


def serve() -> None:
    """Work for whoever has the other end of standard input, until nobody has.

    A request is a byte that comes with two descriptors: the image, and the socket for the answer. Where that is closed
    from the other side, the copy that works on it is killed.
    """
    # All that is done here, once, the copies need not do.
    rights = confinement.python_rights()
    confinement.offered()
    load_library()
    gc.collect()
    gc.freeze()
    requests = socket.socket(fileno=os.dup(0))
    poll = select.poll()
    poll.register(requests, select.POLLIN)
    jobs: dict[int, _Job] = {}  # by both of its descriptors
    while True:
        for descriptor, _ in poll.poll():
            if descriptor == requests.fileno():
                asked, given, _, _ = socket.recv_fds(requests, 1, _DESCRIPTORS)
                if not asked:
                    _kill(jobs.values())
                    return
                begun = _begin(given[0], given[1], [requests.fileno(), *jobs], rights)
                for its in (begun.answer.fileno(), begun.end):
                    jobs[its] = begun
                    poll.register(its, 0)  # to hear of its end alone
                continue
            job = jobs.get(descriptor)
            if job and descriptor == job.end:
                os.waitpid(job.process, 0)
                for its in (job.end, job.answer.fileno()):
                    del jobs[its]
                    with contextlib.suppress(KeyError):
                        poll.unregister(its)
                os.close(job.end)
                job.answer.close()
            elif job:
                _kill([job])
                poll.unregister(descriptor)


def _kill(jobs: Iterable[_Job]) -> None:
    for job in jobs:
        os.kill(job.process, signal.SIGKILL)


def _begin(image: int, answer: int, others: Iterable[int], rights: Mapping[Path, Access]) -> _Job:
    """Make a copy that works on an image."""
    end, held = os.pipe()
    process = os.fork()
    if process == 0:
        for descriptor in (0, end, *others):
            os.close(descriptor)
        try:
            with socket.socket(fileno=answer) as connection, open(image, "rb") as file:
                answer_requests(connection, file, rights)
        finally:
            os._exit(0)
    os.close(held)
    os.close(image)
    return _Job(process, socket.socket(fileno=answer), end)


def answer_requests(connection: socket.socket, file: BinaryIO, rights: Mapping[Path, Access] | None) -> None:
    """Answer requests about an image until there are no more.

    An answer is lines of JSON. The head of a picture is followed by its rows, some at a time, each time behind a line
    that says how many bytes they have, or why there are no more.

    Args:
        connection: to whoever asks; the first line are the limits.
        file: the image.
        rights: the only ones that this process keeps; None lets it keep all.
    """
    with connection.makefile("rwb") as stream:
        limits = Limits(**json.loads(stream.readline()))
        if rights is not None:
            confinement.enter(limits, rights)
        while line := stream.readline():
            for part in _answer(file, limits, json.loads(line)):
                stream.write(part if isinstance(part, bytes) else json.dumps(part).encode() + b"\n")
            stream.flush()


def _answer(file: BinaryIO, limits: Limits, request: dict[str, Any]) -> Iterator[dict[str, Any] | bytes]:
    path, warnings = Path(request["path"]), list[str]()
    try:
        if "provenance" in request:
            yield _provenance(path, file, **request["provenance"])
            return
        if "chosen" not in request:
            found = images.facts(path, file, request["format"], request["most_pixels"], request["most_played_pixels"])
            yield dataclasses.asdict(found)
            return
        chosen = None if request["chosen"] is None else set(request["chosen"])
        for picture in images.pictures(path, file, request["format"], chosen, warnings):
            yield {"index": picture.index, "width": picture.width, "height": picture.height}
            for rows in picture.rows:
                yield {"bytes": len(rows)}
                yield rows
        yield {"warnings": warnings}
    except MediaError as error:
        yield {"status": error.status, "message": str(error)}
    except MemoryError:
        megabytes = limits.memory_bytes >> 20
        text = f"{quoted(path)} takes more than {megabytes} MB of memory to decode: allow more with --memory."
        yield {"status": "unsupported", "message": text}
    except Exception:  # a bug of ours, told by whoever asked
        yield {"bug": traceback.format_exc()}


def _provenance(
    path: Path, file: BinaryIO, image_format: str | None, media_type: str | None, trust: str | None
) -> dict[str, Any]:
    """Read where a file says it came from; of one that is no image only its credentials."""
    notes = []
    if image_format is not None:
        with contextlib.suppress(MediaError), images.open_image(path, file, image_format) as image:
            notes = read_notes(image)
    return {"credentials": read_credentials(file, media_type, trust) if media_type else None, "notes": notes}
