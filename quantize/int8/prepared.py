"""The network as int8 wants it: no batch norms, and raw pixels straight into the first convolution.

An image is bytes already. Normalising it in float and rounding it to bytes again costs accuracy, time, and the promise
that every processor gives the same: float sums differ in the last bit, and a value that lies on a rounding step then
tips over. Here normalisation (and luma, for networks taught on gray images) is folded into the weights of the first
convolution. Its constant part cannot go into a bias, since the border is padded with zeros *after* normalisation;
it becomes a fourth input channel that is 255 everywhere and 0 in the padding. That is exact, for any mean and padding.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from edge.engines.network import EmotionNetwork
from edge.errors import EdgeError
from quantize.export.layers import LayerTracer

#: Value of the fourth channel: the largest byte, so that its weights are as coarse as the other channels'.
FULL = 255


class PreparedNetwork(nn.Module):
    """An :class:`EmotionNetwork` with batch norms folded and pixels 0..255 plus a constant channel as its input.

    Attributes:
        backbone: traced; takes float ``[N, 4, H, W]`` (R, G, B, :data:`FULL`), gives features. Nothing in it is without
            effect: norms, dropout and identities are gone.
        emotion: linear head.
        valence_arousal: linear head, before tanh.
        first: name of the first convolution in ``backbone``.
        architecture: torchvision's name.
    """

    def __init__(self, network: EmotionNetwork) -> None:
        """Copy and fold ``network`` (in evaluation mode).

        Raises:
            EdgeError: the network's code cannot be followed, or its image does not go into one plain convolution.
        """
        super().__init__()
        reason = unpreparable(network)
        if reason:
            raise EdgeError(f"{network.spec.architecture} cannot be quantized: {reason}")
        network = copy.deepcopy(network).eval()
        self.architecture = network.spec.architecture
        backbone = network.backbone
        self.emotion = network.emotion
        self.valence_arousal = network.valence_arousal
        _fold_norms(backbone)
        graph = LayerTracer().trace(backbone)
        self.first = str(_first_convolution(graph, dict(backbone.named_modules())))
        replace_module(backbone, self.first, _on_pixels(network, backbone.get_submodule(self.first)))
        self.backbone = _without_idle(backbone)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``(logits, valence_arousal)`` for uint8 images ``[N, H, W, 3]``, RGB."""
        return self.read(pixels_of(image))

    def read(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """The same for float ``[N, 4, H, W]``."""
        features = self.backbone(pixels)
        return self.emotion(features), torch.tanh(self.valence_arousal(features))

    def convolutions(self) -> dict[str, nn.Conv2d]:
        """All convolutions of the backbone by name, in the order of its modules."""
        return {name: layer for name, layer in self.backbone.named_modules() if isinstance(layer, nn.Conv2d)}


def pixels_of(image: Tensor) -> Tensor:
    """Return uint8 images ``[N, H, W, 3]`` as float ``[N, 4, H, W]``: R, G, B and the constant channel."""
    return nn.functional.pad(image, (0, 1), value=FULL).permute(0, 3, 1, 2).float()


def unpreparable(network: EmotionNetwork) -> str | None:
    """Say why a network cannot be prepared for int8, or None."""
    try:
        graph = LayerTracer().trace(network.backbone)
    except Exception as error:  # fx raises many types for control flow it cannot follow
        return f"its code cannot be traced ({type(error).__name__})"
    if _first_convolution(graph, dict(network.backbone.named_modules())) is None:
        return "its image does not go into one plain convolution"
    return None


def replace_module(root: nn.Module, name: str, module: nn.Module) -> None:
    """Put ``module`` in the place of the submodule of this dotted name."""
    parent, _, last = name.rpartition(".")
    setattr(root.get_submodule(parent) if parent else root, last, module)


def _first_convolution(graph: fx.Graph, modules: dict[str, nn.Module]) -> str | None:
    image = next(node for node in graph.nodes if node.op == "placeholder")
    users = list(image.users)
    if len(users) != 1 or users[0].op != "call_module":
        return None
    layer = modules[str(users[0].target)]
    plain = isinstance(layer, nn.Conv2d) and layer.groups == 1 and layer.padding_mode == "zeros"
    return str(users[0].target) if plain and not isinstance(layer.padding, str) else None


def _fold_norms(backbone: nn.Module) -> None:
    """Fold every batch norm that follows a convolution of its own into that convolution's weights."""
    modules = dict(backbone.named_modules())
    for node in LayerTracer().trace(backbone).nodes:
        if node.op != "call_module" or not isinstance(modules[str(node.target)], nn.BatchNorm2d):
            continue
        source = node.all_input_nodes[0]
        layer = modules.get(str(source.target)) if source.op == "call_module" else None
        if isinstance(layer, nn.Conv2d) and len(source.users) == 1:
            replace_module(backbone, str(source.target), fuse_conv_bn_eval(layer, modules[str(node.target)]))
            replace_module(backbone, str(node.target), nn.Identity())


def _without_idle(backbone: nn.Module) -> fx.GraphModule:
    """Trace a backbone and leave out what does nothing in evaluation."""
    traced = fx.GraphModule(backbone, LayerTracer().trace(backbone))
    modules = dict(backbone.named_modules())
    for node in traced.graph.nodes:
        idle = isinstance(modules.get(str(node.target)), nn.Identity | nn.Dropout) and node.op == "call_module"
        dropped = node.op == "call_function" and getattr(node.target, "__name__", "") in ("stochastic_depth", "dropout")
        if idle or dropped:
            node.replace_all_uses_with(node.all_input_nodes[0])
            traced.graph.erase_node(node)
    traced.delete_all_unused_submodules()
    traced.recompile()
    return traced


def _on_pixels(network: EmotionNetwork, layer: nn.Module) -> nn.Conv2d:
    """The first convolution with normalisation inside: over R, G, B in 0..255 and the constant channel."""
    assert isinstance(layer, nn.Conv2d)
    mixing, offset = network.normalize_weight[:, :, 0, 0], network.normalize_bias
    colours = torch.einsum("okyx,kc->ocyx", layer.weight.data, mixing)
    constant = torch.einsum("okyx,k->oyx", layer.weight.data, offset)[:, None] / FULL
    result = nn.Conv2d(
        4,
        layer.out_channels,
        layer.kernel_size,  # type: ignore[arg-type]
        layer.stride,  # type: ignore[arg-type]
        layer.padding,  # type: ignore[arg-type]
        layer.dilation,  # type: ignore[arg-type]
    )
    result.weight.data = torch.cat([colours, constant], dim=1)
    result.bias.data = torch.zeros(layer.out_channels) if layer.bias is None else layer.bias.data.clone()  # type: ignore[union-attr]
    return result
