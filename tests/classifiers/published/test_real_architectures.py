"""The architectures of published detectors, exported from PyTorch as their pages tell, with random weights.

Neither PyTorch nor timm nor transformers is needed for anything here, so these run only where somebody has them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from skimage import data

from classifiers.published.library import add_model
from classifiers.published.recipe import read_recipe
from pipeline import Scanner
from pipeline.evidence.pictures import read_frames, reopen
from pipeline.media.sampling import SamplingPlan
from tests.classifiers.published.authors import CROPPERS, prepared

if TYPE_CHECKING:
    import torch

PORTRAIT = data.astronaut()
LANDMARKS = np.array([[203.5, 100.0], [245.5, 102.0], [224.0, 126.5], [202.0, 138.5], [244.5, 140.5]])

torch_ = pytest.importorskip("torch", reason="PyTorch is not installed")
timm = pytest.importorskip("timm", reason="timm is not installed")
transformers = pytest.importorskip("transformers", reason="transformers is not installed")

pytestmark = pytest.mark.slow

SAMPLE = Path(__file__).parents[3] / "sample_videos" / "two_people.mp4"


def of_timm(name: str, classes: int) -> torch.nn.Module:
    return timm.create_model(name, pretrained=False, num_classes=classes)


def vision_transformer(patch: int) -> torch.nn.Module:
    """Build a small one of CLIP's kind with the linear head that GenD and Effort put on it."""
    config = transformers.CLIPVisionConfig(
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        image_size=224,
        patch_size=patch,
    )

    class Probe(torch_.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.vision_model = transformers.CLIPVisionModel(config)
            self.linear = torch_.nn.Linear(64, 2)

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            features = self.vision_model(image).pooler_output
            return self.linear(torch_.nn.functional.normalize(features, dim=1) * 10)

    return Probe()


def image_classifier() -> torch.nn.Module:
    config = transformers.ViTConfig(
        hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4, num_labels=2
    )

    class Logits(torch_.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = transformers.ViTForImageClassification(config)

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return self.network(pixel_values=image).logits

    return Logits()


NETWORKS = {
    "sbi": lambda: of_timm("efficientnet_b4", 2),
    "deepfakebench": lambda: of_timm("legacy_xception", 2),
    "deepfakebench-effort": lambda: vision_transformer(14),
    # Its weights are for B7, which with random ones makes much of every rounding.
    "dfdc-winner": lambda: of_timm("tf_efficientnet_b0", 1),
    "icpr2020": lambda: of_timm("efficientnet_b4", 1),
    "gend": lambda: vision_transformer(14),
    "gend-dinov3": lambda: vision_transformer(16),
    "gend-pe": lambda: vision_transformer(28),
    "hf-image-classifier": image_classifier,
}


def settled(network: torch.nn.Module, name: str) -> torch.nn.Module:
    """Give it statistics of faces, without which batch normalisation lets nothing through or lets it grow.

    Args:
        network: of PyTorch.
        name: of the recipe.
    """
    random = np.random.default_rng(0)
    crops = []
    for _ in range(8):
        moved = LANDMARKS + random.normal(0, 12, 2) + random.normal(0, 2, (5, 2))
        box = np.array([*(moved.min(axis=0) - 30), *(np.ptp(moved, axis=0) + 60)])
        crops.append(prepared(name, CROPPERS[name](PORTRAIT, box, moved.astype(np.float32))))
    for layer in network.modules():
        if isinstance(layer, torch_.nn.BatchNorm2d):
            layer.momentum = None
    with torch_.no_grad():
        network.train()(torch_.from_numpy(np.concatenate(crops)))
    return network.eval()


@pytest.mark.parametrize("name", NETWORKS)
def test_the_whole_way_from_pytorch_to_a_verdict(name, tmp_path, monkeypatch):
    monkeypatch.setenv("FACEWITNESS_MODELS", str(tmp_path / "models"))
    recipe = read_recipe(name)
    torch_.manual_seed(0)
    network = settled(NETWORKS[name](), name)
    torch_.onnx.export(
        network,
        (torch_.zeros(2, 3, recipe.input.size, recipe.input.size),),
        str(tmp_path / "network.onnx"),
        dynamo=False,
        input_names=["image"],
        output_names=["answer"],
        dynamic_axes={"image": {0: "n"}, "answer": {0: "n"}},
    )
    add_model(tmp_path / "network.onnx", recipe, "added")
    verdict = Scanner("added", engine="openvino", precision="f32", plan=SamplingPlan.spread(1)).scan(SAMPLE)
    seen = [one for item in verdict.tracks for one in item.track.observations]
    assert len(seen) == 2
    logits = []
    for frame, faces in read_frames(reopen(verdict, SAMPLE), seen):
        for one in faces:
            image = prepared(name, CROPPERS[name](frame, one.face.box, one.face.landmarks))
            with torch_.no_grad():
                answer = network(torch_.from_numpy(np.ascontiguousarray(image)))[0].numpy()
            logits.append((float(one.logits[0]), float(answer[0] if len(answer) == 1 else answer[1] - answer[0])))
    found, wanted = np.array(logits).T
    np.testing.assert_allclose(found, wanted, atol=1e-3)
    # Else nothing of the faces would have come through.
    assert np.ptp(wanted) > 5e-3
