"""Runs notebooks, and takes away from what they show whatever another run would show otherwise.

python tests/notebooks/executed.py NOTEBOOK             # prints the executed notebook
python tests/notebooks/executed.py --write NOTEBOOK…    # stores it in its place
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import nbformat
from nbclient import NotebookClient

CELL_S: Final = 120
"""No cell may take longer; the array engine may have to be compiled in it."""

WIDGET: Final = "application/vnd.jupyter.widget-view+json"
"""Points to a living widget by a number that is drawn anew each time; beside it stands a picture in HTML."""


def executed(path: Path) -> nbformat.NotebookNode:
    """The notebook with the outputs of a new run.

    Raises:
        CellTimeoutError, CellExecutionError: a cell takes too long or fails.
    """
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=CELL_S,
        kernel_name="python3",
        store_widget_state=False,
        resources={"metadata": {"path": str(path.parent)}},
    )
    client.execute()
    return settled(notebook)


def settled(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Without counts, times, widget numbers, and what the program says while one waits."""
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({})
        if cell.cell_type != "code":
            continue
        cell.execution_count = None
        cell.outputs = [output for output in cell.outputs if not _is_waiting(output)]
        for output in cell.outputs:
            if "execution_count" in output:
                output.execution_count = None
            if "data" in output:
                output.data.pop(WIDGET, None)
                if " at 0x" in output.data.get("text/plain", "") and "text/html" in output.data:
                    output.data["text/plain"] = "a table"  # instead of where it lay in memory
    return notebook


def _is_waiting(output: nbformat.NotebookNode) -> bool:
    """Whether it is the sentence about the compilation, which only a first run says."""
    return output.output_type == "stream" and output.text.startswith("compiling the array engine")


if __name__ == "__main__":
    if sys.argv[1] == "--write":
        for name in sys.argv[2:]:
            done = executed(Path(name))
            nbformat.validate(done)
            nbformat.write(done, name)
    else:
        print(nbformat.writes(executed(Path(sys.argv[1]))))
