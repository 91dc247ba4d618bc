"""The model card: the config's figures, and nothing that the config does not hold."""

from __future__ import annotations

import pytest

from edge.bundle import SCHEMA_VERSION, Config, Crop, File, Golden, Input, Metrics, Parity, Quantization, Training
from edge.card import card
from edge.wording import plain, points, quantized

DATA = "FER+ validation"
HASH = "0123456789ab" + "0" * 52


def config(files: dict[str, File], golden: Golden | None = None) -> Config:
    return Config(
        SCHEMA_VERSION,
        "model",
        "mobilenet_v2",
        ("neutral", "fear"),
        Input(64, "gray", (0.5, 0.5, 0.5), (0.2, 0.2, 0.2)),
        Crop(),
        Training("FER+ train", "research", "annotations"),
        files,
        golden=golden,
    )


CHECKPOINT = File("pth", "float16", HASH, 4_639_299, (Metrics(DATA, 3191, 0.8433, 0.5907),))
PARITY = Parity(DATA, 3191, 0.4921, 0.05, 0.08, 0.0123, 0.00745, 0.9856, 0.0021, (-0.0012, 0.0055))
MADE = Quantization(
    "best", "mse", "FER+ train", 512, 7, True, True, 200, ("features.0.0", "features.1.conv.0"), "fastest within 0.3"
)
INT8 = File("onnx", "int8", HASH, 2_653_892, (Metrics(DATA, 3191, 0.8412, 0.589, 0.9856),), PARITY, quantization=MADE)
DYNAMIC = File("tflite", "dynamic", HASH, 2_700_000, (), PARITY, Quantization("balanced", None, None, 0, 8))


@pytest.mark.parametrize(
    ("files", "line"),
    [
        ({"model_weights.pth": CHECKPOINT}, "| `model_weights.pth` | FER+ validation | 3,191 | 84.33% | 0.591 |  |"),
        (
            {"model_weights.pth": CHECKPOINT, "model_int8.onnx": INT8},
            "| `model_weights.pth` | FER+ validation | 3,191 | 84.33% | 0.591 |  |  |  |  |",
        ),
        (
            {"model_int8.onnx": INT8},
            "| `model_int8.onnx` | FER+ validation | 3,191 | 84.12% | 0.589 | 98.56% | 0.21 (−0.12 to 0.55) | 0.492 "
            "| 0.0123, 0.00745 |",
        ),
        (
            {"model_dynamic.tflite": DYNAMIC},
            "| `model_dynamic.tflite` | FER+ validation | 3,191 |  |  | 98.56% | 0.21 (−0.12 to 0.55) | 0.492 "
            "| 0.0123, 0.00745 |",
        ),
    ],
)
def test_figures_stand_in_one_line_with_the_comparison(files: dict[str, File], line: str) -> None:
    lines = card(config(files)).splitlines()
    assert line in lines
    head = next(one for one in lines if one.startswith("| file | data |"))
    assert head.count("|") == line.count("|") == lines[lines.index(head) + 1].count("|")


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (
            MADE,
            "Recipe `best`: weights in 7 bits, activation ranges by the least squared error (MSE) on 512 images (FER+ "
            "train). Mended by channels scaled to like ranges across layers, biases corrected for the mean error and "
            "200 steps of quantization-aware fine-tuning. `features.0.0` and `features.1.conv.0` stay in float. Why: "
            "fastest within 0.3.",
        ),
        (
            Quantization("fast", "minmax", None, 300, 8, float_layers=("features.0.0",)),
            "Recipe `fast`: weights in 8 bits, activation ranges by the smallest and largest values met (min-max) on "
            "300 images. `features.0.0` stays in float.",
        ),
        (
            Quantization("balanced", None, None, 0, 8, bias_corrected=True),
            "Recipe `balanced`: weights in 8 bits, activations in float. Mended by biases corrected for the mean "
            "error.",
        ),
    ],
)
def test_how_int8_was_made_is_said_in_words(made: Quantization, words: str) -> None:
    assert " ".join(quantized(made)) == words
    file = File("onnx", "int8", HASH, 1, quantization=made)
    assert f"## How int8 was made\n\n- `model_int8.onnx`: {words}\n" in card(config({"model_int8.onnx": file}))


def test_only_what_the_config_holds_is_on_the_card() -> None:
    text = card(config({"model_weights.pth": CHECKPOINT}))
    for word in ("How int8 was made", "accuracy lost", "edge-quantize verify", "RMSE"):
        assert word not in text


def test_precisions_are_listed_and_explained() -> None:
    text = card(config({"model_int8.onnx": INT8, "model_dynamic.tflite": DYNAMIC}))
    assert "| `model_dynamic.tflite` | dynamic | 2,700,000 | `0123456789ab` | LiteRT |" in text
    assert (
        "\n*dynamic*: int8 weights, float activations; *int8*: int8 weights and activations, float outputs.\n" in text
    )


def test_golden_answers_come_with_the_command_that_holds_files_to_them() -> None:
    text = card(config({"model_int8.onnx": INT8}, Golden("golden.png", HASH, 9, 16, "")))
    assert "`golden.png` holds 16 pictures" in text and "`edge-quantize verify BUNDLE`" in text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (5.2e-6, "5.2e-6"),
        (0.00745, "0.00745"),
        (0.0077, "0.00770"),
        (0.4921, "0.492"),
        (6.0, "6.00"),
        (-16.13, "-16.1"),
        (346.4, "346"),
        (999.7, "1000"),
        (12345.0, "1.2e4"),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
    ],
)
def test_figures_have_three_digits(value: float, text: str) -> None:
    assert plain(value) == text


@pytest.mark.parametrize(
    ("share", "text"), [(0.0, "0.00"), (-0.00001, "0.00"), (0.0042, "0.42"), (-0.0061, "−0.61"), (0.1, "10.00")]
)
def test_differences_are_told_in_points(share: float, text: str) -> None:
    assert points(share) == text
