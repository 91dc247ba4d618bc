"""The three rows a user was promised: ResNet-18 at 224 px, whole frames, beside the default bundle."""

from __future__ import annotations

import dataclasses

from bench.report.gathering import Entry, Found
from bench.result import Row


@dataclasses.dataclass(frozen=True)
class Promise:
    """A promise.

    Attributes:
        name: what runs it.
        files: endings of the files that it runs.
        cuda: whether on a GPU.
        least: frames a second that were promised.
        words: the same as it was said.
    """

    name: str
    files: tuple[str, ...]
    cuda: bool
    least: float
    words: str


PROMISES = (
    Promise("PyTorch on the CPU", (".pth", ".pt"), False, 15, "15 to 20"),
    Promise("ONNX on the CPU", (".onnx",), False, 25, "25 to 30"),
    Promise("CUDA", (".pth", ".pt", ".onnx"), True, 60, "60 and more"),
)

#: Of the network the promises are about.
NETWORK, SIDE = "resnet18", 224


def kept(found: Found, device: str, promise: Promise) -> Entry | None:
    """Return the row that shows a promise, of whole frames; None where it was not measured.

    Rows that were measured go before such that failed, ``pipeline`` before ``peers``.
    """
    rows = [e for kind in ("pipeline", "peers") for e in found.entries(kind, device=device) if _about(e.row, promise)]
    return next((e for e in rows if e.measured and e.row.timing), rows[0] if rows else None)


def beside(found: Found, shown: list[Entry]) -> Entry | None:
    """Return the row of the default bundle in the same results, on as many faces of the same picture."""
    for entry in shown:
        wanted = _scene(entry.row)
        for row in entry.result.rows:
            other = row.status == "measured" and row.timing and not _is_network(row) and "mobilenet" in _network(row)
            if other and _scene(row) == wanted:
                return Entry(row, entry.result)
    return None


def _about(row: Row, promise: Promise) -> bool:
    on_gpu = str(row.settings.get("device") or "cpu").startswith("cuda")
    file = str(row.settings.get("file") or "")
    return _is_network(row) and file.endswith(promise.files) and on_gpu == promise.cuda


def _is_network(row: Row) -> bool:
    return NETWORK in _network(row) and row.settings.get("input_size") == SIDE


def _network(row: Row) -> str:
    names = (row.settings.get("model"), row.settings.get("bundle"))
    return " ".join(str(name) for name in names if name).lower().replace("-", "").replace("_", "")


def _scene(row: Row) -> tuple[object, ...]:
    return tuple(row.settings.get(name) for name in ("source", "width", "height", "faces", "rate"))
