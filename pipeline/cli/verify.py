"""`facewitness verify`: checks evidence bundles."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from classifiers.numerals import counted
from pipeline.cli.logs import set_up_logging

if TYPE_CHECKING:
    from pipeline.evidence.bundle import Verified

_DESCRIPTION = """\
Check a bundle of `facewitness report --bundle`: every file that its manifest lists is there with its SHA-256 and no
other, the result is valid, the page was made of it, and not one byte is other than the bundle was made with. Nothing
is unpacked, and nothing is fetched.

FILE must be the file that the result is about, with the SHA-256 that the result names. With --key the bundle must be
signed with the other half of this key.

A bundle that is not signed shows that its parts belong together, not who made it: whoever has it can make another.

exit status: 0 the bundle is in order, 1 it is not, 2 wrong usage"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "verify",
        help="check an evidence bundle",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("bundle", metavar="BUNDLE", help="ZIP file of `facewitness report --bundle`")
    parser.add_argument("file", metavar="FILE", nargs="?", help="the file that was scanned")
    parser.add_argument("--key", metavar="PUBLIC", help="public key of who must have signed it, PEM or OpenSSH")
    parser.add_argument("--debug", action="store_true", help="log what happens, and show stack traces")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Check the bundle and say what it holds."""
    from pipeline.evidence.bundle import BundleError, verify_bundle
    from pipeline.media.errors import quoted

    set_up_logging(options.debug)
    bundle, file = Path(options.bundle), Path(options.file) if options.file else None
    for path in filter(None, (bundle, file)):
        if not path.is_file():
            why = "is not a file" if path.exists() else "does not exist"
            print(f"facewitness verify: {quoted(path)} {why}", file=sys.stderr)
            return 2
    try:
        found = verify_bundle(bundle, file, Path(options.key) if options.key else None)
    except BundleError as error:
        print(f"facewitness verify: {quoted(bundle)} does not verify: {error}", file=sys.stderr)
        return 1
    print("\n".join(_lines(found, bundle, file, options.key)))
    return 0


def _lines(found: Verified, bundle: Path, file: Path | None, key: str | None) -> list[str]:
    """Say what was checked and what was not."""
    from pipeline.evidence.bundle.signing import fingerprint
    from pipeline.media.errors import printable, quoted

    verdict, manifest = found.verdict, found.manifest
    said = f"{verdict.label} {verdict.score:.2f}" if verdict.score is not None else verdict.status
    lines = [
        f"{quoted(bundle)} verifies: {counted(len(manifest.members), 'file')}, each with its SHA-256, and no other",
        f"result     {said}, of {printable(verdict.input.path) or 'a file without a name'}",
    ]
    if manifest.original_sha256 is None:
        lines.append("original   its hash is not known: it could not be read")
    else:
        where = (
            "is the file that was given"
            if file
            else "is in the bundle"
            if manifest.original
            else "is not in the bundle; name it to have it compared"
        )
        lines.append(f"original   {manifest.original_sha256}, {where}")
    if manifest.public_key is None:
        lines.append("signature  none: who made the bundle is not known")
    else:
        whose = "the key that was given" if key else "whose key that is is not known; give it with --key"
        lines.append(f"signature  {fingerprint(manifest.public_key)}, {whose}")
    return lines
