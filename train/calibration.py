"""Temperature scaling: one number that makes a network's probabilities mean what they say.

Guo, Pleiss, Sun & Weinberger 2017, "On Calibration of Modern Neural Networks", ICML. Logits are divided by the
temperature that minimises the negative log-likelihood of images the network was not trained on. The named emotion never
changes.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge import metrics
from edge.bundle import Calibration, Config, write_config
from edge.card import CARD_NAME, write_card
from edge.engines import load_engine
from edge.errors import EdgeError
from train.data.samples import Samples
from train.evaluation import find_file
from train.predictions import Predictions, predict_split

#: Temperatures that are searched. Networks need 1 to 3 (Guo et al. 2017, table 1 and supplement); one at an end of this
#: range comes from images that do not tell it.
LOWEST, HIGHEST = 0.05, 20.0
#: Parts for cross-fitting, and the fewest images worth dividing.
FOLDS, FEWEST = 5, 20


@dataclasses.dataclass(frozen=True)
class Calibrated:
    """A fitted temperature, and what it is worth."""

    temperature: float
    record: Calibration

    def put(self, config: Config) -> Config:
        """Return a config with this temperature and record."""
        return msgspec.structs.replace(config, temperature=self.temperature, calibration=self.record)


def calibrate(predictions: Predictions, seed: int = 0) -> Calibrated:
    """Fit a temperature on all images; measure it on images it was not fitted on, in five folds drawn by ``seed``.

    Raises:
        EdgeError: too few images, or images that do not tell a temperature.
    """
    truth, logits = predictions.truth, predictions.logits
    if len(truth) < FEWEST:
        raise EdgeError(f"{predictions.data}: {len(truth)} images are too few for a temperature; {FEWEST} are needed")
    temperature = fit_temperature(truth, logits)
    if not LOWEST < temperature < HIGHEST:
        raise EdgeError(
            f"{predictions.data}: these {len(truth)} images do not tell a temperature (the network is right, or no "
            "better than chance, on too many); use more images"
        )
    fold = np.random.default_rng(seed).permutation(len(truth)) % FOLDS
    each = np.empty(len(truth))
    for part in range(FOLDS):
        each[fold == part] = fit_temperature(truth[fold != part], logits[fold != part])
    scaled = logits.astype(float) / each[:, None]
    return Calibrated(
        temperature,
        Calibration(
            data=predictions.data,
            samples=len(truth),
            folds=FOLDS,
            nll_before=metrics.nll(truth, logits),
            nll_after=metrics.nll(truth, scaled),
            ece_before=_ece(truth, logits.astype(float)),
            ece_after=_ece(truth, scaled),
        ),
    )


def fit_temperature(truth: NDArray[np.int64], logits: NDArray[np.floating]) -> float:
    """Return the temperature in [:data:`LOWEST`, :data:`HIGHEST`] with the smallest negative log-likelihood.

    That likelihood is convex in ``b = 1 / temperature``; its slope ``mean(sum_k softmax(b z)_k z_k - z_truth)`` grows
    with ``b``, so halving the interval on its sign finds the one minimum.

    Args:
        truth: int ``[N]``, N > 0.
        logits: ``[N, C]``.
    """
    z = np.asarray(logits, float)
    right = z[np.arange(len(z)), truth].mean()

    def slope(b: float) -> float:
        return float((metrics.softmax(z * b) * z).sum(axis=1).mean() - right)

    low, high = 1 / HIGHEST, 1 / LOWEST
    if slope(low) >= 0:
        return HIGHEST
    if slope(high) <= 0:
        return LOWEST
    for _ in range(50):  # beyond the 53 bits of a double there is nothing to halve
        middle = (low + high) / 2
        low, high = (low, middle) if slope(middle) > 0 else (middle, high)
    return 2 / (low + high)


def calibrate_bundle(model: Path, samples: Samples, device: str = "cpu") -> tuple[Calibrated, str]:
    """Fit a bundle's temperature and write it into its config; no other file than config and card is touched.

    Args:
        model: bundle folder (its checkpoint is run), or the file in it to fit on.
        samples: images the network was not trained on.
        device: ``"cpu"`` or ``"cuda"``.

    Returns:
        The temperature, and the name of file and runtime.

    Raises:
        EdgeError: as for :func:`train.evaluation.evaluate_file` and :func:`calibrate`; the bundle is unchanged.
    """
    bundle, name = find_file(model)
    path = bundle.path(name)
    engine = load_engine(path, bundle.config, device)
    try:
        found = calibrate(predict_split(engine, bundle.config, samples))
    finally:
        engine.close()
    renewed = msgspec.structs.replace(bundle, config=found.put(bundle.config))
    write_config(bundle.folder, renewed.config)
    if (bundle.folder / CARD_NAME).is_file():
        write_card(renewed)
    return found, f"{path} in {engine.name}"


def _ece(truth: NDArray[np.int64], logits: NDArray[np.floating]) -> float:
    return float(metrics.ece(logits.argmax(axis=1) == truth, metrics.softmax(logits).max(axis=1)))
