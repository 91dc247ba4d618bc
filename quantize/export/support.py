"""Which formats an architecture can have; said before any work starts."""

from __future__ import annotations

from edge.engines.network import EmotionNetwork
from quantize.export.keras import unportable
from quantize.int8.prepared import unpreparable

#: Made from the network rebuilt in Keras.
THROUGH_KERAS = ("keras", "tflite")


def refusal(network: EmotionNetwork, format: str, precision: str) -> str | None:
    """Say in one clause why a network cannot have a format, or None where it can. Needs no TensorFlow.

    TorchScript and ONNX follow the code itself and hold every torchvision network. Keras and TFLite hold what can be
    rebuilt of Keras's own layers: everything but attention (ViT, Swin, MaxViT).

    Args:
        network: in evaluation mode.
        format: as in the bundle's config: ``torchscript``, ``onnx``, ``keras``, ``tflite``.
        precision: as in the bundle's config; every precision of TFLite begins with the same float file.
    """
    if precision in ("int8", "integer"):
        reason = unpreparable(network)
        if reason is not None:
            return f"{network.spec.architecture} cannot be int8: {reason}"
    if format not in THROUGH_KERAS:
        return None
    reason = unportable(network)
    if reason is None:
        return None
    name = f"{format} {precision}" if precision != "float32" else format
    return f"{network.spec.architecture} cannot be had as {name}: {reason} in Keras"
