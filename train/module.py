"""The Lightning module: network, augmentation, loss, metrics, optimizer."""

from __future__ import annotations

import dataclasses
from typing import Any, cast

import torch
from torch import Tensor

from edge.engines.network import EmotionNetwork  # first: it makes torchvision importable for torchmetrics

# isort: split
import lightning
import torchmetrics

from train.dataset import Batch
from train.losses import (
    Loss,
    TaskWeights,
    balanced_weights,
    distillation_loss,
    effective_number_weights,
    masked_mse,
    soft_cross_entropy,
    valence_arousal_loss,
)
from train.means import Means
from train.processes import gather_rows, whole_in_each
from train.rates import warmup_cosine
from train.teacher import Answers, Teachers
from train.transforms import Augment, mixup, recipe


@dataclasses.dataclass(frozen=True)
class Options:
    """Choices of a training run that live in the module (the command's flags say the same).

    Attributes:
        lr: peak learning rate.
        optimizer: ``"adam"`` or ``"adamw"``.
        weight_decay: of AdamW, on weights of two or more dimensions.
        warmup: share of all steps over which the rate rises from zero; then it falls along a cosine.
        swa_start: share of the epochs after which the rate stays low and the weights at the ends of epochs are averaged
            (:class:`train.averaging.EpochAverage`); 0: never.
        alpha: weight of the emotion loss.
        beta: weight of the valence/arousal loss.
        task_weights: ``"fixed"``, or ``"uncertainty"``: alpha and beta are where learnt weights begin
            (:class:`train.losses.TaskWeights`).
        va_loss: ``"mse"``, ``"ccc"`` or ``"mse+ccc"``.
        label_smoothing: share of each target spread over all classes.
        augment: a name of ``train.transforms.RECIPES``.
        rotation: largest turn, degrees, instead of the recipe's; None: the recipe's.
        erase: probability of an erased rectangle instead of the recipe's; None: the recipe's.
        mixup: how much images are blended with each other (:func:`train.transforms.mixup`); 0: not at all.
        balance: how much rarer classes weigh more, see :func:`train.losses.balanced_weights`; 0: not at all.
        effective_number: the beta of :func:`train.losses.effective_number_weights`, instead of ``balance``; 0: none.
        distill_weight: share of both losses that comes from the teachers instead of the data, where there are teachers.
        distill_temperature: how much both answers are softened before they are compared, 1: not at all.
        teacher_flips: teachers answer with the mean over a picture and its mirror image.
    """

    lr: float = 1e-3
    optimizer: str = "adam"
    weight_decay: float = 0.0
    warmup: float = 0.05
    swa_start: float = 0.0
    alpha: float = 1.0
    beta: float = 0.5
    task_weights: str = "fixed"
    va_loss: str = "mse"
    label_smoothing: float = 0.0
    augment: str = "standard"
    rotation: float | None = None
    erase: float | None = None
    mixup: float = 0.0
    balance: float = 0.0
    effective_number: float = 0.0
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
        counts: Tensor | None = None,
        teachers: Teachers | None = None,
    ) -> None:
        """Wrap a network.

        Args:
            network: what is trained.
            options: how.
            counts: ``[C]``, images of each class in the training targets (votes count in part); None: all alike.
            teachers: whose answers are learnt beside the data's; no part of this module's state.
        """
        super().__init__()
        self.options = options
        self.teachers = teachers
        # Several times faster on a CPU. (torch's type stubs do not know this form of `to`.)
        self.network: EmotionNetwork = cast(Any, network).to(memory_format=torch.channels_last)
        self.augment = Augment(recipe(options.augment, options.rotation, options.erase))
        self.task_weights = TaskWeights(options.alpha, options.beta, options.task_weights == "uncertainty")
        classes = network.spec.num_classes
        if counts is None:
            weights = torch.ones(classes)
        elif options.effective_number:
            weights = effective_number_weights(counts, options.effective_number)
        else:
            weights = balanced_weights(counts, options.balance)
        self.register_buffer("class_weights", weights, persistent=False)
        self.accuracy = torchmetrics.classification.MulticlassAccuracy(classes, average="micro", ignore_index=-1)
        self.macro_f1 = torchmetrics.classification.MulticlassF1Score(classes, average="macro", ignore_index=-1)
        self.val_emotion, self.val_affect = torchmetrics.MeanMetric(), torchmetrics.MeanMetric()
        self.train_means = Means()

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        result: tuple[Tensor, Tensor] = self.network(image)
        return result

    def on_fit_start(self) -> None:
        if self.teachers is not None:
            self.teachers.to(self.device)
        whole_in_each(self.task_weights.log_variances, self.trainer.world_size)

    def training_step(self, batch: Batch, _: int) -> dict[str, Tensor]:
        pixels = self.augment(batch["image"].permute(0, 3, 1, 2).float())
        pixels, distribution, target = mixup(
            pixels, batch["distribution"], batch["valence_arousal"], self.options.mixup
        )
        taught = self.teachers(pixels) if self.teachers else Answers()
        # From here on, the rows of all processes: the loss is that of the whole step.
        logits, affect, distribution, target, *answers = gather_rows(
            (*self.network.read(pixels), distribution, target, *taught.parts())
        )
        loss = self._loss(logits, affect, distribution, target, Answers(*answers))
        means = {"loss": loss.total, "emotion": loss.emotion, "valence_arousal": loss.valence_arousal}
        self.train_means.update(means, len(logits))
        return {"loss": loss.total * self.trainer.world_size, "step_loss": loss.total.detach()}

    def validation_step(self, batch: Batch, _: int) -> None:
        if not batch:  # fewer images than processes were left for this step
            return
        logits, affect = self.network(batch["image"])
        emotion = self._emotion_loss(logits.float(), batch["distribution"])
        self.accuracy.update(logits, batch["label"])
        self.macro_f1.update(logits, batch["label"])
        self.val_emotion.update(emotion, len(logits))
        self.val_affect.update(
            masked_mse(affect.float(), batch["valence_arousal"]), (~torch.isnan(batch["valence_arousal"])).sum()
        )

    def on_validation_epoch_end(self) -> None:
        """Log the figures of the epoch, in every process: some may have had no image of a small split.

        The loss is the same whatever the training minimises: cross entropy and squared error by ``alpha`` and ``beta``.
        """
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

    def _loss(self, logits: Tensor, affect: Tensor, distribution: Tensor, target: Tensor, answers: Answers) -> Loss:
        """Hold answers to the data and, where there are teachers, to theirs; always in float32."""
        options = self.options
        with torch.autocast(logits.device.type, enabled=False):
            logits, affect = logits.float(), affect.float()
            emotion = self._emotion_loss(logits, distribution)
            valence_arousal = valence_arousal_loss(affect, target, options.va_loss)
            if answers.distribution is not None:
                # A rare class weighs more in what the teacher says of its images, too.
                weights = distribution @ self.class_weights
                taught = distillation_loss(logits, answers.distribution, options.distill_temperature, weights)
                emotion = emotion.lerp(taught, options.distill_weight)
                if answers.valence_arousal is not None:
                    taught = valence_arousal_loss(affect, answers.valence_arousal, options.va_loss)
                    valence_arousal = valence_arousal.lerp(taught, options.distill_weight)
            loss: Loss = self.task_weights(emotion, valence_arousal)
        return loss

    def _emotion_loss(self, logits: Tensor, distribution: Tensor) -> Tensor:
        return soft_cross_entropy(logits, distribution, self.options.label_smoothing, self.class_weights)

    def configure_optimizers(self) -> Any:
        options = self.options
        matrices = [p for p in self.parameters() if p.ndim >= 2]
        vectors = [p for p in self.parameters() if p.ndim < 2]  # biases, norms and task weights are not decayed
        groups = [{"params": matrices, "weight_decay": options.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
        kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[options.optimizer]
        optimizer = kind(groups, lr=options.lr)
        total = max(1, int(self.trainer.estimated_stepping_batches))
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, warmup_cosine(total, options.warmup, options.swa_start))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
