"""The Lightning module: network, augmentation, loss, metrics, optimizer."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, cast

import torch
from torch import Tensor

from edge.engines.network import EmotionNetwork  # first: it makes torchvision importable for torchmetrics

# isort: split
import lightning
import torchmetrics

from train.dataset import Batch
from train.losses import Loss, balanced_weights, distillation_loss, masked_mse, two_head_loss
from train.teacher import Answers, Teachers
from train.transforms import RECIPES, Augment


@dataclasses.dataclass(frozen=True)
class Options:
    """Choices of a training run that live in the module (the command's flags say the same).

    Attributes:
        lr: peak learning rate.
        optimizer: ``"adam"`` or ``"adamw"``.
        weight_decay: of AdamW, on weights of two or more dimensions.
        warmup: share of all steps over which the rate rises from zero; then it falls along a cosine.
        alpha: weight of the emotion loss.
        beta: weight of the valence/arousal loss.
        label_smoothing: share of each target spread over all classes.
        augment: a name of ``train.transforms.RECIPES``.
        balance: how much rarer classes weigh more, see :func:`train.losses.balanced_weights`; 0: not at all.
        distill_weight: share of both losses that comes from the teachers instead of the data, where there are teachers.
        distill_temperature: how much both answers are softened before they are compared, 1: not at all.
        teacher_flips: teachers answer with the mean over a picture and its mirror image.
    """

    lr: float = 1e-3
    optimizer: str = "adam"
    weight_decay: float = 0.0
    warmup: float = 0.05
    alpha: float = 1.0
    beta: float = 0.5
    label_smoothing: float = 0.0
    augment: str = "standard"
    balance: float = 0.0
    distill_weight: float = 0.7
    distill_temperature: float = 1.0
    teacher_flips: bool = True


class EmotionModule(lightning.LightningModule):
    """Trains an :class:`~edge.engines.network.EmotionNetwork`."""

    class_weights: Tensor

    def __init__(
        self,
        network: EmotionNetwork,
        options: Options,
        shares: Tensor | None = None,
        teachers: Teachers | None = None,
    ) -> None:
        """Wrap a network.

        Args:
            network: what is trained.
            options: how.
            shares: ``[C]``, the classes' shares of the targets, for ``options.balance``.
            teachers: whose answers are learnt beside the data's; no part of this module's state.
        """
        super().__init__()
        self.options = options
        self.teachers = teachers
        # Several times faster on a CPU. (torch's type stubs do not know this form of `to`.)
        self.network: EmotionNetwork = cast(Any, network).to(memory_format=torch.channels_last)
        self.augment = Augment(RECIPES[options.augment])
        classes = network.spec.num_classes
        weights = torch.ones(classes) if shares is None else balanced_weights(shares, options.balance)
        self.register_buffer("class_weights", weights, persistent=False)
        self.accuracy = torchmetrics.classification.MulticlassAccuracy(classes, average="micro", ignore_index=-1)
        self.macro_f1 = torchmetrics.classification.MulticlassF1Score(classes, average="macro", ignore_index=-1)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        result: tuple[Tensor, Tensor] = self.network(image)
        return result

    def on_fit_start(self) -> None:
        if self.teachers is not None:
            self.teachers.to(self.device)

    def training_step(self, batch: Batch, _: int) -> Tensor:
        pixels = self.augment(batch["image"].permute(0, 3, 1, 2).float())
        logits, affect = self.network.read(pixels)
        loss = self._loss(logits, affect, batch, self.teachers(pixels) if self.teachers else None)
        size = len(logits)
        self.log("loss", loss.total, prog_bar=True, batch_size=size)
        means = {"loss": loss.total, "emotion": loss.emotion, "valence_arousal": loss.valence_arousal}
        for name, value in means.items():
            self.log(f"train/{name}", value, on_step=False, on_epoch=True, batch_size=size, sync_dist=True)
        return loss.total

    def validation_step(self, batch: Batch, _: int) -> None:
        logits, affect = self.network(batch["image"])
        loss = self._loss(logits, affect, batch)
        self.accuracy.update(logits, batch["label"])
        self.macro_f1.update(logits, batch["label"])
        size = len(logits)
        self.log("val/loss", loss.total, batch_size=size, sync_dist=True)
        self.log("val/accuracy", self.accuracy, on_epoch=True, batch_size=size)
        self.log("val/macro_f1", self.macro_f1, on_epoch=True, batch_size=size)

    def _loss(self, logits: Tensor, affect: Tensor, batch: Batch, answers: Answers | None = None) -> Loss:
        options = self.options
        loss = two_head_loss(
            logits,
            affect,
            batch["distribution"],
            batch["valence_arousal"],
            options.alpha,
            options.beta,
            options.label_smoothing,
            self.class_weights,
        )
        if answers is None:
            return loss
        share = options.distill_weight
        weights = batch["distribution"] @ self.class_weights
        emotion = distillation_loss(logits, answers.distribution, options.distill_temperature, weights)
        emotion = (1 - share) * loss.emotion + share * emotion
        valence_arousal = (1 - share) * loss.valence_arousal + share * masked_mse(affect, answers.valence_arousal)
        return Loss(options.alpha * emotion + options.beta * valence_arousal, emotion, valence_arousal)

    def configure_optimizers(self) -> Any:
        options = self.options
        matrices = [p for p in self.network.parameters() if p.ndim >= 2]
        vectors = [p for p in self.network.parameters() if p.ndim < 2]  # biases and norms are not decayed
        groups = [{"params": matrices, "weight_decay": options.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
        kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[options.optimizer]
        optimizer = kind(groups, lr=options.lr)
        total = max(1, int(self.trainer.estimated_stepping_batches))
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _warmup_cosine(total, options.warmup))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def _warmup_cosine(total: int, warmup: float) -> Any:
    """Factor of the learning rate at each step: linear from near 0 to 1, then half a cosine down to 0."""
    rising = max(1, round(total * warmup))

    def factor(step: int) -> float:
        if step < rising:
            return (step + 1) / rising
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - rising) / max(1, total - rising))))

    return factor
