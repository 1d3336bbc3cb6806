"""Post-training quantisation: a model that computes in 8-bit integers, and the proof that it says the same."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from classifiers.calibration import Calibration
from classifiers.engines import create_engine
from classifiers.engines.openvino_engine import adds_int8_exactly
from classifiers.extras import install_command
from classifiers.model_spec import Agreement, ModelError, ModelFile, ModelSpec, read_manifest, write_manifest
from classifiers.openvino_graph import compile_for_cpu, files_of, read_graph

if TYPE_CHECKING:
    import nncf

MAX_DIFFERENCE = 0.02
"""By how much the scores of single crops may differ on average from those in float32."""

RANGE_CROPS, RANKING_CROPS = 300, 320
"""Of the crops that are given, how many serve to find the ranges of numbers, and to find the layers that suffer."""

# Less than what is allowed, since it is met on the crops that choose the layers.
_AIM = MAX_DIFFERENCE / 2
_BATCH = 32


def quantize_model(
    manifest: Path,
    name: str,
    crops: NDArray[np.uint8],
    held_out: NDArray[np.uint8],
    measured_on: str,
    in_f32: Sequence[str] = (),
) -> ModelSpec:
    """Add int8 files to a model that has OpenVINO files, if its scores stay what they are.

    Weights and activations become 8-bit integers (Jacob et al. 2018), weights by channel. Layers whose quantisation
    changes the scores most stay in float32, one after the other until the rest agrees: often the first depthwise
    convolution, whose filters look at differences far smaller than what they differ from. The search for them takes
    long in a network of many layers; where they are known, they can be named.

    Args:
        manifest: of the model; its files lie beside it, and the new ones are written there, in place of earlier ones,
            once they have been checked.
        name: of the model.
        crops: uint8 (n, size, size, 3) RGB, drawn evenly from those that the model was trained on.
        held_out: the same, from others: `RANKING_CROPS` of them decide which layers stay, all measure the agreement.
        measured_on: what the held-out crops are, in words.
        in_f32: the layers that stay, by their names in the OpenVINO graph; none to search for them.

    Returns:
        The model with its new files, as it now stands in the manifest.

    Raises:
        ModelError: nncf is not installed, the model lacks OpenVINO files, this processor cannot run int8, the scores
            differ too much, or a file cannot be written.
    """
    try:
        import nncf
    except ImportError as error:
        raise ModelError(f"quantising needs `{install_command('quantize')}`") from error
    specs = read_manifest(manifest)
    spec = specs[name]
    if not adds_int8_exactly(ov.Core(), "CPU"):
        raise ModelError("this processor lacks VNNI instructions, without which an int8 model cannot be checked")
    graph_kind, weights_kind = files_of("int8")
    nncf.set_log_level(logging.ERROR)
    ranking = np.linspace(0, len(held_out) - 1, min(len(held_out), RANKING_CROPS)).astype(int)
    if in_f32:
        graph = _quantized_but_for(spec, crops[:RANGE_CROPS], in_f32)
    else:
        graph = _quantized(spec, crops[:RANGE_CROPS], held_out[ranking])
    # nncf gives the original back where it cannot reach the aim.
    if not any(node.get_type_name() == "FakeQuantize" for node in graph.get_ops()):
        raise ModelError(f"the scores of model {name!r} bear no layer in int8; keep to bf16")
    try:
        # Earlier int8 files must outlive a failure.
        with tempfile.TemporaryDirectory(prefix=".int8-", dir=spec.folder) as folder:
            graph_file, weights_file = (Path(folder, f"{name}_int8.{ending}") for ending in ("xml", "bin"))
            ov.save_model(graph, graph_file, compress_to_fp16=False)
            files = {graph_kind: ModelFile.of(graph_file), weights_kind: ModelFile.of(weights_file)}
            trial = replace(spec, files=spec.files | files, folder=Path(folder))
            expected, found = (
                scores_of(spec.calibration, create_engine("openvino", model, precision=precision).predict(held_out))
                for model, precision in ((spec, "f32"), (trial, "int8"))
            )
            difference = float(np.abs(found - expected).mean())
            # What is no number does not agree either.
            if not difference <= MAX_DIFFERENCE:
                raise ModelError(
                    f"int8 changes the scores of model {name!r} by {difference:.3f} on average, and at most "
                    f"{MAX_DIFFERENCE} is allowed; try other crops, or keep to bf16"
                )
            for file in (graph_file, weights_file):
                file.replace(spec.folder / file.name)
        agreement = Agreement(round(difference, 4), len(held_out), measured_on)
        quantized = replace(trial, folder=spec.folder, agreement=agreement)
        write_manifest(manifest, [quantized if each is spec else each for each in specs.values()])
    except OSError as error:
        raise ModelError(f"cannot write to {spec.folder}: {error.strerror or error}") from error
    return quantized


def _quantized(spec: ModelSpec, crops: NDArray[np.uint8], held_out: NDArray[np.uint8]) -> ov.Model:
    import nncf

    graph = read_graph(spec)
    original = compile_for_cpu(graph)
    parts = [held_out[start : start + _BATCH].astype(np.float32) for start in range(0, len(held_out), _BATCH)]
    pairs = [(part, scores_of(spec.calibration, original(part)[0])) for part in parts]

    def agreement(
        network: ov.CompiledModel, data: Iterable[tuple[NDArray[np.float32], NDArray[np.float64]]]
    ) -> tuple[float, None]:
        differences = [np.abs(scores_of(spec.calibration, network(part)[0]) - scores) for part, scores in data]
        return 1 - float(np.concatenate(differences).mean()), None

    return nncf.quantize_with_accuracy_control(
        graph,
        _inputs(crops),
        nncf.Dataset(pairs, lambda pair: pair[0]),
        agreement,
        max_drop=_AIM,
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(crops),
        advanced_quantization_parameters=_all_bits(),
    )


def _quantized_but_for(spec: ModelSpec, crops: NDArray[np.uint8], layers: Sequence[str]) -> ov.Model:
    import nncf

    graph = read_graph(spec)
    if unknown := sorted(set(layers) - {node.get_friendly_name() for node in graph.get_ops()}):
        raise ModelError(f"the graph of model {spec.name!r} has no layer {', '.join(unknown)}")
    return nncf.quantize(
        graph,
        _inputs(crops),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(crops),
        ignored_scope=nncf.IgnoredScope(names=list(layers)),
        advanced_parameters=_all_bits(),
    )


def _inputs(crops: NDArray[np.uint8]) -> nncf.Dataset:
    import nncf

    return nncf.Dataset([crop[None].astype(np.float32) for crop in crops])


def _all_bits() -> nncf.AdvancedQuantizationParameters:
    """Use all 8 bits of the weights, since only processors that add them exactly run them."""
    import nncf

    return nncf.AdvancedQuantizationParameters(overflow_fix=nncf.OverflowFix.DISABLE)


def scores_of(calibration: Calibration, logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Calibrate the logits (n, 2) of single crops: (n,) scores, 1 = fake."""
    return np.array([calibration.scores(*row).fake for row in logits.tolist()])
