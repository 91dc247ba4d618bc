"""Which emotion each output means: named by the user, or by the name of a published order."""

from __future__ import annotations

from edge.errors import EdgeError
from edge.labels import LABELS
from train.data.classes import known_as

_ALPHABETICAL = tuple(sorted(LABELS))

#: Published label orders, by the name ``--labels`` knows them by.
PRESETS: dict[str, tuple[str, ...]] = {
    # Mollahosseini, Hasani, Mahoor 2017, "AffectNet", IEEE TAC: ids 0..7 of its annotation files.
    "affectnet8": LABELS,
    # The same without contempt: what papers call AffectNet-7.
    "affectnet7": LABELS[:7],
    # Barsoum, Zhang, Canton Ferrer, Zhang 2016, "FER+": the columns of fer2013new.csv, and the FER+ ONNX model's table.
    "ferplus8": ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt"),
    # Goodfellow et al. 2013, "Challenges in Representation Learning", FER2013: 0 angry ... 6 neutral in fer2013.csv.
    "fer7": ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral"),
    # Folders by name under torchvision's ImageFolder, which sorts them (documented for find_classes).
    "alphabetical8": _ALPHABETICAL,
    "alphabetical7": tuple(label for label in _ALPHABETICAL if label != "contempt"),
}


def parse_labels(text: str) -> tuple[str, ...]:
    """Return the labels of a preset's name or a comma list; emotions by this project's names for them.

    Raises:
        EdgeError: one name that is no preset, or one emotion twice.
    """
    if text.strip().lower() in PRESETS:
        return PRESETS[text.strip().lower()]
    labels = tuple(known_as(name) for name in text.split(",") if name.strip())
    if len(labels) < 2:
        raise EdgeError(
            f"--labels {text}: no such order; use one of {', '.join(PRESETS)}, or name them all: neutral,happiness,..."
        )
    if len(set(labels)) < len(labels):
        twice = next(label for label in labels if labels.count(label) > 1)
        raise EdgeError(f"--labels {text}: {twice} is there twice; name each output once, in the order of the outputs")
    return labels


def need_labels(labels: tuple[str, ...] | None, outputs: int, of: str) -> tuple[str, ...]:
    """Return ``labels`` when the user gave some.

    Args:
        labels: from :func:`parse_labels`, or None.
        outputs: how many numbers the network's classifier gives.
        of: what gives them, for the message.

    Raises:
        EdgeError: none were given.
    """
    if labels is not None:
        return labels
    fitting = [name for name, order in PRESETS.items() if len(order) in (outputs, outputs - 2)]
    names = f"; published orders that would fit: {', '.join(fitting)}" if fitting else ""
    raise EdgeError(
        f"--labels is missing: {of} gives {outputs} numbers, and the file does not say which emotion each one is; in a "
        f"wrong order every reading is wrong and nothing shows it. Give --labels neutral,happiness,...{names}"
    )
