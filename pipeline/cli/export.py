"""`facewitness export`: a model in the format of another program."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

_DESCRIPTION = """\
Write a trained model in the format of another program, and check that it says the same there.

openvino: NAME.xml and NAME.bin; onnx: NAME.onnx; saved_model: the folder NAME_saved_model; tflite: NAME.tflite. All
take RGB crops as float32 (n, size, size, 3) from 0 to 255, aligned as for scanning, and give the two logits
"manipulated" and "generated" of each. A manifest beside them lets `facewitness scan --model DIR/manifest.json` use
the OpenVINO and ONNX files.

exit status: 0 the logits agree with those of Keras, 1 they do not, 2 wrong usage or a model that cannot be exported"""


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "export",
        help="write a model for OpenVINO, ONNX, TensorFlow or TFLite",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", metavar="MODEL", help="name of a model, or manifest of one; see `facewitness models`")
    parser.add_argument("--format", choices=("openvino", "onnx", "saved_model", "tflite"), required=True)
    parser.add_argument("-o", "--output", metavar="DIR", required=True, help="write the files here")
    parser.add_argument("--debug", action="store_true", help="log what happens, and show stack traces")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Export the model and print how far the logits are from those of Keras."""
    import logging
    import os

    # TensorFlow and its converters write progress that nobody reads.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "0" if options.debug else "3")
    logging.basicConfig(level=logging.DEBUG if options.debug else logging.ERROR)

    from classifiers import ModelError, find_model
    from classifiers.export import MAX_DIFFERENCE, export_model

    try:
        exported = export_model(find_model(options.model), options.format, Path(options.output))
    except ModelError as error:
        print(f"facewitness export: {error}", file=sys.stderr)
        return 2
    for file in exported.files.values():
        print(file)
    print(f"largest difference of a logit from Keras: {exported.difference:.1e}, at most {MAX_DIFFERENCE:.0e} allowed")
    if not exported.agrees:
        print("facewitness export: the exported model does not say what the Keras model says", file=sys.stderr)
        return 1
    return 0
