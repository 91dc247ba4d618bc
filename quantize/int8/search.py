"""``--recipe best``: try combinations on training images, and say why one was chosen.

The images of the gate are not seen here. The search images were seen in training, by the float network as well: both
lose alike from what is new, and what is asked is only how int8 differs from float.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from quantize.int8.bench import BITS, Int8Bench, Kind
from quantize.int8.ranges import METHODS
from quantize.int8.recipe import Recipe
from quantize.int8.sensitivity import sensitivities
from quantize.int8.simulation import simulate
from quantize.latency import times
from quantize.parity import Comparison, Reference, compared, opened, run_all, torch_run
from quantize.record import Trial

#: Combinations that go on from simulation to a real file.
FINALISTS = 3
#: How many of the most sensitive layers stay float, where int8 alone loses too much.
FLOAT_LAYERS = (1, 2, 4, 8)
#: Pixels the simulations may see; 1,500 images of 64 px.
PIXELS = 1500 * 64 * 64


@dataclasses.dataclass(frozen=True)
class Goal:
    """What the user allows.

    Attributes:
        drop: loss of accuracy on the search images, 0..1.
        latency_ratio: longest time, as a share of the float file's; None: any.
        tuned_steps: of quantization-aware fine-tuning, to be tried as well; 0: not.
    """

    drop: float
    latency_ratio: float | None = None
    tuned_steps: int = 0


@dataclasses.dataclass(frozen=True)
class Choice:
    """The result: what was chosen, why, and all that was tried in its own runtime."""

    recipe: Recipe
    reason: str
    trials: tuple[Trial, ...]


@dataclasses.dataclass(frozen=True)
class _Tried:
    recipe: Recipe
    comparison: Comparison
    ratio: float

    def meets(self, goal: Goal) -> bool:
        drop = self.comparison.parity.accuracy_drop or 0.0
        return drop <= goal.drop and (goal.latency_ratio is None or self.ratio <= goal.latency_ratio)

    @property
    def error(self) -> float:
        return self.comparison.parity.logit_rmse


def search(
    bench: Int8Bench,
    kind: Kind,
    float_file: Path,
    reference: Reference,
    goal: Goal,
    say: Callable[[str], None] = lambda line: None,
) -> Choice:
    """Find the recipe for one kind of file.

    Every combination of range, equalization and bias correction is ranked in simulation; the best few are written
    and judged in their own runtime. Fine-tuning, where allowed, is tried on the first of them. Where none stays within
    the goal, the most sensitive layers are left in float, more and more of them.

    Args:
        bench: makes the files.
        kind: of file.
        float_file: what times are compared with.
        reference: the float network on the search images.
        goal: what is allowed.
        say: told what is being tried.
    """
    ranked = _ranked(bench, BITS[kind], reference)
    tried: list[_Tried] = []

    def attempt(recipe: Recipe) -> _Tried:
        say(f"best: trying {recipe.words()}")
        tried.append(_judged(bench, kind, recipe, float_file, reference))
        return tried[-1]

    for recipe in ranked[: FINALISTS if bench.inside else None]:
        attempt(recipe)
    leader = min(tried, key=lambda one: one.error).recipe
    if goal.tuned_steps:
        leader = min(
            attempt(dataclasses.replace(leader, tuned_steps=goal.tuned_steps)), *tried, key=lambda t: t.error
        ).recipe
    if not any(one.meets(goal) for one in tried):
        for recipe in _with_float_layers(bench, BITS[kind], leader, reference):
            if attempt(recipe).meets(goal):
                break
    return _chosen(tried, goal, len(reference.images), len(ranked))


def _ranked(bench: Int8Bench, bits: int, reference: Reference) -> list[Recipe]:
    """All combinations, the least change of the logits first; of a bare ONNX file, its four ways to take ranges."""
    if not bench.inside:
        return [Recipe(method) for method in METHODS]
    size = reference.images.shape[1]
    count = min(len(reference.images), max(200, PIXELS // (size * size)))
    images, wanted = reference.images[:count], reference.logits[:count]
    combinations = [
        Recipe(method, equalize, correct)
        for method in METHODS
        for equalize, correct in ((False, False), (False, True), (True, True))
        if not equalize or bench.equalized is not bench.prepared
    ]
    errors = {}
    for recipe in combinations:
        simulation = simulate(bench.network(recipe, bits), bench.ranges(recipe, bits), bits)
        logits, _ = run_all(torch_run(simulation), images)
        errors[recipe] = float(np.sqrt(np.mean((logits - wanted) ** 2)))
    return sorted(combinations, key=lambda recipe: errors[recipe])


def _judged(bench: Int8Bench, kind: Kind, recipe: Recipe, float_file: Path, reference: Reference) -> _Tried:
    path = float_file.with_name(f"trial.{'onnx' if kind == 'onnx' else 'tflite'}")
    bench.write(kind, recipe, path)
    with opened(path, bench.config, threads=1) as mine, opened(float_file, bench.config, threads=1) as theirs:
        answers = run_all(mine.run, reference.images)
        taken = times({"int8": mine, "float": theirs}, reference.images)
    path.unlink()
    ratio = float(np.median(taken["int8"] / taken["float"]))
    return _Tried(recipe, compared(*answers, reference), ratio)


def _with_float_layers(bench: Int8Bench, bits: int, recipe: Recipe, reference: Reference) -> Iterator[Recipe]:
    network = bench.network(recipe, bits)
    layers = network.convolutions()
    alone = sensitivities(network, bench.ranges(recipe, bits), bits, reference.images)
    worst = sorted((name for name in alone if name in layers), key=lambda name: -alone[name])
    for count in FLOAT_LAYERS:
        if count < len(worst):
            yield dataclasses.replace(recipe, float_layers=tuple(worst[:count]))


def _chosen(tried: list[_Tried], goal: Goal, images: int, combinations: int) -> Choice:
    within = [one for one in tried if one.meets(goal)]
    best = min(within or tried, key=lambda one: (len(one.recipe.float_layers), one.error) if within else one.error)
    parity = best.comparison.parity
    drop = f"{100 * (parity.accuracy_drop or 0.0):.2f} points"
    limits = f"{100 * goal.drop:g} points" + (
        f" and {goal.latency_ratio:g} of the float file's time" if goal.latency_ratio is not None else ""
    )
    if within:
        why = f"of {len(within)} of {len(tried)} files within {limits} it changes the logits least ({best.error:.3f})"
    else:
        why = f"none of {len(tried)} files stayed within {limits}; this one changes the logits least ({best.error:.3f})"
    reason = (
        f"{best.recipe.words()}: {why}; it loses {drop} on {images} training images and takes {best.ratio:.2f} of the "
        f"float file's time ({combinations} combinations looked at)"
    )
    trials = tuple(
        Trial(
            name=one.recipe.words(),
            drop=one.comparison.parity.accuracy_drop,
            agreement=one.comparison.parity.agreement,
            logit_rmse=one.error,
            latency_ratio=one.ratio,
            chosen=one is best,
        )
        for one in tried
    )
    return Choice(best.recipe, reason, trials)
