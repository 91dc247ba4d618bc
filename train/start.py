"""The network a run starts from: random, with torchvision's weights, or from a bundle."""

from __future__ import annotations

import copy
from pathlib import Path

import torch

from edge.bundle import FILE_NAMES, read_bundle
from edge.engines.network import EmotionNetwork, NetworkSpec
from edge.engines.torch import load_network
from edge.errors import EdgeError


def starting_network(spec: NetworkSpec, weights: str | None, labels: tuple[str, ...], size: int) -> EmotionNetwork:
    """Return the network that training begins with.

    Args:
        spec: what to build.
        weights: a torchvision weights name, a bundle folder, or None for random numbers.
        labels: the data's classes; a bundle must know the same.
        size: side of the network input; the network is tried out on it.

    Raises:
        EdgeError: unknown names, weights that cannot be downloaded, a bundle that does not fit, or an architecture that
            does not take pictures of this size.
    """
    if weights and Path(weights).exists():
        network = EmotionNetwork(spec)
        network.load_state_dict(_of_bundle(Path(weights), spec, labels), strict=False)
    else:
        try:
            network = EmotionNetwork(spec, weights)
        except OSError as error:  # urllib's errors included
            raise EdgeError(
                f"--weights {weights}: cannot download torchvision's weights ({error}); connect to the network, give a "
                "bundle folder, or leave --weights out"
            ) from error
        except RuntimeError as error:
            raise EdgeError(f"--weights {weights}: torchvision's file is damaged ({error}); delete it") from error
        except EdgeError as error:
            if weights and ("/" in weights or "." in weights):
                raise EdgeError(f"--weights {weights}: neither a bundle folder nor a torchvision name") from error
            raise
    _try_out(network, size)
    return network


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
