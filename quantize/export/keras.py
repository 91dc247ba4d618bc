"""Keras: the same network built again, layer by layer, and its weights copied.

Only layers that Keras itself knows are used: the ``.h5`` file loads without custom objects.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from edge.engines.keras import import_keras
from edge.engines.network import EmotionNetwork
from edge.errors import EdgeError
from edge.quiet import quiet
from quantize.export.keras_layers import KerasLayers
from quantize.export.layers import UnportableError, layers_of


def unportable(network: EmotionNetwork) -> str | None:
    """Say which part of a network has no counterpart here, or None when it can be ported. Needs no TensorFlow."""
    try:
        layers_of(network.backbone)
    except UnportableError as error:
        return str(error)
    return None


def build_keras(network: EmotionNetwork, size: int) -> Any:
    """Return a ``keras.Model`` that computes what ``network`` computes.

    It takes ``image`` uint8 ``[N, size, size, 3]`` and gives a dict of ``logits`` ``[N, C]`` and ``valence_arousal``
    ``[N, 2]``.

    Raises:
        EdgeError: the architecture cannot be ported (see :func:`unportable`), or no TensorFlow.
    """
    reason = unportable(network)
    if reason:
        raise EdgeError(f"{network.spec.architecture} cannot be ported to Keras: {reason}")
    keras = import_keras()
    with quiet():
        port = KerasPort(network, keras)
        image = keras.Input((size, size, 3), dtype="uint8", name="image")
        x = keras.layers.Rescaling(1.0, name="to_float")(image)  # Keras's own way to a cast that survives in an .h5
        outputs = port.heads(port.backbone(port.normalized(x)))
        port.check_complete()
        return keras.Model(image, outputs, name=network.spec.architecture)


def export_keras(model: Any, path: Path) -> None:
    """Write a Keras model as ``.h5``."""
    with quiet():
        model.save(str(path))


class KerasPort:
    """One conversion: builds the parts of a network, and remembers which tensors were copied.

    Layers with weights are called as in torch, with ``_`` for ``.``.
    """

    def __init__(self, network: nn.Module, keras: Any) -> None:
        """Begin.

        Args:
            network: an :class:`EmotionNetwork`, or anything else with a ``backbone`` that ends in features and the
                linear heads ``emotion`` and ``valence_arousal``; in evaluation mode.
            keras: as imported.
        """
        self.torch_backbone = network.get_submodule("backbone")
        self.layers = KerasLayers(keras)
        self.tensors = {k: v for k, v in network.state_dict().items() if not k.endswith("num_batches_tracked")}
        self.used: list[str] = []

    def normalized(self, pixels: Any) -> Any:
        """Normalise pixels ``[N, H, W, 3]``, float 0..255."""
        return self.layers.pointwise(pixels, self.take("normalize_weight", "normalize_bias"), name="normalize")

    def backbone(self, x: Any) -> Any:
        """Return the features ``[N, F]`` of a map ``[N, H, W, C]``.

        Raises:
            UnportableError: no counterpart for something in it.
        """
        values = [x]
        for layer in layers_of(self.torch_backbone):
            inputs = [values[number] for number in layer.inputs]
            tensors = self.take(*(f"backbone.{name}" for name in layer.tensors))
            values.append(self.layers.build(layer, inputs, tensors))
        return values[-1]

    def heads(self, features: Any) -> dict[str, Any]:
        """Return ``logits`` and ``valence_arousal`` of features ``[N, F]``."""
        emotion, affect = (self.take(f"{name}.weight", f"{name}.bias") for name in ("emotion", "valence_arousal"))
        return {
            "logits": self.layers.dense(features, emotion, name="logits"),
            "valence_arousal": self.layers.dense(features, affect, name="valence_arousal", activation="tanh"),
        }

    def take(self, *names: str) -> list[Any]:
        """Return tensors of the network's state dict as float32 arrays."""
        self.used.extend(names)
        return [self.tensors[name].float().numpy() for name in names]

    def check_complete(self) -> None:
        """See that everything was copied.

        Raises:
            RuntimeError: a tensor was left out, or copied twice.
        """
        if sorted(self.used) != sorted(self.tensors):
            odd = sorted(set(self.tensors) ^ set(self.used)) or sorted(n for n in self.used if self.used.count(n) > 1)
            raise RuntimeError(f"not every tensor was copied exactly once: {', '.join(odd[:5])}")
