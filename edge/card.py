"""``MODEL_CARD.md``: what the config says, for people. Made anew each time, never edited by hand."""

from __future__ import annotations

from edge.bundle import FILE_NAMES, Bundle, Config, File, Metrics, Parity
from edge.files import write_atomically
from edge.wording import PRECISIONS, drop, plain, quantized

CARD_NAME = "MODEL_CARD.md"

_RUNS_IN = {
    "pth": "PyTorch and torchvision",
    "torchscript": "PyTorch, alone",
    "onnx": "ONNX Runtime",
    "keras": "Keras 3",
    "tflite": "LiteRT",
}

#: A class that is recognised less often than this is listed as a failure.
_SELDOM = 0.6


def write_card(bundle: Bundle) -> None:
    """Write the card into the bundle's folder."""
    write_atomically(bundle.folder / CARD_NAME, card(bundle.config).encode())


def card(config: Config) -> str:
    """Return the card of a bundle as Markdown."""
    return (
        "\n\n".join(
            (
                f"# {config.name}",
                _affect(config),
                _task(config),
                _data(config),
                _use(),
                "## Files\n\n" + _files(config),
                "## Figures\n\n" + _figures(config),
                *_classes(config),
                *_int8(config),
                "## Probabilities\n\n" + _calibration(config),
                _how(config),
            )
        )
        + "\n"
    )


def _affect(config: Config) -> str:
    """First lines: how far valence and arousal can be trusted."""
    taught = config.training.valence_arousal
    if taught.startswith("weak"):
        return (
            f"**Valence and arousal are weakly taught** ({taught}). They order faces roughly from unpleasant "
            "to pleasant and from calm to excited; they were never compared with a person's annotation. Do not report "
            "them as measurements."
        )
    if taught.startswith("none"):
        return f"**It reads no valence and no arousal** ({taught}). Do not use these two numbers."
    return f"Valence and arousal were taught from {taught}."


def _task(config: Config) -> str:
    labels = ", ".join(f"{index} {label}" for index, label in enumerate(config.labels))
    size, crop = config.input.size, config.crop
    network = "A network from an ONNX file" if config.architecture == "onnx" else config.architecture
    gray = (
        " Colour is turned into luma inside the graph: the network was taught on gray images."
        if config.input.color == "gray"
        else ""
    )
    limit = f", brought down to {crop.source_size} px first" if crop.source_size else ""
    return (
        "## What it does\n\n"
        f"{network} with two heads on one face: {len(config.labels)} emotions ({labels}), and "
        "valence/arousal.\n\n"
        f"- Input `image`: uint8 `[N, {size}, {size}, 3]`, RGB, 0..255. Normalisation is inside every file.{gray}\n"
        f"- Output `logits`: float32 `[N, {len(config.labels)}]`, raw; {_softmax(config)} gives probabilities.\n"
        "- Output `valence_arousal`: float32 `[N, 2]`, each in [-1, 1].\n"
        f"- Crop: a square of {crop.scale:g} face boxes, moved {'down' if crop.shift_y > 0 else 'up'} by "
        f"{abs(crop.shift_y):g}, "
        f"{'eyes level' if crop.align == 'eyes' else 'not turned'}{limit}."
    )


def _data(config: Config) -> str:
    taught = config.training
    lines = [f"## Training data and licence\n\n{taught.data}. {_sentence(taught.licence)}"]
    if taught.teachers:
        lines.append("It also learnt from the answers of other networks:\n")
        lines += [f"- {_sentence(teacher)}" for teacher in taught.teachers]
    return "\n".join(lines)


def _use() -> str:
    return (
        "## Intended use and limits\n\n"
        "For research, teaching, art and prototypes that react to visible expressions, with the knowledge of the "
        "people in the picture.\n\n"
        "- It reads what a face shows, which is not what a person feels; people and cultures show differently.\n"
        "- Rare classes (fear, disgust, contempt) are usually recognised far less often than frequent ones: see macro "
        "F1.\n"
        "- Nothing here was tested for equal accuracy over age, sex or skin colour; the data gives no such labels.\n"
        "- Not for decisions about people: hiring, exams, policing, medicine, credit. In the European Union, emotion "
        "recognition at work and in education is prohibited (Regulation 2024/1689, article 5) save for medical or "
        "safety reasons."
    )


def _files(config: Config) -> str:
    rows = ["| file | precision | bytes | sha256 | runs in |", "|---|---|---:|---|---|"]
    for name, file in _ordered(config):
        rows.append(f"| `{name}` | {file.precision} | {file.size:,} | `{file.sha256[:12]}` | {_RUNS_IN[file.format]} |")
    kinds = {file.precision for file in config.files.values()} - {"float32"}
    meant = "; ".join(f"*{kind}*: {words}" for kind, words in PRECISIONS.items() if kind in kinds)
    return "\n".join(rows) + (f"\n\n{meant}." if meant else "")


