"""The layers of :mod:`quantize.export.layers`, each built of Keras's own, with torch's weights turned to its layout."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantize.export.layers import Layer
from quantize.export.pooling import averaging

Weights = list[NDArray[np.float32]]


class KerasLayers:
    """Builds layers. Maps are ``[N, H, W, C]``, vectors ``[N, C]``; H, W and C are known, N is not."""

    def __init__(self, keras: Any) -> None:
        """Take ``keras`` as imported, since importing it takes seconds."""
        self.layers = keras.layers

    def build(self, layer: Layer, inputs: list[Any], tensors: Weights) -> Any:
        """Return what a layer gives.

        Args:
            layer: what to build.
            inputs: its Keras tensors.
            tensors: its weights, in torch's layout.
        """
        layers, name, options = self.layers, layer.name, layer.options
        x = inputs[0]
        match layer.kind:
            case "conv":
                return self.convolution(x, tensors, name, **options)
            case "linear":
                return (self.pointwise if options["map"] else self.dense)(x, tensors, name=name)
            case "linear_of_map":
                return self.linear_of_map(x, tensors, options["pool"], name)
            case "batch_norm":
                return _weighted(layers.BatchNormalization(epsilon=options["epsilon"], name=name), x, tensors)
            case "layer_norm":
                return _weighted(layers.LayerNormalization(epsilon=options["epsilon"], name=name), x, tensors)
            case "scale":
                scales = layers.DepthwiseConv2D(1, use_bias=False, name=name)
                return _weighted(scales, x, [tensors[0].reshape(1, 1, -1, 1)])
            case "activation":
                function = options["function"]
                return layers.ReLU(6.0)(x) if function == "relu6" else layers.Activation(function)(x)
            case "max_pool":
                return self.max_pool(x, **options)
            case "average_pool":
                padded = self.padded(x, [(p, p) for p in options["padding"]])
                return layers.AveragePooling2D(options["kernel"], options["stride"])(padded)
            case "global_pool":
                return layers.GlobalAveragePooling2D(keepdims=options["keepdims"])(x)
            case "add" | "multiply" | "concatenate":
                return getattr(layers, layer.kind.capitalize())()(inputs)
            case "slice":
                return self.slice(x, **options)
            case "shuffle":
                return self.shuffle(x, options["groups"])
        raise ValueError(f"unknown kind of layer: {layer.kind}")

    def convolution(
        self,
        x: Any,
        tensors: Weights,
        name: str | None,
        filters: int,
        kernel: tuple[int, int],
        stride: tuple[int, int],
        dilation: tuple[int, int],
        padding: tuple[int, int],
        groups: int,
        depthwise: bool,
    ) -> Any:
        """A convolution; the numbers are torch's."""
        reach = tuple(d * (k - 1) for d, k in zip(dilation, kernel, strict=True))
        # "same" pads evenly only at stride 1; at stride 2 TensorFlow would pad right and bottom, torch pads all sides.
        same = stride == (1, 1) and tuple(2 * p for p in padding) == reach
        x = x if same else self.padded(x, [(p, p) for p in padding])
        options = {
            "strides": stride,
            "dilation_rate": dilation,
            "use_bias": len(tensors) > 1,
            "padding": "same" if same else "valid",
            "name": name,
        }
        weight, *bias = tensors
        if depthwise:
            return _weighted(self.layers.DepthwiseConv2D(kernel, **options), x, [weight.transpose(2, 3, 0, 1), *bias])
        layer = self.layers.Conv2D(filters, kernel, groups=groups, **options)
        return _weighted(layer, x, [weight.transpose(2, 3, 1, 0), *bias])

    def pointwise(self, x: Any, tensors: Weights, **options: Any) -> Any:
        """A linear layer over the channels of a map; weight ``[out, in]`` or ``[out, in, 1, 1]``."""
        weight, bias = tensors
        kernel = weight.reshape(len(weight), -1).T[None, None]
        return _weighted(self.layers.Conv2D(len(bias), 1, **options), x, [kernel, bias])

    def dense(self, x: Any, tensors: Weights, **options: Any) -> Any:
        """A linear layer over a vector."""
        weight, bias = tensors
        return _weighted(self.layers.Dense(len(bias), **options), x, [weight.T, bias])

    def linear_of_map(self, x: Any, tensors: Weights, pool: tuple[int, int], name: str | None) -> Any:
        """Adaptive pooling, flatten and a linear layer: one convolution as large as the map.

        All three are linear, so their product is. Nothing is reshaped, which would fix TFLite's batch size; and where
        a small map would be pooled up to a larger one, the weights become fewer.
        """
        weight, bias = tensors
        height, width, channels = x.shape[1:]
        rows, columns = averaging(height, pool[0]), averaging(width, pool[1])
        cells = weight.reshape(len(weight), channels, *pool)
        kernel = np.einsum("ocyx,yh,xw->hwco", cells, rows, columns, optimize=True)
        y = _weighted(self.layers.Conv2D(len(bias), (height, width), name=name), x, [kernel, bias])
        return self.layers.GlobalAveragePooling2D()(y)  # of one cell: [N, 1, 1, C] becomes [N, C]

    def max_pool(
        self, x: Any, kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int], same: bool, ceil: bool
    ) -> Any:
        """Max pooling. Padding is zeros, as good as minus infinity since the input is known not to be negative."""
        if same:
            return self.layers.MaxPooling2D(kernel, stride, padding="same")(x)
        pads = []
        for size, k, s, p in zip(x.shape[1:3], kernel, stride, padding, strict=True):
            more = -(size + 2 * p - k) % s if ceil else 0
            # A window that would begin beyond the picture and its left padding is not there.
            beyond = size + 2 * p + more - k >= size + p
            pads.append((p, p if beyond else p + more))
        return self.layers.MaxPooling2D(kernel, stride)(self.padded(x, pads))

    def padded(self, x: Any, padding: list[tuple[int, int]]) -> Any:
        """Zeros around a map: before and after its rows, before and after its columns."""
        return self.layers.ZeroPadding2D(padding)(x) if any(map(any, padding)) else x

    def slice(self, x: Any, part: int, parts: int) -> Any:
        """One of several equal shares of the channels."""
        share = x.shape[-1] // parts
        crop = (part * share, x.shape[-1] - (part + 1) * share)
        # Cropping knows two axes; told that channels come first, it takes width and channels for them.
        return self.layers.Cropping2D(((0, 0), crop), data_format="channels_first")(x)

    def shuffle(self, x: Any, groups: int) -> Any:
        """Channels of several groups, one of each in turn."""
        height, width, channels = x.shape[1:]
        apart = self.layers.Reshape((height, width, groups, channels // groups))(x)
        return self.layers.Reshape((height, width, channels))(self.layers.Permute((1, 2, 4, 3))(apart))


def _weighted(layer: Any, x: Any, weights: Weights) -> Any:
    y = layer(x)
    layer.set_weights(weights)  # Keras refuses shapes that do not fit
    return y
