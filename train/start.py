"""The network a run starts from: torchvision's weights where they can be had, a bundle's, or random numbers."""

from __future__ import annotations

import copy
import socket
from pathlib import Path

import torch

from edge.bundle import FILE_NAMES, read_bundle
from edge.engines.network import EmotionNetwork, NetworkSpec
from edge.engines.torch import load_network
from edge.errors import EdgeError
from train.note import note

#: Seconds without an answer after which a download that was not asked for by name is given up.
PATIENCE = 20.0


def starting_network(
    spec: NetworkSpec, weights: str, labels: tuple[str, ...], size: int, dropout: float | None = None
) -> EmotionNetwork:
    """Return the network that training begins with.

    Args:
        spec: what to build.
        weights: ``"auto"``, torchvision's ImageNet weights, or random numbers and a line that says so where those
            cannot be had; ``"none"``, random numbers; a torchvision weights name; or a bundle folder.
        labels: the data's classes; a bundle must know the same.
        size: side of the network input; the network is tried out on it.
        dropout: share of the features dropped before the heads; None: as the architecture has it.

    Raises:
        EdgeError: unknown names, weights that were asked for and cannot be downloaded, a bundle that does not fit, or
            an architecture that does not take pictures of this size.
    """
    if weights == "none":
        network = EmotionNetwork(spec, None, dropout)
    elif weights == "auto":
        network = _imagenet_or_random(spec, dropout)
        _check_shapes(network, "auto")
    elif Path(weights).exists():
        network = EmotionNetwork(spec, None, dropout)
        network.load_state_dict(_of_bundle(Path(weights), spec, labels), strict=False)
    else:
        network = _named(spec, weights, dropout)
        _check_shapes(network, weights)
    _try_out(network, size)
    return network


def _imagenet_or_random(spec: NetworkSpec, dropout: float | None) -> EmotionNetwork:
    """Return a network with torchvision's default weights, or one without, after a line that says so."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE)
    try:
        return EmotionNetwork(spec, "DEFAULT", dropout)
    except (OSError, RuntimeError) as error:  # no way there, or not the file that torchvision knows
        reason = str(error)
    except EdgeError:
        random = EmotionNetwork(spec, None, dropout)  # an unknown architecture is no matter of weights
        note(f"torchvision has no weights for {spec.architecture}: training begins with random ones and takes longer")
        return random
    finally:
        socket.setdefaulttimeout(before)
    note(
        f"ImageNet weights for {spec.architecture} cannot be had ({reason}): training begins with random ones, needs "
        "more epochs and ends less accurate on little data; --weights none says this is meant"
    )
    return EmotionNetwork(spec, None, dropout)


def _named(spec: NetworkSpec, weights: str, dropout: float | None) -> EmotionNetwork:
    """Return a network with the torchvision weights of this name."""
    try:
        return EmotionNetwork(spec, weights, dropout)
    except OSError as error:  # urllib's errors included
        raise EdgeError(
            f"--weights {weights}: cannot download torchvision's weights ({error}); connect to the network, give a "
            "bundle folder, or use --weights none"
        ) from error
    except RuntimeError as error:
        raise EdgeError(f"--weights {weights}: torchvision's file is damaged ({error}); delete it") from error
    except EdgeError as error:
        if "/" in weights or "." in weights:
            raise EdgeError(f"--weights {weights}: neither a bundle folder nor a torchvision name") from error
        raise


def _of_bundle(path: Path, spec: NetworkSpec, labels: tuple[str, ...]) -> dict[str, torch.Tensor]:
    """Return the learnt tensors of a bundle's checkpoint, float32."""
    bundle = read_bundle(path if path.is_dir() else path.parent)
    config = bundle.config
    if config.architecture != spec.architecture:
        raise EdgeError(f"--weights {path} is a {config.architecture}, not a {spec.architecture}; choose --arch to fit")
    if config.labels != labels:
        raise EdgeError(f"--weights {path} knows {', '.join(config.labels)}; the data knows {', '.join(labels)}")
    state = load_network(bundle.path(FILE_NAMES["pth", "float32"]), config).state_dict()
    # Colour and normalisation belong to the new run, not to the weights it starts from.
    return {name: value for name, value in state.items() if not name.startswith("normalize_")}


def _try_out(network: EmotionNetwork, size: int) -> None:
    """Run two black pictures through a copy, as training will."""
    try:
        with torch.no_grad():
            logits, affect = copy.deepcopy(network).train()(torch.zeros(2, size, size, 3, dtype=torch.uint8))
        fits = logits.shape == (2, network.spec.num_classes) and affect.shape == (2, 2)
        reason = "it gives no single feature vector an image"
    except (RuntimeError, ValueError, AssertionError, TypeError, AttributeError) as error:
        fits, reason = False, str(error).partition("\n")[0][:120]
    if not fits:
        raise EdgeError(
            f"--arch {network.spec.architecture} cannot be trained on {size} px pictures ({reason}); choose another "
            "--arch or --image-size"
        )


def _check_shapes(network: EmotionNetwork, weights: str) -> None:
    """See that its checkpoint will fit what is built from its config alone: some weights bring a size along."""
    shapes = [
        {name: value.shape for name, value in built.state_dict().items()}
        for built in (network, EmotionNetwork(network.spec))
    ]
    if shapes[0] != shapes[1]:
        raise EdgeError(
            f"--weights {weights} belong to another shape of {network.spec.architecture} than torchvision builds "
            "without them; choose other weights"
        )
