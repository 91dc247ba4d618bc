"""One training run, from data to a bundle: the script one reads in a sitting."""

from __future__ import annotations

import dataclasses
import json
import platform
import sys
import time
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import torch

from edge.bundle import Config, Crop, describe_file, write_config
from edge.engines import load_engine
from edge.engines.network import Color, NetworkSpec  # first: it makes torchvision importable for Lightning
from edge.errors import EdgeError
from edge.files import write_atomically

# isort: split
import lightning
from lightning.pytorch.callbacks import EarlyStopping, WeightAveraging
from torch.utils.data import DataLoader

from train.averaging import EpochAverage, warming_average
from train.checkpoint import WEIGHTS, save_bundle
from train.checkpoint_io import AtomicCheckpointIO, KeptCheckpoint, read_checkpoint, remove_leftovers
from train.data.opening import open_split
from train.data.samples import Samples
from train.dataset import FaceDataset
from train.evaluation import Evaluation, evaluate
from train.failures import one_line
from train.module import EmotionModule, Options
from train.progress import Progress, quiet
from train.shuffle import EpochShuffle, Reseed, balanced_chances
from train.start import starting_network
from train.teacher import load_teachers

Precision = Literal["32-true", "16-mixed", "bf16-mixed"]

#: Fields that may differ when a run is resumed: they change where it runs and how long, not what it learns.
FREE_ON_RESUME = ("data", "out", "weights", "epochs", "patience", "workers", "device")


@dataclasses.dataclass(frozen=True)
class Run:
    """Everything a run is determined by.

    Attributes:
        data: ``KIND:DIR`` or a folder whose layout tells.
        out: run folder.
        architecture: torchvision's name of the backbone.
        weights: ``"auto"``, ``"none"``, a torchvision weights name, or a bundle folder to start from
            (:func:`train.start.starting_network`).
        image_size: side of the network input, pixels.
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
        crop: how the runtime must crop a face so that it looks like the training pictures; ``crop.source_size`` is the
            side of the training pictures where it is smaller than the input.
        dropout: share of features dropped before the heads; None: as the architecture has it.
        sampler: ``"shuffle"``, every image once an epoch; or ``"weighted"``, drawn with replacement, rare classes more
            often.
        sampler_power: how much more often, see :func:`train.shuffle.balanced_chances`.
        teachers: bundle folders (or files in them) whose answers the network learns beside the data's.
        options: learning rate, loss weights, augmentation.
    """

    data: str
    out: Path
    architecture: str = "mobilenet_v2"
    weights: str = "auto"
    image_size: int = 224
    color: Color = "rgb"
    epochs: int = 50
    patience: int = 10
    batch_size: int = 64
    workers: int = 0
    ema: float = 0.0
    seed: int = 0
    device: str = "auto"
    precision: Precision = "32-true"
    limit: int = 0
    crop: Crop = dataclasses.field(default_factory=Crop)
    dropout: float | None = None
    sampler: str = "shuffle"
    sampler_power: float = 1.0
    teachers: list[str] = dataclasses.field(default_factory=list)
    options: Options = dataclasses.field(default_factory=Options)


def fit(run: Run, resume: bool = False) -> Path:
    """Train, then write the best weights as a bundle; return its folder, ``run.out / "bundle"``.

    Args:
        run: the choices.
        resume: go on from ``run.out / "last.ckpt"``.

    Raises:
        EdgeError: wrong data, weights that do not fit, nothing to resume from, an unwritable folder.
        KeyboardInterrupt: the user ended the run; ``last.ckpt`` holds the last whole epoch.
    """
    last = run.out / "last.ckpt"
    if not resume and last.is_file():
        raise EdgeError(f"{run.out} holds an earlier run; go on with --resume, or choose another --out")
    if run.device == "cuda" and not torch.cuda.is_available():
        raise EdgeError("--device cuda: this PyTorch sees no CUDA device; use --device cpu")
    first_epoch = _first_epoch(run) if resume else 0
    training, validation = open_split(run.data, "train"), open_split(run.data, "validation").labelled()
    if not len(validation):
        raise EdgeError(f"{run.data}: no validation image with a label; the best epoch could not be told")
    if run.limit:
        training = training.take(np.random.default_rng(run.seed).permutation(len(training))[: run.limit])
    with quiet(), one_line():
        module = _module(run, training, resume)
        write_atomically(run.out / "run.json", _record(run, training, validation, first_epoch))
        remove_leftovers(run.out)
        trainer = _trainer(run)
        try:
            trainer.fit(
                module,
                _loader(run, training, _shuffle(run, training, first_epoch)),
                _loader(run, validation),
                ckpt_path=str(last) if resume else None,
                weights_only=True,
            )
        except (SystemExit, KeyboardInterrupt):  # Lightning turns Ctrl-C and SIGTERM into an exit
            state = "holds the last whole epoch, go on with --resume" if last.is_file() else "was not written yet"
            print(f"\nstopped: {last} {state}", file=sys.stderr)
            raise KeyboardInterrupt from None
        if not trainer.is_global_zero:
            raise SystemExit(0)  # of several processes, one writes the bundle
        folder, evaluation = _keep_best(run, module, training, validation)
    figures = f"accuracy {100 * evaluation.accuracy:.2f} %, macro F1 {evaluation.macro_f1:.3f}"
    print(f"best epoch on {evaluation.data}: {figures}")
    return folder


