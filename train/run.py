"""One training run, from data to a bundle: the script one reads in a sitting."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import cv2
import msgspec
import torch

from edge.bundle import Bundle, Config, Crop, describe_file, write_config
from edge.card import write_card
from edge.engines import load_engine
from edge.engines.network import Color, NetworkSpec  # first: it makes torchvision importable for Lightning
from edge.errors import EdgeError
from edge.files import write_atomically

# isort: split
import lightning
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning.pytorch.callbacks import WeightAveraging
from lightning.pytorch.strategies import DDPStrategy
from torch.utils.data import DataLoader, SequentialSampler

from train.averaging import EpochAverage, warming_average
from train.batches import Batches, Order, collate
from train.batchnorm import SyncOnCpu
from train.calibration import calibrate
from train.checkpoint import WEIGHTS, save_bundle
from train.checkpoint_io import (
    AtomicCheckpointIO,
    KeptCheckpoint,
    Progressed,
    progressed,
    read_checkpoint,
    remove_leftovers,
)
from train.data.samples import Samples
from train.dataset import FaceDataset
from train.environment import record_start
from train.evaluation import Evaluation, measure
from train.failures import one_line
from train.keeping import Keeper, Patience, Stopped
from train.logs import Logs
from train.module import EmotionModule, Options
from train.note import note
from train.pace import Pace
from train.plots import draw_all
from train.predictions import predict_split
from train.processes import Place, check_devices, place
from train.progress import Progress, quiet
from train.shuffle import EpochShuffle, Reseed, balanced_chances
from train.splits import Choice, open_splits
from train.start import starting_network
from train.teacher import described, load_teachers

Precision = Literal["32-true", "16-mixed", "bf16-mixed"]

#: Fields that may differ when a run is resumed: they change where it runs and how long, not what it learns.
FREE_ON_RESUME = (
    *("data", "out", "weights", "epochs", "patience", "workers", "device"),
    *("keep_every", "checkpoint_minutes", "max_minutes", "deterministic"),
)


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
        batch_size: images a step, over all processes.
        workers: processes that read images; 0 reads them in the training process.
        ema: decay of the running average of the weights; 0: none.
        seed: of every random number.
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.
        precision: Lightning's name, for example ``"32-true"``, ``"16-mixed"`` or ``"bf16-mixed"``.
        limit: at most so many training images (0: all); for a quick look.
        choice: which of the data's classes, what is held out, how many damaged images are skipped.
        keep_every: keep a checkpoint for good each so many epochs; 0: none.
        checkpoint_minutes: time between checkpoints within an epoch; 0: only at its end.
        max_minutes: stop after so long, ready to go on; 0: never.
        deterministic: ask torch for repeatable sums on a GPU too (slower); a CPU's are, for one number of threads.
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
    choice: Choice = dataclasses.field(default_factory=Choice)
    keep_every: int = 0
    checkpoint_minutes: float = 0.0
    max_minutes: float = 0.0
    deterministic: bool = False
    crop: Crop = dataclasses.field(default_factory=Crop)
    dropout: float | None = None
    sampler: str = "shuffle"
    sampler_power: float = 1.0
    teachers: list[str] = dataclasses.field(default_factory=list)
    options: Options = dataclasses.field(default_factory=Options)


def fit(run: Run, resume: bool = False, resume_from: Path | None = None) -> Path:
    """Train, then write the best weights as a bundle; return its folder, ``run.out / "bundle"``.

    In several processes (``torchrun``, :func:`train.processes.launch`), the first one writes and returns.

    Args:
        run: the choices.
        resume: go on from ``run.out / "last.ckpt"``.
        resume_from: go on from this checkpoint of the run instead.

    Raises:
        EdgeError: wrong data, weights that do not fit, nothing to resume from, an unwritable folder, a full disk.
        KeyboardInterrupt: the user ended the run; ``last.ckpt`` holds it.
        SystemExit: something else asked it to end (SIGTERM); or this is not the first process.
    """
    here = place()
    last = run.out / "last.ckpt"
    start = resume_from or (last if resume else None)
    if start is None and last.is_file():
        raise EdgeError(f"{run.out} holds an earlier run; go on with --resume, or choose another --out")
    if run.device == "cuda" and not torch.cuda.is_available():
        raise EdgeError("--device cuda: this PyTorch sees no CUDA device; use --device cpu")
    check_devices(run.device, here, run.batch_size)
    behind = _behind(run, start) if start else Progressed(0, 0)
    splits = open_splits(run.data, run.choice, run.limit, run.seed)
    training, validation = splits.training, splits.validation
    if len(training) < here.world:
        raise EdgeError(f"{len(training)} training image(s) for {here.world} processes; start fewer")
    with quiet(), one_line(), _one_core_a_reader(run.workers):
        module = _module(run, training, start is not None)
        if here.rank == 0:
            write_atomically(run.out / "run.json", _record(run, training, validation, behind))
            record_start(run.out / "environment.json", run.seed, here.world)
            splits.write_skipped(run.out)
            for line in splits.notes:  # not before: a run that cannot start ends in one line
                note(line)
            remove_leftovers(run.out)
        keeper = Keeper(run.out, run.keep_every, run.checkpoint_minutes, run.max_minutes)
        trainer = _trainer(run, here, keeper, min(run.batch_size, len(training)))
        try:
            trainer.fit(
                module,
                _loader(run, here, training, _shuffle(run, training, behind.epochs), behind.steps),
                _loader(run, here, validation),
                ckpt_path=str(start) if start else None,
                weights_only=True,
            )
        except (Stopped, SystemExit, KeyboardInterrupt) as stop:  # Lightning turns Ctrl-C into an exit
            _say_how_to_go_on(stop, last, here)
        except RuntimeError:
            if not keeper.signal:
                raise
            # The signal went to all processes of the job, and those that read images were gone before the step ended.
            _say_how_to_go_on(SystemExit(), last, here)
        if here.rank:
            raise SystemExit(0)  # of several processes, one writes the bundle
        folder, evaluation, remark = _keep_best(run, module, training, validation)
    figures = f"accuracy {100 * evaluation.accuracy:.2f} %, macro F1 {evaluation.macro_f1:.3f}, {remark}"
    print(f"best epoch on {evaluation.data}: {figures}")
    return folder


def _say_how_to_go_on(stop: BaseException, last: Path, here: Place) -> None:
    """Tell what ``last.ckpt`` holds; return only where the time was up and there is a best epoch."""
    state = f"{last} holds it, go on with --resume"
    where = str(stop)
    if not isinstance(stop, Stopped):  # a second Ctrl-C, or one before the first step
        where = "at once"
        state = f"go on from {last} with --resume" if last.is_file() else f"{last} was not written yet"
    elif stop.signal == 0:
        if not last.with_name("best.ckpt").is_file():
            raise EdgeError(f"--max-minutes: stopped {where}, before the first epoch ended; {state}") from None
        if here.rank == 0:
            print(f"stopped {where}, the time is up: {state}", flush=True)
        return
    if here.rank == 0:
        print(f"stopped {where}: {state}", file=sys.stderr)
    if isinstance(stop, Stopped) and stop.signal != signal.SIGINT:
        raise SystemExit(128 + stop.signal)
    raise KeyboardInterrupt from None


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


def _trainer(run: Run, here: Place, keeper: Keeper, images: int) -> lightning.Trainer:
    pace = Pace()
    callbacks: list[lightning.Callback] = [
        Progress(pace, images),
        Logs(run.out, pace),
        Reseed(run.seed),
        KeptCheckpoint(run.out, "best", monitor="val/accuracy"),
        keeper,  # after best: it also holds which one was best
    ]
    if run.patience:
        callbacks.append(Patience("val/accuracy", run.patience))
    if run.ema:
        callbacks.append(WeightAveraging(avg_fn=warming_average(run.ema)))
    if run.options.swa_start:
        callbacks.append(EpochAverage(run.options.swa_start))
    several = here.world > 1
    on_gpu = run.device != "cpu" and torch.cuda.is_available()
    plugins: list[Any] = [AtomicCheckpointIO(), TorchElasticEnvironment() if several else LightningEnvironment()]
    return lightning.Trainer(
        default_root_dir=run.out,
        max_epochs=run.epochs,
        accelerator={"auto": "auto", "cpu": "cpu", "cuda": "gpu"}[run.device],
        devices=here.local,
        num_nodes=here.world // here.local,
        # Running means and variances are the same in all processes, since BatchNorm is one over all of them.
        strategy=DDPStrategy(broadcast_buffers=False) if several else "auto",
        sync_batchnorm=several and on_gpu,
        precision=run.precision,
        callbacks=callbacks,
        plugins=[*plugins, SyncOnCpu()] if several and not on_gpu else plugins,
        deterministic="warn" if run.deterministic else None,
        logger=False,
        num_sanity_val_steps=0,
        gradient_clip_val=5.0,
        enable_model_summary=False,
        enable_progress_bar=False,
        use_distributed_sampler=False,
    )


def _loader(run: Run, here: Place, samples: Samples, shuffle: Order | None = None, behind: int = 0) -> DataLoader[Any]:
    """Batches in the order of ``shuffle``, without the ``behind`` that are done; without it, the samples'."""
    dataset = FaceDataset(samples, run.image_size, run.crop.source_size)
    order = SequentialSampler(dataset) if shuffle is None else shuffle
    drop_last = shuffle is not None and len(order) > run.batch_size
    return DataLoader(
        dataset,
        batch_sampler=Batches(order, run.batch_size, drop_last, here, behind),
        collate_fn=collate,
        num_workers=run.workers,
        worker_init_fn=_start_worker,
        persistent_workers=run.workers > 0,
        generator=torch.Generator(),  # a loader draws a number when it starts: not one of augmentation's
    )


