"""One training run, from data to a bundle: the script one reads in a sitting."""

from __future__ import annotations

import dataclasses
import json
import platform
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from edge import metrics
from edge.bundle import Crop, Metrics
from edge.engines.network import EmotionNetwork, NetworkSpec  # first: it makes torchvision importable for Lightning
from edge.engines.torch import load_network
from edge.errors import EdgeError
from edge.files import write_atomically

# isort: split
import lightning
from lightning.pytorch.callbacks import EarlyStopping, EMAWeightAveraging, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from torch.utils.data import DataLoader

from train.checkpoint import save_bundle
from train.data.opening import open_split
from train.data.samples import Samples
from train.dataset import FaceDataset
from train.module import EmotionModule, Options


@dataclasses.dataclass(frozen=True)
class Run:
    """Everything a run is determined by.

    Attributes:
        data: ``KIND:DIR`` or a folder whose layout tells.
        out: run folder.
        architecture: torchvision's name of the backbone.
        weights: torchvision weights name, a bundle folder to start from, or None for a random start.
        image_size: side of the network input, pixels.
        source_size: side of the training pictures where it is smaller than the input; None: not smaller.
        color: ``"gray"`` for data without colour.
        epochs: passes over the training split.
        patience: epochs without a better validation accuracy after which the run ends; 0: never.
        batch_size: images a step.
        workers: processes that read images; 0 reads them in the training process.
        ema: decay of the running average of the weights; 0: none.
        seed: of every random number.
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.
        precision: Lightning's name, for example ``"32-true"``, ``"16-mixed"`` or ``"bf16-mixed"``.
        limit: at most so many training images (0: all); for a quick look.
        crop: how the runtime must crop a face so that it looks like the training pictures.
        options: learning rate, loss weights, augmentation.
    """

    data: str
    out: Path
    architecture: str = "mobilenet_v2"
    weights: str | None = None
    image_size: int = 224
    source_size: int | None = None
    color: str = "rgb"
    epochs: int = 50
    patience: int = 10
    batch_size: int = 64
    workers: int = 0
    ema: float = 0.0
    seed: int = 0
    device: str = "auto"
    precision: str = "32-true"
    limit: int = 0
    crop: Crop = Crop()
    options: Options = Options()


def fit(run: Run, resume: bool = False) -> Path:
    """Train, then write the best weights as a bundle; return its folder, ``run.out / "bundle"``.

    Args:
        run: the choices.
        resume: go on from ``run.out / "last.ckpt"``.

    Raises:
        EdgeError: wrong data, weights that do not fit, nothing to resume from, an unwritable folder.
    """
    last = run.out / "last.ckpt"
    if resume and not last.is_file():
        raise EdgeError(f"{last} is missing; there is nothing to resume, run without --resume")
    if not resume and last.is_file():
        raise EdgeError(f"{run.out} holds an earlier run; go on with --resume, or choose another --out")
    training, validation = open_split(run.data, "train"), open_split(run.data, "validation")
    if run.limit:
        training = training.take(np.random.default_rng(run.seed).permutation(len(training))[: run.limit])
    lightning.seed_everything(run.seed, verbose=False)
    module = _module(run, training)
    write_atomically(run.out / "run.json", _record(run, training, validation))

    best = ModelCheckpoint(
        run.out, filename="best", monitor="val/accuracy", mode="max", enable_version_counter=False
    )
    newest = ModelCheckpoint(run.out, filename="last", enable_version_counter=False)
    callbacks: list[Any] = [best, newest]
    if run.patience:
        callbacks.append(EarlyStopping("val/accuracy", mode="max", patience=run.patience))
    if run.ema:
        callbacks.append(EMAWeightAveraging(decay=run.ema))
    trainer = lightning.Trainer(
        default_root_dir=run.out,
        max_epochs=run.epochs,
        accelerator={"auto": "auto", "cpu": "cpu", "cuda": "gpu"}[run.device],
        devices="auto" if run.device != "cpu" else 1,
        precision=run.precision,  # type: ignore[arg-type]  # Lightning checks the word
        callbacks=callbacks,
        logger=CSVLogger(run.out, name="", version="log"),
        num_sanity_val_steps=0,
        gradient_clip_val=5.0,
        enable_model_summary=False,
    )
    trainer.fit(
        module,
        _loader(run, training, shuffle=True),
        _loader(run, validation, shuffle=False),
        ckpt_path=str(last) if resume else None,
        weights_only=False,  # our own checkpoint: it holds optimizer and loop state
    )
    state = torch.load(run.out / "best.ckpt", map_location="cpu", weights_only=False)["state_dict"]
    module.load_state_dict(state)
    network = module.network.eval().cpu()
    figures = evaluate(network, validation, run.image_size, run.source_size)
    crop = dataclass_crop(run)
    folder = run.out / "bundle"
    save_bundle(
        network,
        folder,
        name=f"{run.architecture}-{run.image_size}",
        size=run.image_size,
        crop=crop,
        samples=training,
        metrics=(figures,),
    )
    return folder


