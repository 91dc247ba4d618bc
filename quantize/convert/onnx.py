"""From somebody's ONNX file to the ``model.onnx`` of a bundle, held to what the original says about real faces."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.bundle import Config
from edge.engines import load_engine
from edge.errors import EdgeError
from quantize.convert.facts import Facts, reversed_channels
from quantize.convert.graph import raised, simplified, wrapped
from quantize.convert.original import Taken, answers, need_normalisation, read_model, taken
from quantize.convert.outputs import Chosen, Named, choose

#: What stands for the architecture of a bundle that came from an ONNX file.
ARCHITECTURE = "onnx"
#: Largest difference from the original that a logit, valence or arousal may show.
LIMIT = 1e-4
#: Faces the two are compared on; crops of the packaged portraits.
COMPARED = 16


@dataclasses.dataclass(frozen=True)
class Wrapped:
    """A model that keeps a bundle's contract.

    Attributes:
        model: ``onnx.ModelProto``.
        config: of its bundle, without files.
        images: uint8 ``[N, S, S, 3]``, what the original was run on.
        logits: ``[N, C]``, what it must give for them.
        valence_arousal: ``[N, 2]``, the same.
        batch: the original's fixed batch size; None where it was free.
        found: what was recognised, by aspect, in words.
    """

    model: Any
    config: Config
    images: NDArray[np.uint8]
    logits: NDArray[np.float64]
    valence_arousal: NDArray[np.float64]
    batch: int | None
    found: dict[str, str]


def convert_onnx(path: Path, facts: Facts, named: Named, layout: str | None = None) -> Wrapped:
    """Wrap a float ONNX model so that it takes uint8 pixels and gives logits and valence/arousal.

    Args:
        path: the file.
        facts: what the user says about it.
        named: what the user says about its outputs.
        layout: ``nchw`` or ``nhwc``; None: what its input's shape shows.

    Raises:
        EdgeError: unreadable, not what the user says, or something that is not said and can't be known.
    """
    from quantize.portraits import portraits

    model = read_model(path)
    given = taken(model, path, layout, facts.size)
    how = need_normalisation(facts.normalisation, given, path)
    gray = facts.gray or given.channels == 1
    if gray and (facts.bgr or given.pixels):
        raise EdgeError("--gray: not with --bgr, nor for a model that takes uint8; leave one of them out")
    rgb = reversed_channels(how) if facts.bgr else how
    draft = facts.config(ARCHITECTURE, ("a", "b"), given.size, "gray" if gray else "rgb", rgb, affect=False)
    batch = given.batch or 1
    images = portraits(draft, 1, 0).comparison[: max(1, COMPARED // batch) * batch]
    if len(images) % batch:
        raise EdgeError(f"{path} takes {batch} pictures at a time and no fewer; export it with a dynamic batch")
    with _about(path):
        outputs = answers(path, images, given, how, facts)
        chosen = choose(outputs, named, facts.labels)
        logits, affect = chosen.expected(outputs, facts.tanh)
        if not (np.isfinite(logits).all() and np.isfinite(affect).all()):
            raise EdgeError("it gives values that are no numbers for the packaged portraits")
        inner = wrapped(raised(model), given, how.mean, how.std, chosen, gray=gray, bgr=facts.bgr, tanh=facts.tanh)
    config = facts.config(
        ARCHITECTURE, chosen.labels, given.size, "gray" if gray else "rgb", rgb, affect=bool(chosen.affect)
    )
    return Wrapped(
        simplified(inner), config, images, logits, affect, given.batch, _found(given, chosen, facts, outputs)
    )


def write_model(wrapped: Wrapped, original: Path, path: Path) -> float:
    """Check, describe and write the model, then run the written file against the original's answers.

    Returns:
        The largest difference of a logit, of valence or of arousal.

    Raises:
        EdgeError: the file is not valid, is fixed to its batch size, or answers otherwise than the original.
    """
    import onnx

    from quantize.export.onnx import describe

    digest = hashlib.sha256(original.read_bytes()).hexdigest()
    describe(wrapped.model, wrapped.config, converted_from=f"{original.name}, sha256 {digest}")
    try:
        onnx.checker.check_model(wrapped.model, full_check=True)
        onnx.save(wrapped.model, str(path))
        logits, affect = _run(path, wrapped)
    except Exception as error:  # onnx's, ONNX Runtime's and this project's, all with the same meaning
        raise EdgeError(_broken(original, wrapped, error)) from error
    worst = max(float(np.abs(logits - wrapped.logits).max()), float(np.abs(affect - wrapped.valence_arousal).max()))
    if not worst <= LIMIT:
        raise EdgeError(
            f"{original}: wrapped, it differs from the original by {worst:.2g} on the packaged portraits, allowed are "
            f"{LIMIT:g}; export it again in float32 with opset 17"
        )
    return worst


def _run(path: Path, wrapped: Wrapped) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """All images: first one, then three, then the rest, so that a fixed batch size shows."""
    engine = load_engine(path, wrapped.config)
    edges = [edge for edge in (0, 1, 4) if edge < len(wrapped.images)] + [len(wrapped.images)]
    try:
        parts = [engine.run(wrapped.images[start:end]) for start, end in itertools.pairwise(edges)]
    finally:
        engine.close()
    logits, affect = (np.concatenate(part) for part in zip(*parts, strict=True))
    if len(logits) != len(wrapped.images):
        raise EdgeError(f"it gives {len(logits)} rows for {len(wrapped.images)} pictures")
    return logits, affect


def _broken(original: Path, wrapped: Wrapped, error: Exception) -> str:
    if wrapped.batch is not None:
        return (
            f"{original}: its graph is fixed to {wrapped.batch} picture(s) at a time and can't be freed; export it "
            "with a dynamic batch: torch.onnx.export(..., dynamic_axes={'input': {0: 'batch'}, 'output': {0: 'batch'}})"
        )
    return f"{original}: can't be wrapped ({' '.join(str(error).split())[:160]}); export it with opset 17"


def _found(given: Taken, chosen: Chosen, facts: Facts, outputs: dict[str, NDArray[Any]]) -> dict[str, str]:
    colour = "gray" if facts.gray or given.channels == 1 else "BGR" if facts.bgr else "RGB"
    kind = "uint8" if given.pixels else "float"
    free = "any batch" if given.batch is None else f"batch {given.batch}, freed"
    found = {"network": f"{given.name}: {kind}, {given.layout.upper()}, {colour}, {free}", "heads": chosen.found}
    if chosen.affect and not facts.tanh:
        count = len(chosen.labels)
        values = np.concatenate([outputs[name].reshape(len(outputs[name]), -1) for name in chosen.affect], axis=1)
        if chosen.affect == (chosen.emotion,):
            values = values[:, count:]
        if np.abs(values).max() > 1:
            found["note"] = f"valence or arousal reaches {np.abs(values).max():.2g}: cut at 1; --tanh squeezes instead"
    return found


@contextlib.contextmanager
def _about(path: Path) -> Iterator[None]:
    """Name the file in a message that does not."""
    try:
        yield
    except EdgeError as error:
        raise EdgeError(str(error) if str(path) in str(error) else f"{path}: {error}") from error
