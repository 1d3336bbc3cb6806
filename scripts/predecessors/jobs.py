"""What the five predecessors trained, what they claim, and what of ours is set beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Job:
    """One network of one predecessor.

    Attributes:
        predecessor: its letter, and what it is.
        preset: of `facewitness train`.
        data: one of `data.DATA_SETS`.
        claim: what it says of itself, in words.
        measure: "accuracy" or "auc".
        wanted: what ours should reach; None where no figure was set.
        less: settings that replace those of the preset where there are few cores and nothing can be fetched.
    """

    predecessor: str
    preset: str
    data: str
    claim: str
    measure: str
    wanted: float | None
    less: Mapping[str, object] = field(default_factory=dict)


_A = "(a) CNN on 140k Real and Fake Faces"
_B = "(b) transfer learning on Stable Diffusion 2.1"
_D = "(d) clips of DFDC"
_E = "(e) CNN, CapsNet and Xception compared"

_TRANSFER = {"start": "random", "head-steps": 0, "batch-size": 16, "learning-rate": 1e-3}
_SMALL = _TRANSFER | {"input-size": 80}
_CLIPS = {"input-size": 96, "head-steps": 0, "steps": 300}

JOBS = (
    Job(_A, "tutorial-cnn", "stills", "99% (own split); (e) has 59.6%", "accuracy", 0.80, {"steps": 1500}),
    Job(_B, "transfer-efficientnet_v2", "diffusion", "over 90%", "accuracy", 0.95, _TRANSFER | {"steps": 1500}),
    Job(_B, "transfer-mobilenet_v2", "diffusion", "over 90%", "accuracy", 0.95, _SMALL | {"steps": 1500}),
    Job(_B, "transfer-resnet50", "diffusion", "over 90%", "accuracy", 0.95, _TRANSFER | {"steps": 1000}),
    Job(_E, "tutorial-capsnet", "stills", "46.7%", "accuracy", 0.70, {"steps": 1050}),
    Job(_E, "tutorial-xception", "stills", "69.0%", "accuracy", 0.85, {"input-size": 96, "steps": 1500}),
    Job(_D, "dfdc-vgg16", "clips", "none", "auc", None, _CLIPS),
    Job(_D, "dfdc-inception_resnet_v2", "clips", "none", "auc", None, _CLIPS),
)
"""Every network that is trained; the CNN of (a) is also that of (e), and (c) has no network of its own."""
