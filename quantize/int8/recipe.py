"""Recipes: named combinations of what can be done to make int8 lose less."""

from __future__ import annotations

import dataclasses
from typing import Literal, cast

from edge.bundle import Quantization
from quantize.int8.ranges import Method

RecipeName = Literal["fast", "balanced", "best"]


@dataclasses.dataclass(frozen=True)
class Recipe:
    """One combination.

    Attributes:
        ranges: how activation ranges are chosen.
        equalize: scale channels to like ranges across layers.
        correct: make up for the mean error of each layer in its bias.
        float_layers: convolutions that stay float.
        tuned_steps: steps of quantization-aware fine-tuning; 0: none.
    """

    ranges: Method = "mse"
    equalize: bool = False
    correct: bool = False
    float_layers: tuple[str, ...] = ()
    tuned_steps: int = 0

    def words(self) -> str:
        """The combination for people: ``mse, equalized, biases corrected``."""
        parts: list[str] = [self.ranges]
        parts += ["equalized"] if self.equalize else []
        parts += ["biases corrected"] if self.correct else []
        parts += [f"fine-tuned {self.tuned_steps} steps"] if self.tuned_steps else []
        parts += [f"{len(self.float_layers)} layers in float"] if self.float_layers else []
        return ", ".join(parts)


def recorded(made: Quantization | None) -> Recipe | None:
    """Return the recipe of a file that was made before, from its entry; None where it was fine-tuned, or never int8."""
    if made is None or made.ranges is None or made.tuned_steps:
        return None
    return Recipe(cast(Method, made.ranges), made.equalized, made.bias_corrected, made.float_layers)


#: ``fast``: what every tool does. ``balanced``: what costs seconds and no speed at run time. ``best`` is searched for.
RECIPES: dict[str, Recipe] = {
    "fast": Recipe(ranges="minmax"),
    "balanced": Recipe(ranges="mse", equalize=True, correct=True),
}
