"""Figures and facts of a bundle in words, so that model card and report say the same in the same way."""

from __future__ import annotations

import math

from edge.schema import Parity, Quantization

#: What each precision means, see :data:`edge.schema.Precision`.
PRECISIONS = {
    "float32": "weights and activations in 32 bits",
    "float16": "weights stored in 16 bits, computed in 32",
    "dynamic": "int8 weights, float activations",
    "int8": "int8 weights and activations, float outputs",
    "integer": "int8 throughout, input and outputs too",
}

_RANGES = {
    "minmax": "the smallest and largest values met (min-max)",
    "percentile": "percentiles of the values met",
    "entropy": "the least loss of information (entropy)",
    "mse": "the least squared error (MSE)",
}


def plain(value: float) -> str:
    """Return a figure in three digits: ``0.312``, ``12.0``, ``346``, ``5.2e-6`` (two digits)."""
    if value == 0:
        return "0"
    if not math.isfinite(value):
        return str(value)
    if 1e-3 <= abs(value) < 1e4:
        return f"{value:#.3g}".rstrip(".") if abs(value) < 999.5 else f"{value:.0f}"
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def points(share: float, digits: int = 2) -> str:
    """Return a difference of two shares in percentage points, with a true minus sign and no negative zero."""
    text = f"{100 * share:.{digits}f}"
    return text.lstrip("-") if not float(text) else text.replace("-", "−")


def drop(parity: Parity) -> str:
    """Return the loss of accuracy and its paired interval in points; empty without labels."""
    if parity.accuracy_drop is None:
        return ""
    found = points(parity.accuracy_drop)
    if parity.accuracy_drop_interval is None:
        return found
    low, high = parity.accuracy_drop_interval
    return f"{found} ({points(low)} to {points(high)})"


def quantized(made: Quantization) -> list[str]:
    """Return how a file was quantized, a sentence each."""
    sentences = [f"Recipe `{made.recipe}`: weights in {made.weight_bits} bits, {_activations(made)}."]
    mended = []
    if made.equalized:
        mended.append("channels scaled to like ranges across layers")
    if made.bias_corrected:
        mended.append("biases corrected for the mean error")
    if made.tuned_steps:
        mended.append(f"{made.tuned_steps:,} steps of quantization-aware fine-tuning")
    if mended:
        sentences.append(f"Mended by {_listed(mended)}.")
    if made.float_layers:
        several = len(made.float_layers) > 1
        names = _listed([f"`{name}`" for name in made.float_layers])
        sentences.append(f"{names} {'stay' if several else 'stays'} in float.")
    if made.reason:
        sentences.append(f"Why: {made.reason.rstrip('.')}.")
    return sentences


def _activations(made: Quantization) -> str:
    if made.ranges is None:
        return "activations in float"
    ranges = _RANGES.get(made.ranges, made.ranges)
    images = "" if not made.images else f" on {made.images:,} images"
    data = "" if made.data is None else f" ({made.data})"
    return f"activation ranges by {ranges}{images}{data}"


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]
