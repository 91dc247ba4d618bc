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
from train.losses import Loss, balanced_weights, two_head_loss
from train.means import Means
from train.processes import gather_rows
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


class EmotionModule(lightning.LightningModule):
    """Trains an :class:`~edge.engines.network.EmotionNetwork`."""

    class_weights: Tensor

    def __init__(self, network: EmotionNetwork, options: Options, shares: Tensor | None = None) -> None:
        """Wrap a network; ``shares`` ``[C]`` are the classes' shares of the targets, for ``options.balance``."""
        super().__init__()
        self.options = options
        # Several times faster on a CPU. (torch's type stubs do not know this form of `to`.)
        self.network: EmotionNetwork = cast(Any, network).to(memory_format=torch.channels_last)
        self.augment = Augment(RECIPES[options.augment])
        classes = network.spec.num_classes
        weights = torch.ones(classes) if shares is None else balanced_weights(shares, options.balance)
        self.register_buffer("class_weights", weights, persistent=False)
        self.accuracy = torchmetrics.classification.MulticlassAccuracy(classes, average="micro", ignore_index=-1)
        self.macro_f1 = torchmetrics.classification.MulticlassF1Score(classes, average="macro", ignore_index=-1)
        self.val_emotion, self.val_affect = torchmetrics.MeanMetric(), torchmetrics.MeanMetric()
        self.train_means = Means()

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        result: tuple[Tensor, Tensor] = self.network(image)
        return result

    def training_step(self, batch: Batch, _: int) -> dict[str, Tensor]:
        pixels = self.augment(batch["image"].permute(0, 3, 1, 2).float())
        # From here on, the rows of all processes: the loss is that of the whole step.
        rows = gather_rows((*self.network.read(pixels), batch["distribution"], batch["valence_arousal"]))
        logits, affect, batch["distribution"], batch["valence_arousal"] = rows
        loss = self._loss(logits, affect, batch)
        means = {"loss": loss.total, "emotion": loss.emotion, "valence_arousal": loss.valence_arousal}
        self.train_means.update(means, len(logits))
        return {"loss": loss.total * self.trainer.world_size, "step_loss": loss.total.detach()}

    def validation_step(self, batch: Batch, _: int) -> None:
        if not batch:  # fewer images than processes were left for this step
            return
        logits, affect = self.network(batch["image"])
        loss = self._loss(logits, affect, batch)
        self.accuracy.update(logits, batch["label"])
        self.macro_f1.update(logits, batch["label"])
        self.val_emotion.update(loss.emotion, len(logits))
        self.val_affect.update(loss.valence_arousal, (~torch.isnan(batch["valence_arousal"])).sum())

    def on_validation_epoch_end(self) -> None:
        """Log the figures of the epoch, in every process: some may have had no image of a small split."""
        emotion, affect = self.val_emotion.compute(), self.val_affect.compute()
        self.val_emotion.reset()
        self.val_affect.reset()
        self.log("val/loss", self.options.alpha * emotion + self.options.beta * torch.nan_to_num(affect))
        self.log("val/accuracy", self.accuracy)
        self.log("val/macro_f1", self.macro_f1)
        # Here, and not at the end of the training epoch: callbacks read the epoch's figures before that hook runs.
        for name, value in self.train_means.compute().items():
            self.log(f"train/{name}", value)
        self.train_means.reset()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["train_means"] = self.train_means.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        if "train_means" in checkpoint:
            self.train_means.load_state_dict(checkpoint["train_means"])

    def _loss(self, logits: Tensor, affect: Tensor, batch: Batch) -> Loss:
        options = self.options
        return two_head_loss(
            logits,
            affect,
            batch["distribution"],
            batch["valence_arousal"],
            options.alpha,
            options.beta,
            options.label_smoothing,
            self.class_weights,
        )

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
