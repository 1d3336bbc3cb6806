"""`facewitness serve`: a page to drop files on, and an interface for programs."""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import sys
from pathlib import Path

from pipeline.cli.engine_options import add_detector_option, add_engine_options, number_above_zero, whole_number
from pipeline.cli.interrupts import end_at_once
from pipeline.cli.logs import set_up_logging
from pipeline.cli.scan_options import add_frames_option, add_limit_options, add_model_option, add_workers_option
from pipeline.media.limits import Limits

_USUAL_HOST, _USUAL_PORT = "127.0.0.1", 8000
_USUAL_DATA = "facewitness-data"
_MOST_UPLOAD_MIB, _MOST_WAITING, _RATE, _KEEP = 500, 100, 60, "7d"
_PATIENCE_S = 60.0
_TOKEN = "FACEWITNESS_TOKEN"
_KEPT = re.compile(r"([1-9]\d{0,6})([smhd])")
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}

_DESCRIPTION = f"""\
Serve a page that takes dropped files, and an interface over HTTP for programs, which /openapi.json describes.

It listens on this machine alone. Who lets other machines reach it (--host) must give a token, in a file or in the
environment as {_TOKEN}; whoever asks must show it. Uploads and results lie in the folder of --data, and are removed
when their time is over. A server that was ended or killed goes on where it was when it is started again on the same
folder.

exit status: 0 ended by an interrupt or SIGTERM, 1 the folder or the port cannot be used, 2 wrong usage; a second
interrupt ends at once"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "serve",
        help="serve a page and an interface that scan what is sent",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--host",
        default=_USUAL_HOST,
        help=f"listen on this address ({_USUAL_HOST}); any but this machine's own needs a token",
    )
    parser.add_argument(
        "--port", type=_port, default=_USUAL_PORT, help=f"listen on this port ({_USUAL_PORT}); 0 for any that is free"
    )
    parser.add_argument(
        "--data", default=_USUAL_DATA, metavar="DIR", help=f"keep uploads and results in this folder ({_USUAL_DATA})"
    )
    parser.add_argument(
        "--token-file", metavar="FILE", help=f"the token is the first line of FILE; else it is that of {_TOKEN}, if set"
    )
    parser.add_argument(
        "--allowed-host",
        action="append",
        default=[],
        metavar="NAME",
        help="answer to this name too, such as that of a proxy before it; may be given several times",
    )
    parser.add_argument(
        "--max-upload",
        type=whole_number,
        default=_MOST_UPLOAD_MIB,
        metavar="MIB",
        help=f"refuse files of more than MIB mebibytes ({_MOST_UPLOAD_MIB})",
    )
    parser.add_argument(
        "--max-waiting",
        type=whole_number,
        default=_MOST_WAITING,
        metavar="N",
        help=f"refuse files while N are waiting or on their way ({_MOST_WAITING})",
    )
    parser.add_argument(
        "--rate",
        type=whole_number,
        default=_RATE,
        metavar="N",
        help=f"take N files a minute from one address ({_RATE})",
    )
    parser.add_argument(
        "--keep",
        type=_duration,
        default=_KEEP,
        metavar="TIME",
        help=f"remove files and results after so long ({_KEEP}): a number with s, m, h or d",
    )
    parser.add_argument(
        "--upload-timeout",
        type=number_above_zero,
        default=_PATIENCE_S,
        metavar="S",
        help=f"break off an upload of which nothing comes for S seconds ({_PATIENCE_S:g})",
    )
    add_frames_option(parser)
    add_detector_option(parser)
    add_model_option(parser)
    add_engine_options(parser)
    add_workers_option(parser)
    add_limit_options(parser)
    parser.add_argument("--debug", action="store_true", help="log what happens, and show stack traces")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Serve until told to end."""
    set_up_logging(options.debug, "pipeline.server")
    missing = [name for name in ("fastapi", "uvicorn", "python_multipart", "prometheus_client") if not _has(name)]
    if missing:
        from classifiers.extras import install_command

        wanted = f"serving needs {', '.join(missing)}: {install_command('serve')}"
        print(f"facewitness serve: {wanted}", file=sys.stderr)
        return 2
    with end_at_once():
        from classifiers.model_set import find_models
        from pipeline.batch.batch_scanner import ScannerSettings
        from pipeline.media.sampling import SLACK, SamplingPlan
        from pipeline.server.serve import Place, PortError, ServeError, serve
        from pipeline.server.terms import Terms

        place = Place(options.host, options.port, _token(options), tuple(options.allowed_host))
        frames = options.frames
        try:
            place.check()
            plan = SamplingPlan.every_frame() if frames == "all" else SamplingPlan.spread(frames, SLACK)
            settings = ScannerSettings(
                tuple(options.model or ()),
                options.engine,
                options.detector,
                plan,
                precision=options.precision,
                device=options.device,
                limits=Limits(options.memory << 20, options.timeout),
            )
            find_models(options.model or ())
        except (ServeError, ValueError) as error:
            print(f"facewitness serve: {error}", file=sys.stderr)
            return 2
        terms = Terms(options.max_upload << 20, options.max_waiting, options.rate, options.keep, options.upload_timeout)
    try:
        serve(settings, Path(options.data), place, terms, workers=options.workers, ready=_tell)
    except PortError as error:
        print(f"facewitness serve: {error}", file=sys.stderr)
        return 1
    except ValueError as error:
        print(f"facewitness serve: {error}", file=sys.stderr)
        return 2
    return 0


def _tell(address: str) -> None:
    print(f"facewitness serve: listening on {address}", flush=True)


def _token(options: argparse.Namespace) -> str | None:
    if options.token_file:
        with Path(options.token_file).open(encoding="utf-8", errors="replace") as file:
            return file.readline().strip()
    return os.environ.get(_TOKEN) or None


def _has(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _port(text: str) -> int:
    number = int(text) if text.isdecimal() else 65536
    if number > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: 0 to 65535")
    return number


def _duration(text: str) -> float:
    found = _KEPT.fullmatch(text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is no time such as 30m, 12h or 7d")
    return float(int(found[1]) * _UNIT_S[found[2]])
