"""A prepared network rebuilt in Keras, as the way into TFLite. Never saved as ``.h5``."""

from __future__ import annotations

from typing import Any, Literal

from edge.engines.keras import import_keras
from edge.quiet import quiet
from quantize.export.keras import KerasPort
from quantize.int8.prepared import FULL, PreparedNetwork


def layer_name(module: str) -> str:
    """Name of the Keras layer of a torch module; TFLite's tensors carry it."""
    return module.replace(".", "_")


def build_prepared(network: PreparedNetwork, size: int, pixels: Literal["uint8", "float32"] = "uint8") -> Any:
    """Return a ``keras.Model`` that computes what ``network`` computes.

    Args:
        network: prepared for int8.
        size: side of the image.
        pixels: type of the input: bytes, or float32 in 0..255 for a file whose very input is to be integer.
    """
    keras = import_keras()
    with quiet():
        image = keras.Input((size, size, 3), dtype=pixels, name="image")
        x = keras.layers.Rescaling(1.0, name="to_float")(image) if pixels == "uint8" else image
        port = KerasPort(network, keras)
        outputs = port.heads(port.backbone(_constant_channel(keras)(x)))
        port.check_complete()
        return keras.Model(image, outputs, name="prepared")


def _constant_channel(keras: Any) -> Any:
    """A layer that appends the channel which is :data:`FULL` everywhere."""
    import tensorflow

    class ConstantChannel(keras.layers.Layer):  # type: ignore[misc, name-defined]
        def call(self, image: Any) -> Any:
            return tensorflow.pad(image, [[0, 0], [0, 0], [0, 0], [0, 1]], constant_values=FULL)

        def compute_output_shape(self, shape: Any) -> Any:
            return (*shape[:-1], 4)

    return ConstantChannel(name="constant_channel")
