"""``edge-bench promised``: what users of a plain ResNet-18 are promised, measured."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from bench.application import app
from bench.pipeline.options import PowerOption
from bench.saving import CpuOption, JsonOption, QuickOption, SaveOption
from edge.terminal import guarded


@app.command()
@guarded
def promised(
    resnet: Annotated[
        Path, typer.Option(metavar="BUNDLE", help="A ResNet-18 for 224 px, with model_weights.pth and model.onnx.")
    ],
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads of each runtime. Default: as edge-run.")
    ] = None,
    power: PowerOption = "auto",
    cpu: CpuOption = None,
    quick: QuickOption = False,
    json_file: JsonOption = None,
    save: SaveOption = False,
) -> None:
    """Measure the frame rates promised for ResNet-18 at 224 px on the demo source, and the default model beside them.

    PyTorch on the CPU: 15-20 FPS; ONNX on the CPU: 25-30; CUDA: 60 and more, not measured where there is no GPU.
    edge-quantize BUNDLE --out OTHER --image-size 224 --formats onnx makes such a bundle of one for another size.

    Example: edge-bench promised --resnet models/resnet18-224 --save
    """
    from bench.affinity import pin
    from bench.pipeline.keeping import keep
    from bench.pipeline.promised import measure_promised, promised_rows, show_promised
    from bench.power import find_meter
    from bench.saving import effort_of

    rows = promised_rows(resnet, threads)
    meter, remarks = find_meter(power)
    pin(cpu)
    result = measure_promised(
        rows,
        effort_of(quick),
        meter=meter,
        remarks=remarks,
        progress=lambda line: print(line, file=sys.stderr),
    )
    typer.echo(show_promised(result, rows))
    keep(result, json_file, save)
