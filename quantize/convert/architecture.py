"""Which torchvision network a state dict belongs to: told by the names and shapes of its tensors."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from edge.engines.network import EmotionNetwork, NetworkSpec, architectures
from edge.errors import EdgeError
from edge.quiet import quiet

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]

#: Architectures whose names a user is likely to try; for messages.
_EXAMPLES = "mobilenet_v2, resnet18, efficientnet_b0"
#: Older checkpoints have none of these, and evaluation uses none.
_COUNTER = "num_batches_tracked"


@dataclasses.dataclass(frozen=True)
class Body:
    """All of a torchvision network but its last linear layer.

    Attributes:
        architecture: torchvision's name.
        shapes: of its tensors, by torchvision's names.
        features: how many numbers it ends in.
        first: name of the first convolution's weight.
    """

    architecture: str
    shapes: Shapes
    features: int
    first: str

    def misfit(self, found: Shapes, prefix: str) -> list[str]:
        """Say which tensors are not in ``found`` under ``prefix``, or in another shape; empty when it fits."""
        problems = []
        for name, shape in self.shapes.items():
            there = found.get(prefix + name)
            if there == shape or (name == self.first and there == (shape[0], 1, *shape[2:])):
                continue
            if there is None and name.endswith(_COUNTER):
                continue
            problems.append(f"it has no {name}" if there is None else f"its {name} is {list(there)}, not {list(shape)}")
        return problems

    def prefixes(self, found: Iterable[str]) -> list[str]:
        """Return what may stand before this network's names: ``""``, ``"module."``, ``"network.backbone."`` ..."""
        anchor = next(iter(self.shapes))
        return [name.removesuffix(anchor) for name in found if name == anchor or name.endswith("." + anchor)]


@dataclasses.dataclass(frozen=True)
class Match:
    """A network and where its tensors lie."""

    body: Body
    prefix: str


def identify(found: Shapes, architecture: str | None = None) -> Match:
    """Find the torchvision network whose tensors these are.

    Args:
        found: shapes by name. More tensors than the network's may be there: heads, other layers.
        architecture: the only network to try; None tries all of torchvision's.

    Raises:
        EdgeError: no network fits (the nearest and its first difference are named), several do, or ``architecture`` is
            no network that can have two heads.
    """
    if architecture is not None and architecture not in architectures():
        raise EdgeError(f"--arch {architecture}: no such network; use a torchvision name such as {_EXAMPLES}")
    fitting: list[Match] = []
    nearest: tuple[float, str] = (0.0, "")
    for name in [architecture] if architecture else architectures():
        body = body_of(name)
        if body is None:
            continue
        for prefix in body.prefixes(found):
            problems = body.misfit(found, prefix)
            if not problems:
                fitting.append(Match(body, prefix))
            share = 1 - len(problems) / len(body.shapes)
            nearest = max(nearest, (share, f"{name}: {problems[0]}" if problems else ""))
    if not fitting:
        raise EdgeError(_unknown(found, architecture, nearest))
    # A small network may be found inside a larger one of its family: what explains most tensors is meant.
    most = max(len(match.body.shapes) for match in fitting)
    best = [match for match in fitting if len(match.body.shapes) == most]
    if len({match.body.architecture for match in best}) > 1:
        names = ", ".join(sorted({match.body.architecture for match in best}))
        raise EdgeError(f"these tensors fit several networks ({names}); say which with --arch")
    if len(best) > 1:
        prefixes = ", ".join(repr(match.prefix) for match in best)
        raise EdgeError(
            f"the file holds {len(best)} networks, under {prefixes} (a teacher? averaged weights?); say which is "
            "meant with --prefix"
        )
    return best[0]


@functools.cache
def body_of(architecture: str) -> Body | None:
    """Return the tensors of a torchvision network, without allocating them; None where it can't have two heads."""
    build = functools.partial(EmotionNetwork, NetworkSpec(architecture))
    with quiet():
        try:
            network = _without_memory(build)
        except EdgeError:  # squeezenet: its classifier is a convolution
            return None
    shapes = {name: tuple(value.shape) for name, value in network.backbone.state_dict().items()}
    first = next(name for name, shape in shapes.items() if len(shape) == 4 and shape[1] == 3)
    return Body(architecture, shapes, network.emotion.in_features, first)


def _without_memory(build: Callable[[], EmotionNetwork]) -> EmotionNetwork:
    try:
        with torch.device("meta"):
            return build()
    except NotImplementedError:  # RegNet computes its widths with tensors, and reads the numbers
        with _ParametersOnMeta():
            return build()


class _ParametersOnMeta(TorchFunctionMode):
    """Layers ask ``torch.empty``, ``zeros`` and ``ones`` for their parameters: only these come without memory."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        options = dict(kwargs or {})
        if func in (torch.empty, torch.zeros, torch.ones) and options.get("device") is None:
            options["device"] = "meta"
        return func(*args, **options)


def _unknown(found: Shapes, architecture: str | None, nearest: tuple[float, str]) -> str:
    remedy = "export it with torch.onnx.export and convert the .onnx file"
    share, difference = nearest
    if architecture is not None:
        return f"these are not the tensors of {difference or f'{architecture}: it has no such names'}; {remedy}"
    if share > 0.5:
        return f"no torchvision network has these tensors; the nearest is {difference}; {remedy}"
    some = ", ".join(f"{name} {list(shape)}" for name, shape in list(found.items())[:3])
    return f"no torchvision network has tensors like these ({some}, ...); {remedy}"
