"""What the user says about a model, and the config that comes of it."""

from __future__ import annotations

import dataclasses
from typing import Literal

from edge.bundle import SCHEMA_VERSION, Config, Crop, Input, Training
from quantize.convert.normalisation import Normalisation

UNSAID = "not said when the model was converted"
#: What stands where a network has no second head; the card looks for the first word.
NO_AFFECT = "none: the network has no such head, and both outputs are always 0"


@dataclasses.dataclass(frozen=True)
class Facts:
    """What a file can't tell about itself; None where the user said nothing.

    Attributes:
        labels: the emotions, in the order of the outputs.
        size: side of the network's input, pixels.
        gray: the network was taught on gray pictures.
        bgr: its channels are blue, green, red.
        normalisation: in the order of its channels.
        tanh: tanh goes over valence and arousal.
        crop: how a face becomes the network's picture.
        name: of the model.
        training_data: what it was taught on.
        licence: what the owner of that data allows.
        affect_source: what taught valence and arousal.
    """

    labels: tuple[str, ...] | None = None
    size: int | None = None
    gray: bool = False
    bgr: bool = False
    normalisation: Normalisation | None = None
    tanh: bool = False
    crop: Crop = dataclasses.field(default_factory=Crop)
    name: str = "converted"
    training_data: str = UNSAID
    licence: str = UNSAID
    affect_source: str = f"a source that was {UNSAID}"

    def config(
        self,
        architecture: str,
        labels: tuple[str, ...],
        size: int,
        color: Literal["rgb", "gray"],
        normalisation: Normalisation,
        affect: bool,
    ) -> Config:
        """Return the config of the bundle, as yet without files.

        Args:
            architecture: torchvision's name of the backbone, or ``"onnx"``.
            labels: of the logits.
            size: side of the input, pixels.
            color: what the graph makes of the picture first.
            normalisation: what it does then, in the order red, green, blue.
            affect: whether there is a valence/arousal head.
        """
        return Config(
            schema_version=SCHEMA_VERSION,
            name=self.name,
            architecture=architecture,
            labels=labels,
            input=Input(size=size, color=color, mean=normalisation.mean, std=normalisation.std),
            crop=self.crop,
            training=Training(
                data=self.training_data,
                licence=self.licence,
                valence_arousal=self.affect_source if affect else NO_AFFECT,
            ),
        )


def reversed_channels(how: Normalisation) -> Normalisation:
    """Return the same for channels in the opposite order."""
    (a, b, c), (d, e, f) = how.mean, how.std
    return Normalisation((c, b, a), (f, e, d))
