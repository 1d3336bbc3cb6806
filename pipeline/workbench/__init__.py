"""Training, measuring and comparing detectors as Python functions; the commands of these names call them.

    from pipeline import workbench

    workbench.explore("videos", "report")              what a data set holds
    workbench.cut_faces("videos", "faces")             face crops to train on
    workbench.train("faces", "run")                    a calibrated model that scans
    workbench.report_run("run")                        how it went, on one page
    workbench.evaluate("faces", model="run/manifest.json")
    workbench.calibrate("faces", "calibrated")         scores that are chances
    workbench.compare("faces", "comparison", architectures=["cnn", "xception"])
    workbench.benchmark_models("videos", ["all"], "benchmark")  published detectors too

All take paths and keyword options, print nothing, and tell of their progress if they are given a `Progress`.
"""

from __future__ import annotations

from classifiers.evaluation.evaluation import Evaluation
from classifiers.evaluation.model_benchmark import ModelBenchmark
from classifiers.training.config import TrainingConfig
from pipeline.workbench.calibration import CalibratedModel, calibrate
from pipeline.workbench.comparison import Comparison, compare
from pipeline.workbench.evaluation import evaluate
from pipeline.workbench.exploration import ExploredData, explore
from pipeline.workbench.extras import MissingLibraryError
from pipeline.workbench.face_index import FaceCounts
from pipeline.workbench.faces import cut_faces
from pipeline.workbench.model_benchmark import benchmark_models
from pipeline.workbench.progress import Progress
from pipeline.workbench.run_page import report_run
from pipeline.workbench.training import TrainedModel, TrainingStep, train

__all__ = [
    "CalibratedModel",
    "Comparison",
    "Evaluation",
    "ExploredData",
    "FaceCounts",
    "MissingLibraryError",
    "ModelBenchmark",
    "Progress",
    "TrainedModel",
    "TrainingConfig",
    "TrainingStep",
    "benchmark_models",
    "calibrate",
    "compare",
    "cut_faces",
    "evaluate",
    "explore",
    "report_run",
    "train",
]
