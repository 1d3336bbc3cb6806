"""`facewitness calibrate`: scores that are chances, and thresholds for a wanted rate of false alarms."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from classifiers.numerals import counted
from pipeline.cli.labelled_data import add_measuring_options, measuring_settings, open_data
from pipeline.cli.logs import set_up_logging
from pipeline.cli.progress_bar import bar

if TYPE_CHECKING:
    from pipeline.workbench import CalibratedModel
    from pipeline.workbench.measuring import MeasuringSettings

_DESCRIPTION = """\
Fit how the logits of a model become scores, and the thresholds of the verdicts, on data that it was not trained on.

A score is then the chance of a forgery if half of all clips were forged. platt fits a line for each output,
temperature a factor, isotonic any rising line (it wants hundreds of clips). DIR gets the files of the model and a new
manifest.json, which every other command takes as --model. A model that was added with `facewitness models add` needs
no DIR: it is calibrated where it is.

exit status: 0 calibrated, 1 nothing could be written, 2 wrong usage or unusable data"""


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "calibrate",
        help="fit scores and thresholds of a model",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_measuring_options(parser, "val")
    parser.add_argument(
        "--model",
        action="append",
        metavar="NAME|FILE",
        help="classifier, see `facewitness models`; given several times, how much each counts for a joint verdict",
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="DIR", help="folder of the new model (an added model stays where it is)"
    )
    parser.add_argument("--method", choices=("platt", "temperature", "isotonic"), default="platt")
    parser.add_argument(
        "--fpr", type=float, default=0.05, metavar="SHARE", help="real clips that may be called likely fake (0.05)"
    )
    # Other formats are near enough to share what is fitted on this one.
    parser.set_defaults(run=run, precision="f32")


def run(options: argparse.Namespace) -> int:
    """Calibrate, write the model and say what changed."""
    from pipeline.workbench.calibration import calibrate_model, calibration_folder, check_calibration

    set_up_logging(options.debug, "classifiers")
    settings = measuring_settings(options)
    if options.model and len(options.model) > 1:
        return _stack(options, settings)
    model = options.model[0] if options.model else None
    output = calibration_folder(model, options.output)
    check_calibration(model, output, options.method, options.fpr)
    data = open_data(options, "val")
    calibrated = calibrate_model(data, model, output, settings, method=options.method, fpr=options.fpr, progress=bar)
    print(_report(calibrated))
    print(f"\nUse it with --model {calibrated.manifest if options.output else model}")
    return 0


def _stack(options: argparse.Namespace, settings: MeasuringSettings) -> int:
    from classifiers.errors import SettingsError
    from pipeline.workbench.stacking import stack_models

    if options.output is None:
        raise SettingsError("name a folder for the joint verdict of several models with -o")
    data = open_data(options, "val")
    stacked = stack_models(
        data, options.model, options.output, settings, method=options.method, fpr=options.fpr, progress=bar
    )
    lines = [
        f"how much each counts, fitted on {counted(stacked.clips, 'clip')} or stills:",
        f"{'':<24}{'manipulated':>11}{'generated':>11}",
    ]
    for member, (manipulated, generated) in zip(stacked.models.members, stacked.models.weights, strict=True):
        lines.append(f"{member.name:<24}{manipulated:>11.3f}{generated:>11.3f}")
    if stacked.unscored:
        lines.append(f"left out: {counted(len(stacked.unscored), 'input')} gave no score")
    print("\n".join([*lines, stacked.models.thresholds.operating_point, str(stacked.models.thresholds)]))
    print(f"\nUse it with --model {stacked.file}")
    return 0


def _report(calibrated: CalibratedModel) -> str:
    """Say how far scores were from chances before and after, on the clips that were fitted."""
    after = calibrated.after
    lines = [
        f"on the {calibrated.clips} clips or stills that were fitted, both classes weighing alike:",
        f"{'':<8}{'ECE':>8}{'Brier':>8}",
    ]
    for title, error in (("before", calibrated.error_before), ("after", calibrated.error_after)):
        lines.append(f"{title:<8}{error.ece:>8.3f}{error.brier:>8.3f}")
    if calibrated.unscored:
        lines.append(f"left out: {counted(len(calibrated.unscored), 'input')} gave no score")
    lines += ["", f"fitted on {after.calibration.fitted_on}", after.thresholds.operating_point, str(after.thresholds)]
    return "\n".join(lines)
