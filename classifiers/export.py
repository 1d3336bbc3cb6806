"""Trained networks as files that other engines read."""

from __future__ import annotations

from pathlib import Path

_BATCH_NAME = "crop"


def export_openvino(keras_file: Path, graph_file: Path) -> Path:
    """Convert a Keras file to an OpenVINO graph of float32 weights.

    Needs Keras on the TensorFlow backend.

    Args:
        keras_file: a network as `classifiers.architectures.build` makes it, in float32.
        graph_file: the `.xml` to write; the weights go beside it into a `.bin`.

    Returns:
        The `.bin` file.
    """
    import keras
    import openvino as ov
    import tensorflow as tf

    network = keras.models.load_model(keras_file, compile=False, safe_mode=True)
    size = network.input_shape[1]
    function = tf.function(
        lambda crop: network(crop, training=False),
        input_signature=[tf.TensorSpec((None, size, size, 3), tf.float32, name=_BATCH_NAME)],
    )
    graph = ov.convert_model(function, input=[(_BATCH_NAME, [-1, size, size, 3])])
    graph.inputs[0].get_tensor().set_names({_BATCH_NAME})
    graph.outputs[0].get_tensor().set_names({"logits"})
    ov.save_model(graph, graph_file, compress_to_fp16=False)
    return graph_file.with_suffix(".bin")
