"""Write ``colab_training_notebook.py``, the cells of ``colab_training.ipynb`` as a plain script (``make notebook``).

The notebook is the source; a test holds the script to it. Needs jupytext, which comes with ``emot-edge[dev]``.
"""

from __future__ import annotations

from pathlib import Path

NOTEBOOK = Path(__file__).with_name("colab_training.ipynb")
SCRIPT = Path(__file__).with_name("colab_training_notebook.py")
HEADER = "# Made from colab_training.ipynb by `make notebook`: change the notebook, not this file.\n\n"


def as_script(notebook: Path = NOTEBOOK) -> str:
    """Return the cells of a notebook as Python text in the percent format, without outputs and metadata."""
    import jupytext

    cells = jupytext.read(notebook)
    cells.metadata = {"jupytext": {"notebook_metadata_filter": "-all", "cell_metadata_filter": "-all"}}
    text: str = jupytext.writes(cells, fmt="py:percent")
    return HEADER + text


if __name__ == "__main__":
    SCRIPT.write_text(as_script(), encoding="utf-8")
    print(f"{SCRIPT} written")
