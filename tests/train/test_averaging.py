from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

import edge.engines.network  # noqa: E402, F401  # first: it makes torchvision importable for Lightning

# isort: split
import lightning  # noqa: E402

from train.averaging import EpochAverage  # noqa: E402


class Counter(lightning.LightningModule):
    """Its one weight and its one statistic go up by one a step; it writes down what validation meets."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.register_buffer("statistic", torch.zeros(1))
        self.measured: list[tuple[float, float]] = []

    def training_step(self, batch, _):
        self.statistic += 1
        return -self.weight.sum()

    def validation_step(self, batch, _):
        self.measured.append((self.weight.item(), float(self.statistic)))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=1.0)


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (0.5, [3, 6, 9, 10.5]),  # weights 3, 6, 9, 12 at the ends of the epochs; the last two are averaged
        (0.25, [3, 6, 7.5, 9]),
        (0.99, [3, 6, 9, 12]),
    ],
)
def test_last_epochs_are_averaged_and_what_is_measured_is_the_average(start, expected, tmp_path):
    module = Counter()
    trainer = lightning.Trainer(
        default_root_dir=tmp_path,
        max_epochs=4,
        accelerator="cpu",
        callbacks=[EpochAverage(start)],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    loader = torch.utils.data.DataLoader(torch.zeros(3, 1))
    trainer.fit(module, loader, torch.utils.data.DataLoader(torch.zeros(1, 1)))
    assert module.measured == [(value, value) for value in expected]
    assert module.weight.item() == expected[-1]
