"""The page and the record of a run: every figure is there, names from outside stay text, nothing is fetched."""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from edge.bundle import ClassMetrics, Metrics, Parity, Quantization
from edge.errors import EdgeError
from quantize.record import Answer, Face, Latency, Report, Row, Tensor, Trial
from quantize.report import write_report
from quantize.report.page import page

DATA = "FER+ validation, 500 labelled images"
VOID = {"meta", "img", "br", "link", "input", "hr", "base"}


def png() -> str:
    picture = np.random.default_rng(0).integers(0, 255, (16, 16, 3), np.uint8)
    return base64.b64encode(cv2.imencode(".png", picture)[1].tobytes()).decode()


def metrics(accuracy: float, macro_f1: float, fear: float) -> Metrics:
    return Metrics(DATA, 500, accuracy, macro_f1, None, {"fear": ClassMetrics(14, fear, 0.5)})


def parity(agreement: float, drop: float | None, interval: tuple[float, float] | None, logit: float) -> Parity:
    return Parity(DATA, 500, logit, 0.02, logit / 8, 0.0123, 0.00745, agreement, drop, interval)


INT8 = Row(
    "model_int8.onnx",
    "onnx",
    "int8",
    "made",
    size=2_653_892,
    seconds=3.25,
    metrics=metrics(0.8338, 0.5811, 0.357),
    accuracy_interval=(0.802, 0.868),
    parity=parity(0.984, 0.0042, (-0.0061, 0.0141), 0.4921),
    latency=Latency(1.018, 2.583, 115, 1, 1.423),
    quantization=Quantization(
        "best", "mse", "FER+ train", 512, 7, True, True, 200, ("features.0.0",), "the fastest within 0.3 points"
    ),
)
REPORT = Report(
    name="ferplus-mobilenet",
    architecture="mobilenet_v2",
    input_size=64,
    labels=("neutral", "fear"),
    checkpoint=Row("model_weights.pth", "pth", "float32", "kept", size=4_639_299, metrics=metrics(0.838, 0.584, 0.5)),
    rows=(
        Row(
            "model.onnx",
            "onnx",
            "float32",
            "kept",
            size=8_922_899,
            metrics=metrics(0.838, 0.584, 0.5),
            parity=parity(1.0, 0.0, (0.0, 0.0), 4.5e-6),
            latency=Latency(1.449, 1.6, 115, 1, 1.0),
        ),
        INT8,
        Row("model_int8.tflite", "tflite", "int8", "failed", "loses 1.8 points, allowed is 0.5", 2_741_000),
        Row("model.h5", "keras", "float32", "refused", "cannot be ported to Keras"),
    ),
    data=DATA,
    samples=500,
    machine={"processor": "Cortex-A76", "onnxruntime": "1.32.0"},
    tensors={
        "model_int8.onnx": (
            Tensor("features.0.0", "conv", 0.0, 5.93, 0.0, 6.0, 0.00048, 30.75, 0.0291),
            Tensor("features.1.conv.0", "depthwise", -8.98, 7.82, -16.1, 10.8, 0.0, 23.84, 0.0664),
        )
    },
    faces={
        "model_int8.onnx": (
            Face(png(), 86, "fear", Answer("fear", 0.4, -0.22, 0.28), Answer("neutral", 0.41, -0.24, 0.31), 0.114),
        )
    },
    trials={
        "model_int8.onnx": (
            Trial("minmax", 0.0063, 0.975, 0.121, 0.52, False),
            Trial("mse, equalized", 0.0031, 0.9865, 0.0831, 0.58, True),
        )
    },
    notes=("Only 500 images.",),
    made="2026-11-25T12:00:00+00:00",
)


