"""What Ctrl-C does to a command: the first one asks for an orderly end, the second ends the program at once."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def orderly_end() -> Iterator[threading.Event]:
    """Turn the first interrupt into a KeyboardInterrupt in the block, and leave the second to the system.

    The system ends a program without a word and without running anything of it, whatever it was doing. After the
    first interrupt that stays so, since what is left to do is to come to an end. It ends the program at once as well
    where Python would lose the KeyboardInterrupt: in the finalizer of an object.

    Yields:
        An event that is set by the first interrupt: a library that is being imported may turn the KeyboardInterrupt
        into an error of its own.
    """
    interrupted = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        interrupted.set()
        raise KeyboardInterrupt

    with _handling(end), _heeding_lost_interrupts():
        yield interrupted


@contextmanager
def asked_to_end() -> Iterator[threading.Event]:
    """Let the first interrupt in the block only ask for an end, and leave the second to the system.

    For what must not be broken off amid a picture.

    Yields:
        An event that is set by the first interrupt.
    """
    asked = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        asked.set()

    with _handling(ask):
        yield asked


@contextmanager
def end_at_once() -> Iterator[None]:
    """Leave also the first interrupt in the block to the system, where long calls of libraries would hold it back.

    For what has nothing to save yet, such as loading a model.
    """
    with _handling(signal.SIG_DFL):
        yield


@contextmanager
def _heeding_lost_interrupts() -> Iterator[None]:
    """Leave an interrupt to the system whose KeyboardInterrupt was raised where nothing can be raised."""
    before = sys.unraisablehook

    def heed(lost: sys.UnraisableHookArgs) -> None:
        if isinstance(lost.exc_value, KeyboardInterrupt):
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            signal.raise_signal(signal.SIGINT)
        before(lost)

    sys.unraisablehook = heed
    try:
        yield
    finally:
        sys.unraisablehook = before


@contextmanager
def _handling(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> Iterator[None]:
    before = signal.getsignal(signal.SIGINT)
    # In the background of a script interrupts are ignored, and only the main thread may say what they do.
    if before == signal.SIG_IGN or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        # Unless one has come, after which all others are left to the system.
        if signal.getsignal(signal.SIGINT) == handler:
            signal.signal(signal.SIGINT, before)