def _figures(config: Config) -> str:
    """A line for each file and data set; how it compares with the checkpoint where that was recorded."""
    lines: list[tuple[str, Metrics | None, Parity | None]] = []
    for name, file in _ordered(config):
        parity = file.parity
        lines += [(name, found, parity if parity and parity.data == found.data else None) for found in file.metrics]
        if parity and parity.data not in {found.data for found in file.metrics}:
            lines.append((name, None, parity))
    if not lines:
        return "Not measured: no labelled images were given."
    heads = ["file", "data", "images", "accuracy", "macro F1", "same emotion as the checkpoint"]
    compared = any(parity for _, _, parity in lines)
    if compared:
        heads += ["accuracy lost, points", "largest logit difference", "RMSE of valence, arousal"]
    rows = [f"| {' | '.join(heads)} |", f"|---|---|{'---:|' * (len(heads) - 2)}"]
    for name, found, parity in lines:
        cells = [f"`{name}`", *_measured(found, parity), *(_compared(parity) if compared else ())]
        rows.append(f"| {' | '.join(cells)} |")
    if compared:
        rows.append(
            "\nAccuracy lost: the checkpoint's less the file's on the same images, with the 95 % interval of a paired "
            "bootstrap; above zero is worse than the checkpoint."
        )
    return "\n".join(rows)


def _measured(found: Metrics | None, parity: Parity | None) -> list[str]:
    if found is None:
        return [] if parity is None else [parity.data, f"{parity.samples:,}", "", "", f"{parity.agreement:.2%}"]
    same = "" if found.agreement is None else f"{found.agreement:.2%}"
    return [found.data, f"{found.samples:,}", f"{found.accuracy:.2%}", f"{found.macro_f1:.3f}", same]


def _compared(parity: Parity | None) -> list[str]:
    if parity is None:
        return ["", "", ""]
    affect = f"{plain(parity.valence_rmse)}, {plain(parity.arousal_rmse)}"
    return [drop(parity), plain(parity.logit_difference), affect]


def _int8(config: Config) -> list[str]:
    """How each file with int8 weights was made; nothing where it was not recorded."""
    made = [(name, file.quantization) for name, file in _ordered(config) if file.quantization]
    if not made:
        return []
    return ["\n".join(["## How int8 was made\n", *(f"- `{name}`: {' '.join(quantized(how))}" for name, how in made)])]


def _classes(config: Config) -> list[str]:
    """Per emotion, and in words where the network fails; nothing where it was not measured."""
    measured = [(name, metrics) for name, file in _ordered(config) for metrics in file.metrics if metrics.classes]
    if not measured:
        return []
    name, found = measured[0]
    rows = [
        f"## Per emotion\n\n`{name}` on {found.data}.\n",
        "| emotion | images | recognised (recall) | right when named (precision) |",
        "|---|---:|---:|---:|",
    ]
    for label, figures in found.classes.items():
        precision = "never named" if figures.precision is None else f"{figures.precision:.1%}"
        rows.append(f"| {label} | {figures.images:,} | {figures.recall:.1%} | {precision} |")
    missed = [
        f"{label} in {round(figures.recall * figures.images)} of {figures.images}"
        for label, figures in found.classes.items()
        if figures.recall < _SELDOM
    ]
    if missed:
        rows.append(f"\n**Known failures**: it recognises {', '.join(missed)}. Do not build on these classes.")
    return ["\n".join(rows)]


def _softmax(config: Config) -> str:
    return "softmax" if config.temperature == 1 else f"softmax(logits / {config.temperature:.4g})"


def _calibration(config: Config) -> str:
    c = config.calibration
    if c is None:
        return (
            "Not calibrated: nobody compared them with how often they are right (`edge-train calibrate` does). Take "
            "them as an order, not as chances."
        )
    return (
        f"Logits are divided by {config.temperature:.4g} (temperature scaling, Guo et al. 2017), fitted on {c.data}, "
        f"{c.samples:,} images.\n\n"
        "| | before | after |\n|---|---:|---:|\n"
        f"| expected calibration error | {c.ece_before:.4f} | {c.ece_after:.4f} |\n"
        f"| negative log-likelihood | {c.nll_before:.4f} | {c.nll_after:.4f} |\n\n"
        f"15 equal-width bins; *after* is cross-fitted in {c.folds} folds: each image under a temperature fitted on "
        "others. Where faces differ from those images, probabilities will be off again."
    )


def _how(config: Config) -> str:
    exported = any(file.format != "pth" for file in config.files.values())
    if not exported:
        return "No other format passed its gate yet; `edge-quantize` makes them."
    golden = config.golden
    proof = (
        f" `{golden.file}` holds {golden.images} pictures, the config what checkpoint and files answered: "
        "`edge-quantize verify BUNDLE` proves on any machine that they still do."
        if golden
        else ""
    )
    return (
        "Each file was run in its own runtime and compared with the checkpoint before it was put here: float files "
        "within 1e-4 on every logit, smaller ones by the emotion they name and what they lose."
        f"{proof} Programs read `model_config.json` beside this card; `edge-quantize` writes both."
    )


def _ordered(config: Config) -> list[tuple[str, File]]:
    known = {name: position for position, name in enumerate(FILE_NAMES.values())}
    return sorted(config.files.items(), key=lambda item: (known.get(item[0], len(known)), item[0]))


def _sentence(text: str) -> str:
    return text if text.endswith(".") else text + "."