def _module(run: Run, training: Samples, resume: bool) -> EmotionModule:
    lightning.seed_everything(run.seed, verbose=False)
    spec = NetworkSpec(run.architecture, len(training.labels), run.color)
    # A resumed run's weights lie in its checkpoint: nothing to download again.
    weights = "none" if resume else run.weights
    network = starting_network(spec, weights, training.labels, run.image_size, run.dropout)
    options = run.options
    detail = min(run.crop.source_size or run.image_size, run.image_size)
    teachers = load_teachers(run.teachers, training, detail, options.distill_temperature, options.teacher_flips)
    return EmotionModule(network, options, torch.from_numpy(training.distribution.sum(axis=0)), teachers)


def _shuffle(run: Run, training: Samples, first_epoch: int) -> EpochShuffle:
    chances = balanced_chances(training.distribution, run.sampler_power) if run.sampler == "weighted" else None
    return EpochShuffle(len(training), run.seed, first_epoch, chances)


def _trainer(run: Run) -> lightning.Trainer:
    callbacks: list[lightning.Callback] = [
        Progress(run.out / "metrics.csv"),
        Reseed(run.seed),
        KeptCheckpoint(run.out, "best", monitor="val/accuracy"),
        KeptCheckpoint(run.out, "last"),  # after best: it also holds which one was best
    ]
    if run.patience:
        callbacks.append(EarlyStopping("val/accuracy", mode="max", patience=run.patience))
    if run.ema:
        callbacks.append(WeightAveraging(avg_fn=warming_average(run.ema)))
    if run.options.swa_start:
        callbacks.append(EpochAverage(run.options.swa_start))
    return lightning.Trainer(
        default_root_dir=run.out,
        max_epochs=run.epochs,
        accelerator={"auto": "auto", "cpu": "cpu", "cuda": "gpu"}[run.device],
        devices="auto" if run.device != "cpu" else 1,
        precision=run.precision,
        callbacks=callbacks,
        plugins=[AtomicCheckpointIO()],
        logger=False,
        num_sanity_val_steps=0,
        gradient_clip_val=5.0,
        enable_model_summary=False,
    )


def _loader(run: Run, samples: Samples, shuffle: EpochShuffle | None = None) -> DataLoader[Any]:
    return DataLoader(
        FaceDataset(samples, run.image_size, run.crop.source_size),
        batch_size=run.batch_size,
        sampler=shuffle,
        drop_last=shuffle is not None and len(samples) > run.batch_size,
        num_workers=run.workers,
        persistent_workers=run.workers > 0,
        generator=torch.Generator(),  # a loader draws a number when it starts: not one of augmentation's
    )


def _keep_best(run: Run, module: EmotionModule, training: Samples, validation: Samples) -> tuple[Path, Evaluation]:
    """Write the best epoch as a bundle, measure the file that was written, and record the figures in its config."""
    module.load_state_dict(read_checkpoint(run.out / "best.ckpt")["state_dict"])
    folder = run.out / "bundle"
    config = save_bundle(
        module.network.eval().cpu(),
        folder,
        name=f"{run.architecture}-{run.image_size}",
        size=run.image_size,
        crop=run.crop,
        samples=training,
    )
    engine = load_engine(folder / WEIGHTS, config)
    evaluation = evaluate(engine, config, validation)
    engine.close()
    _record_metrics(folder, config, evaluation)
    return folder, evaluation


def _record_metrics(folder: Path, config: Config, evaluation: Evaluation) -> None:
    entry = describe_file(folder / WEIGHTS, "pth", "float32", (evaluation.metrics(),))
    write_config(folder, msgspec.structs.replace(config, files={**config.files, WEIGHTS: entry}))


def _first_epoch(run: Run) -> int:
    """Return the epoch a resumed run begins with, after holding its choices to those it was started with."""
    epoch: int = read_checkpoint(run.out / "last.ckpt")["epoch"]
    path = run.out / "run.json"
    try:
        earlier = json.loads(path.read_bytes())["run"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EdgeError(f"{path} is missing or damaged; restore it, or choose another --out and start again") from error
    now = msgspec.to_builtins(run, enc_hook=str)
    for name in [name for name in now if name not in FREE_ON_RESUME]:
        if earlier.get(name) != now[name]:
            raise EdgeError(
                f"--resume: {run.out} was started with {name} {earlier.get(name)}, not {now[name]}; repeat its options "
                f"(they are in {path}), or choose another --out"
            )
    return epoch + 1


def _record(run: Run, training: Samples, validation: Samples, first_epoch: int) -> bytes:
    facts = {
        "run": msgspec.to_builtins(run, enc_hook=str),
        "images": {"train": len(training), "validation": len(validation)},
        "environment": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "lightning": lightning.__version__,
            "machine": platform.machine(),
        },
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "finished_epochs_at_start": first_epoch,
    }
    return json.dumps(facts, indent=2).encode() + b"\n"