def evaluate(network: EmotionNetwork, samples: Samples, size: int, source_size: int | None) -> Metrics:
    """Measure a network on the labelled images of a split, whole and resized, without alignment."""
    samples = samples.labelled()
    loader = DataLoader(FaceDataset(samples, size, source_size), batch_size=128)
    with torch.inference_mode():
        predicted = torch.cat([network(batch["image"])[0].argmax(dim=1) for batch in loader]).numpy()
    return Metrics(
        data=samples.name,
        samples=len(samples),
        accuracy=metrics.accuracy(samples.label, predicted),
        macro_f1=metrics.macro_f1(samples.label, predicted, len(samples.labels)),
    )


def dataclass_crop(run: Run) -> Crop:
    """The run's crop, with the size of its training pictures."""
    import msgspec

    return msgspec.structs.replace(run.crop, source_size=run.source_size)


def _module(run: Run, training: Samples) -> EmotionModule:
    spec = NetworkSpec(run.architecture, len(training.labels), run.color)  # type: ignore[arg-type]
    if run.weights and Path(run.weights).exists():
        module = EmotionModule(spec, run.options)
        module.network.load_state_dict(_start(Path(run.weights), spec))
        return module
    return EmotionModule(spec, run.options, run.weights)


def _start(path: Path, spec: NetworkSpec) -> dict[str, torch.Tensor]:
    from edge.bundle import read_bundle

    bundle = read_bundle(path if path.is_dir() else path.parent)
    if (bundle.config.architecture, len(bundle.config.labels)) != (spec.architecture, spec.num_classes):
        raise EdgeError(
            f"{path} is a {bundle.config.architecture} with {len(bundle.config.labels)} labels, "
            f"not a {spec.architecture} with {spec.num_classes}; choose --arch to fit"
        )
    state: dict[str, torch.Tensor] = load_network(bundle.path("model_weights.pth"), bundle.config).state_dict()
    return state


def _loader(run: Run, samples: Samples, shuffle: bool) -> DataLoader[Any]:
    return DataLoader(
        FaceDataset(samples, run.image_size, run.source_size),
        batch_size=run.batch_size,
        shuffle=shuffle,
        drop_last=shuffle and len(samples) > run.batch_size,
        num_workers=run.workers,
        persistent_workers=run.workers > 0,
    )


def _record(run: Run, training: Samples, validation: Samples) -> bytes:
    facts = {
        "run": {**dataclasses.asdict(run), "out": str(run.out), "crop": repr(run.crop)},
        "images": {"train": len(training), "validation": len(validation)},
        "environment": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "lightning": lightning.__version__,
            "machine": platform.machine(),
        },
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }
    return json.dumps(facts, indent=2).encode() + b"\n"
