"""`facewitness export`: a model in the format of another program."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.cli.logs import set_up_logging

if TYPE_CHECKING:
    from pipeline.workbench.quantising import QuantisingCrops

_DESCRIPTION = """\
Write a trained model in the format of another program, and check that it says the same there.

openvino: NAME.xml and NAME.bin; onnx: NAME.onnx; saved_model: the folder NAME_saved_model; tflite: NAME.tflite; keras:
NAME.keras, of a model whose weights are kept in 8 bits, to go on training from. All take RGB crops as float32
(n, size, size, 3) from 0 to 255, aligned as for scanning, and give the two logits "manipulated" and "generated" of
each. A manifest beside them lets `facewitness scan --model DIR/manifest.json` use the OpenVINO and ONNX files.

With --precision int8 there are also NAME_int8.xml and NAME_int8.bin, quantised on crops of the training part of --data
and kept if the scores of crops of its validation part stay what they are; the manifest says by how much they differ.
Scanning prefers them where the processor can run them.

exit status: 0 the logits agree with those of Keras, 1 they do not, 2 wrong usage or a model that cannot be exported"""


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "export",
        help="write a model for OpenVINO, ONNX, TensorFlow, TFLite or Keras",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", metavar="MODEL", help="name of a model, or manifest of one; see `facewitness models`")
    parser.add_argument("--format", choices=("openvino", "onnx", "saved_model", "tflite", "keras"), required=True)
    parser.add_argument(
        "--precision", choices=("f32", "int8"), default="f32", help="int8: also quantise, with --format openvino"
    )
    parser.add_argument(
        "--data", type=Path, metavar="DATASET", help="face crops to quantise on, best those the model was trained on"
    )
    parser.add_argument("-o", "--output", metavar="DIR", required=True, help="write the files here")
    parser.add_argument("--debug", action="store_true", help="log what happens, and show stack traces")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Export the model and print how far the logits are from those of Keras."""
    import os

    # TensorFlow and its converters write progress that nobody reads.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "0" if options.debug else "3")
    set_up_logging(options.debug)

    from classifiers import find_model
    from classifiers.errors import SettingsError
    from classifiers.export import MAX_DIFFERENCE, export_model
    from pipeline.workbench.quantising import quantising_crops

    quantise = options.precision == "int8"
    if quantise is not (options.data is not None) or (quantise and options.format != "openvino"):
        raise SettingsError("--precision int8 and --data go together, with --format openvino")
    spec, folder = find_model(options.model), Path(options.output)
    crops = quantising_crops(spec, options.data) if quantise else None
    exported = export_model(spec, options.format, folder)
    for file in exported.files.values():
        print(file)
    print(f"largest difference of a logit from Keras: {exported.difference:.1e}, at most {MAX_DIFFERENCE:.0e} allowed")
    if not exported.agrees:
        print("facewitness export: the exported model does not say what the Keras model says", file=sys.stderr)
        return 1
    if crops:
        _quantise(spec.name, folder, crops)
    return 0


def _quantise(name: str, folder: Path, crops: QuantisingCrops) -> None:
    """Quantise a model that was exported into a folder."""
    from classifiers.model_spec import MANIFEST
    from classifiers.quantize import MAX_DIFFERENCE, quantize_model

    quantized = quantize_model(folder / MANIFEST.name, name, crops.training, crops.held_out, crops.measured_on)
    for file_format in ("openvino_int8_graph", "openvino_int8_weights"):
        print(folder / quantized.files[file_format].file)
    if quantized.agreement:
        print(
            f"mean difference of a score from f32: {quantized.agreement.score_difference} on "
            f"{quantized.agreement.crops} crops, at most {MAX_DIFFERENCE} allowed"
        )
