"""`facewitness watch`: a camera, a file or a stream as it plays."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.cli.engine_options import add_detector_option, add_engine_options, number_above_zero, whole_number
from pipeline.cli.interrupts import asked_to_end, end_at_once
from pipeline.cli.logs import set_up_logging

if TYPE_CHECKING:
    from pipeline.analysis.scan import Scanner
    from pipeline.live.feeds import Feed
    from pipeline.live.page import Page
    from pipeline.live.watch import Moment

_USUAL_RATE = 10.0
_USUAL_TIMEOUT_S = 15.0
_USUAL_PORT = 8720
_INTERRUPTED = 130

_DESCRIPTION = """\
Watch a camera, a file or a stream as it plays: who is seen, and what each person scores over the last seconds.

SOURCE is the number or device of a camera (0, /dev/video0), a file, which plays in real time, or an address that begins
with rtsp://, rtsps://, http:// or https://, also of an HLS playlist (.m3u8). Frames that come faster than they can be
looked at are left out, so what is shown is never far behind. A source that is lost is opened again until it is back.

exit status: 0 the source or the time is over, 1 the source gives no picture or the recording cannot be written, 2 wrong
usage or a refused address, 130 interrupted, after an orderly end; a second interrupt ends at once"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "watch",
        help="watch a camera, a file or a stream as it plays",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("source", metavar="SOURCE", help="camera, file or address")
    parser.add_argument("--json", action="store_true", help="print each event as a line of JSON")
    parser.add_argument(
        "--page",
        nargs="?",
        type=_port,
        const=_USUAL_PORT,
        metavar="PORT",
        help=f"show the pictures with boxes on a page at 127.0.0.1, port PORT ({_USUAL_PORT}); write it behind SOURCE",
    )
    parser.add_argument(
        "--record", metavar="OUT.mp4", help="keep a copy with boxes of what was looked at, and its result OUT.mp4.json"
    )
    parser.add_argument("--seconds", type=number_above_zero, metavar="N", help="end after N seconds")
    parser.add_argument(
        "--fps",
        type=number_above_zero,
        default=_USUAL_RATE,
        metavar="RATE",
        help=f"look at no more than RATE frames a second ({_USUAL_RATE:g})",
    )
    parser.add_argument(
        "--timeout",
        type=number_above_zero,
        default=_USUAL_TIMEOUT_S,
        metavar="S",
        help=f"a source that gives no picture for S seconds is lost ({_USUAL_TIMEOUT_S:g})",
    )
    parser.add_argument(
        "--allow-private",
        action="store_true",
        help="let an address lead into a private network or to this machine",
    )
    add_detector_option(parser)
    parser.add_argument(
        "--model",
        action="append",
        metavar="NAME|FILE",
        help="classifier, see `facewitness models`; given several times, all judge together",
    )
    add_engine_options(parser)
    parser.add_argument("--debug", action="store_true", help="log what happens, and show stack traces")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Watch, and tell what happens."""
    set_up_logging(options.debug)
    with end_at_once():
        from pipeline.analysis.scan import Scanner
        from pipeline.live import recording
        from pipeline.live.feeds import open_feed
    if options.record:
        recording.check(Path(options.record))
    with contextlib.ExitStack() as opened:
        feed = opened.enter_context(
            open_feed(options.source, allow_private=options.allow_private, timeout_s=options.timeout)
        )
        page = _open_page(options, opened)
        try:
            with end_at_once():
                scanner = Scanner(
                    options.model,
                    engine=options.engine,
                    precision=options.precision,
                    device=options.device,
                    detector=options.detector,
                )
        except ValueError as error:
            print(f"facewitness watch: {error}", file=sys.stderr)
            return 2
        return _watch(options, feed, scanner, page)


def _watch(options: argparse.Namespace, feed: Feed, scanner: Scanner, page: Page | None) -> int:
    from pipeline.live.annotated import annotated
    from pipeline.live.recording import Recording
    from pipeline.live.watch import Watch

    with contextlib.ExitStack() as opened:
        interrupted = opened.enter_context(asked_to_end())
        recording = None
        if options.record:
            sampling = f"live, at most {options.fps:g} frames a second"
            recording = opened.enter_context(Recording(Path(options.record), feed, scanner, sampling))
        tell = opened.enter_context(_teller(options, feed))
        watch = opened.enter_context(
            Watch(
                feed,
                scanner,
                rate=options.fps,
                seconds=options.seconds,
                stopped=interrupted,
            )
        )
        for moment in watch.moments():
            if recording:
                recording.add(moment)
            if page and page.is_watched and moment.picture:
                page.show(annotated(moment, moment.picture))
            tell(moment)
    if recording:
        print(f"facewitness watch: {recording.outcome}", file=sys.stderr)
    return _INTERRUPTED if interrupted.is_set() else 0


def _open_page(options: argparse.Namespace, opened: contextlib.ExitStack) -> Page | None:
    if options.page is None:
        return None
    from pipeline.live.page import Page

    page = opened.enter_context(Page(options.page))
    print(f"facewitness watch: the page is {page.address}", file=sys.stderr)
    return page


@contextlib.contextmanager
def _teller(options: argparse.Namespace, feed: Feed) -> Iterator[Callable[[Moment], None]]:
    """Give what tells of a moment: JSON, a view in the terminal, or a line for each event."""
    if options.json:
        yield _print_json
    elif not sys.stdout.isatty():
        yield _print_lines
    elif importlib.util.find_spec("rich") is None:
        from classifiers.extras import install_command

        print(f"facewitness watch: for a view that is kept up to date: {install_command('live')}", file=sys.stderr)
        yield _print_lines
    else:
        from pipeline.cli.watch_view import WatchView

        with WatchView(feed.name) as view:
            yield view.show


def _print_json(moment: Moment) -> None:
    for event in moment.events:
        print(json.dumps(event.to_json(), allow_nan=False), flush=True)


def _print_lines(moment: Moment) -> None:
    for event in moment.events:
        print(event, flush=True)


def _port(text: str) -> int:
    number = whole_number(text)
    if number > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: 1 to 65535")
    return number