class Reader(HTMLParser):
    """Holds a page to its grammar while it reads it: what opens is closed, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.rows: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" in self.open:
            return
        self.texts.append(data)
        if "tr" in self.open:
            self.rows[-1] += f"{data} "

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self) -> str:
        return " ".join(self.texts)

    def row(self, start: str) -> str:
        """The cells of the first row that begins so."""
        return next(" ".join(row.split()) for row in self.rows if " ".join(row.split()).startswith(start))


@pytest.mark.parametrize(
    ("row", "figures"),
    [
        ("model_weights.pth", "pth float32 | reference | 4.64 | 83.80 | 0.584"),
        ("model.onnx", "✓ kept as it was | 8.92 | 83.80 | 0.00 | 100.00 | 4.5e-6 | 1.45 | (1.60) | 1.00"),
        (
            "model_int8.onnx",
            "✓ made | 3.2 s | 2.65 | 83.38 | 80.2 to 86.8 | 0.581 | 0.42 | −0.61 to 1.41 | 98.40 | 0.492 | RMSE 0.0615"
            " | 0.0123 | 0.00745 | 1.02 | (2.58) | 1.42",
        ),
        ("model_int8.tflite", "✗ kept out | 2.74"),
        ("loses 1.8 points, allowed is 0.5", ""),
        ("model.h5", "– not tried"),
        ("cannot be ported to Keras", ""),
        ("minmax", "0.63 | 97.50 | 0.121 | 0.52"),
        ("mse, equalized", "← chosen | 0.31 | 98.65 | 0.0831 | 0.58"),
        ("2 features.1.conv.0", "depthwise | 0.0664 | 23.8 | −8.98 to 7.82 | −16.1 to 10.8 | 0.000"),
        ("1 features.0.0", "conv | 0.0291 | 30.8 | 0 to 5.93 | 0 to 6.00 | 0.048"),
        ("fear", "14 | 50.0 | 35.7 | 14.3"),
        ("checkpoint", "fear | ✓ | 40 | −0.22 | +0.28"),
        ("this file", "neutral | 41 | −0.24 | +0.31"),
    ],
)
def test_every_figure_of_a_file_stands_in_its_row_in_order(row: str, figures: str) -> None:
    found = Reader(page(REPORT)).row(row)
    position = len(row)
    for figure in filter(None, figures.split(" | ")):
        assert figure in found[position:], (figure, found)
        position = found.index(figure, position) + len(figure)


@pytest.mark.parametrize(
    "words",
    [
        "2 of 4 files passed and are in the bundle. Kept out: model_int8.tflite. Not tried: model.h5.",
        "model_weights.pth, 83.80 % accuracy",
        "Cortex-A76, onnxruntime 1.32.0",
        "2026-11-25 12:00:00 UTC",
        "Only 500 images.",
        "3.4 times smaller than model.onnx",
        "weights in 7 bits, activation ranges by the least squared error (MSE) on 512 images (FER+ train)",
        "200 steps of quantization-aware fine-tuning",
        "Why: the fastest within 0.3 points.",
        "distance 0.11",
    ],
)
def test_page_says_it_in_words(words: str) -> None:
    assert words in re.sub(r"\s+", " ", "".join(Reader(page(REPORT)).texts))


def test_tables_pictures_and_figures_can_be_read_aloud() -> None:
    found = Reader(page(REPORT))
    assert all(head.get("scope") in ("col", "row") for head in found.named("th"))
    assert [image["alt"] for image in found.named("img")] == ["Face 86, labelled fear"]
    figures = [svg for svg in found.named("svg") if svg.get("aria-hidden") != "true"]
    assert len(figures) >= 4 and all(svg["aria-label"] and svg["role"] == "img" for svg in figures)
    named = [index for index, (tag, _) in enumerate(found.tags) if tag == "svg"]
    followed = [found.tags[index + 1][0] for index in named if found.tags[index][1].get("aria-hidden") != "true"]
    assert set(followed) == {"title"}


def test_nothing_is_fetched_and_nothing_runs() -> None:
    text = page(REPORT)
    found = Reader(text)
    for tag, attributes in found.tags:
        assert tag not in ("script", "link", "iframe", "object", "base")
        for key in ("src", "href", "xlink:href", "srcset"):
            value = attributes.get(key)
            assert value is None or value.startswith(("data:image/png;base64,", "#")), (tag, value)
        assert not any(key.startswith("on") for key in attributes)
    assert not re.search(r"url\(|@import|https?://", text)
    (policy,) = [meta["content"] for meta in found.named("meta") if "http-equiv" in meta]
    assert policy is not None and policy.startswith("default-src 'none'")


EVIL = "</style></title>\"'><script>alert(1)</script><img src=x onerror=alert(1)>"


def test_names_and_messages_stay_text() -> None:
    replace = msgspec.structs.replace
    quantization = replace(INT8.quantization, recipe=EVIL, data=EVIL, reason=EVIL, float_layers=(EVIL,))
    row = replace(INT8, file=EVIL, format=EVIL, precision=EVIL, problem=EVIL, quantization=quantization)
    answer = Answer(EVIL, 0.5, 0.0, 0.0)
    tensor, trial = REPORT.tensors["model_int8.onnx"][0], REPORT.trials["model_int8.onnx"][0]
    evil = replace(
        REPORT,
        name=EVIL,
        architecture=EVIL,
        rows=(row,),
        data=EVIL,
        machine={EVIL: EVIL},
        tensors={EVIL: (replace(tensor, layer=EVIL, kind=EVIL),)},
        faces={EVIL: (Face(EVIL, 0, EVIL, answer, answer, 0.5),)},
        trials={EVIL: (replace(trial, name=EVIL),)},
        notes=(EVIL,),
        made=EVIL,
    )
    found = Reader(page(evil))
    assert found.named("script") == []
    assert [image["src"] for image in found.named("img")] == [f"data:image/png;base64,{EVIL}"]
    assert "".join(found.texts).count(EVIL) > 15


@pytest.mark.parametrize("empty", ["tensors", "faces", "trials"])
def test_parts_without_content_are_left_out(empty: str) -> None:
    heads = {
        "tensors": "The layers that lose most",
        "faces": "Faces on which it and the checkpoint disagree most",
        "trials": "What was tried",
    }
    texts = Reader(page(msgspec.structs.replace(REPORT, **{empty: {}}))).texts
    assert [head for head in heads.values() if head not in texts] == [heads[empty]]


def test_without_labels_files_are_compared_by_the_checkpoints_emotion() -> None:
    replace = msgspec.structs.replace
    unlabelled = {row.file: row.parity and parity(row.parity.agreement, None, None, 0.1) for row in REPORT.rows}
    rows = tuple(replace(row, metrics=None, accuracy_interval=None, parity=unlabelled[row.file]) for row in REPORT.rows)
    report = replace(REPORT, rows=rows, checkpoint=replace(REPORT.checkpoint, metrics=None), faces={}, trials={})
    found = Reader(page(report))
    titles = [svg.get("aria-label") for svg in found.named("svg")]
    assert "same emotion as the checkpoint against size" in titles
    assert "98.40" in found.row("model_int8.onnx")
    assert "accuracy against size" not in titles and "points of accuracy" not in found.text


@pytest.mark.parametrize(
    "tensors",
    [
        (),
        (Tensor("only", "conv", 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),),
        tuple(Tensor(f"a.b.{i}", "conv", -(10.0**i), 10.0**i, -1.0, 1.0, 0.1, -3.0, 10.0**-i) for i in range(6)),
        tuple(Tensor(f"a.b.{i}", "conv", 0, 1, 0, 1, 0.0, float("inf"), float("nan")) for i in range(200)),
    ],
)
def test_any_network_can_be_drawn(tensors: tuple[Tensor, ...]) -> None:
    found = Reader(page(msgspec.structs.replace(REPORT, tensors={"model_int8.onnx": tensors})))
    numbers = [
        value for tag, a in found.tags for key, value in a.items() if key in ("x", "y", "height", "d", "x1", "y2")
    ]
    assert not [number for number in numbers if number and re.search("nan|inf|e[+-]", number)]
    columns = [rect for rect in found.named("rect") if rect.get("class") == "hover"]
    assert len(columns) == len(tensors)


def test_no_file_at_all_is_a_page_too(tmp_path: Path) -> None:
    bare = Row("model_weights.pth", "pth", "float32", "kept")
    report = Report("n", "a", 64, ("x", "y"), bare, (), "two portraits", 64, {})
    write_report(report, tmp_path)
    assert "0 of 0 files" in Reader((tmp_path / "report.html").read_text()).text


def test_the_record_on_disk_is_the_record(tmp_path: Path) -> None:
    write_report(REPORT, tmp_path / "new")
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["report.html", "report.json"]
    assert msgspec.json.decode((tmp_path / "new" / "report.json").read_bytes(), type=Report) == REPORT
    assert (tmp_path / "new" / "report.html").read_text(encoding="utf-8") == page(REPORT)


def test_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EdgeError, match="cannot write"):
        write_report(REPORT, tmp_path / "file")


@pytest.fixture(scope="module")
def browser() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no chromium on this machine: the page is not looked at by a browser")
    return found


@pytest.mark.parametrize(("width", "scheme", "dark"), [(1280, 1, False), (500, 0, True)])
def test_a_browser_shows_it(browser: str, tmp_path: Path, width: int, scheme: int, dark: bool) -> None:
    write_report(REPORT, tmp_path)
    picture = tmp_path / "page.png"
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},1600", f"--screenshot={picture}"]
    command += [f"--blink-settings=preferredColorScheme={scheme}", (tmp_path / "report.html").as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    shown = cv2.imread(str(picture), cv2.IMREAD_GRAYSCALE)
    assert shown is not None and shown.shape[1] == width
    background = np.median(shown)
    assert background < 60 if dark else background > 240
    # Text and figures from top to bottom, and not a wall of them.
    for part in np.array_split(shown, 4):
        assert 0.005 < np.mean(np.abs(part.astype(int) - background) > 60) < 0.5
