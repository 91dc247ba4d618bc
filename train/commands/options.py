"""Options that several subcommands of ``edge-train`` share, and the panels of ``--help``."""

from __future__ import annotations

from typing import Annotated

import typer

from edge.terminal import under

DATA = "Data"
NETWORK = "Network"
LEARNING = "Learning"
RARE = "Rare classes"
AUGMENTATION = "Augmentation"
TEACHERS = "Teachers"
RUN = "The run"
MACHINE = "Machine"

_KINDS = "affectnet:DIR, ferplus:DIR, folder:DIR, kaggle:OWNER/NAME, or a folder whose layout tells."


Data = Annotated[str, under(DATA, "--data", "--data-dir", "--data_dir", help=_KINDS)]
DataArgument = Annotated[str, typer.Argument(metavar="DATA", help=_KINDS)]
Split = Annotated[str, under(DATA, help="train, validation or test.")]
Classes = Annotated[str, under(DATA, help="Only these classes, in this order: happiness,sadness,...")]
NumClasses = Annotated[int, under(DATA, min=0, help="The first so many emotions (7: without contempt); 0: all.")]
ClassOrder = Annotated[str, under(DATA, help="What class numbers mean, the smallest number first: name,name,...")]