def _start_worker(_: int) -> None:
    """Leave Ctrl-C to the training process, which has a step to finish."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextlib.contextmanager
def _one_core_a_reader(workers: int) -> Iterator[None]:
    """Keep OpenCV to one thread while there are worker processes.

    Set before they are forked: a child that calls ``setNumThreads`` itself waits for threads it did not inherit.
    """
    before = cv2.getNumThreads()
    if workers:
        cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _keep_best(run: Run, module: EmotionModule, training: Samples, validation: Samples) -> tuple[Path, Evaluation, str]:
    """Write the best epoch as a bundle, measure the file that was written, and record the figures in its config.

    The third value says in a few words how sure of itself the network is.
    """
    module.load_state_dict(read_checkpoint(run.out / "best.ckpt")["state_dict"])
    folder = run.out / "bundle"
    config = save_bundle(
        module.network.eval().cpu(),
        folder,
        name=f"{run.architecture}-{run.image_size}",
        size=run.image_size,
        crop=run.crop,
        samples=training,
        teachers=described(run.teachers),
    )
    engine = load_engine(folder / WEIGHTS, config)
    predictions = predict_split(engine, config, validation)
    engine.close()
    try:
        found = calibrate(predictions)
        config = found.put(config)
        predictions = dataclasses.replace(predictions, temperature=found.temperature, fitted_on=found.record.data)
        ece = f"ECE {found.record.ece_after:.3f} at temperature {found.temperature:.2f}"
    except EdgeError as error:
        ece = f"no temperature: {error}"
    evaluation = measure(predictions)
    _record_metrics(folder, config, evaluation)
    draw_all(run.out, predictions)
    return folder, evaluation, ece


def _record_metrics(folder: Path, config: Config, evaluation: Evaluation) -> None:
    entry = describe_file(folder / WEIGHTS, "pth", "float32", (evaluation.metrics(),))
    config = msgspec.structs.replace(config, files={**config.files, WEIGHTS: entry})
    write_config(folder, config)
    write_card(Bundle(folder, config))


def _behind(run: Run, start: Path) -> Progressed:
    """Return what a resumed run has behind it, after holding its choices to those it was started with."""
    behind = progressed(start)
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
    return behind


def _record(run: Run, training: Samples, validation: Samples, behind: Progressed) -> bytes:
    facts = {
        "run": msgspec.to_builtins(run, enc_hook=str),
        "images": {"train": len(training), "validation": len(validation)},
        "finished_epochs_at_start": behind.epochs,
    }
    return json.dumps(facts, indent=2).encode() + b"\n"
