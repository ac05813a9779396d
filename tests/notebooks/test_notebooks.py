"""Every notebook runs, shows what is stored, and holds nothing of the computer on which it ran.

A kernel that hangs ends twice: `CELL_S` in each cell, and `WHOLE_S` for the process that runs the notebook.
Executed one after the other, by one worker.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
EXECUTED = Path(__file__).with_name("executed.py")
WHOLE_S = 300
MOST_BYTES = 300_000
COMPARED = ("text/html", "text/markdown", "text/plain")
"""Pictures are not compared: fonts differ from one computer to the next."""

IN_DEFAULT = ("01_first_steps",)
"""Others take longer, and a compiled array engine."""

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def shown(notebook: nbformat.NotebookNode) -> Iterator[tuple[str, str]]:
    """What the cells show, each with the cell's id."""
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            assert output.output_type != "error", f"{cell.id}: {output.get('evalue')}"
            yield from ((cell.id, output.text) for _ in range(output.output_type == "stream"))
            for kind in COMPARED:
                if kind in output.get("data", {}):
                    yield cell.id, output.data[kind]


def run_again(path: Path) -> nbformat.NotebookNode:
    command = [sys.executable, "-W", "ignore", str(EXECUTED), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WHOLE_S, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return nbformat.reads(done.stdout, as_version=4)


@pytest.mark.xdist_group("kernels")
@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.stem, marks=() if path.stem in IN_DEFAULT else pytest.mark.slow)
        for path in NOTEBOOKS
    ],
)
def test_a_notebook_runs_and_shows_what_is_stored(path: Path) -> None:
    stored = nbformat.read(path, as_version=4)
    assert list(shown(run_again(path))) == list(shown(stored))


def test_there_are_six() -> None:
    assert [path.stem[:2] for path in NOTEBOOKS] == ["01", "02", "03", "04", "05", "06"]


@each_notebook
def test_a_notebook_is_valid_small_and_has_results(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert path.stat().st_size < MOST_BYTES
    assert len(list(shown(notebook))) >= 4
    figures = [
        o for cell in notebook.cells for o in cell.get("outputs", ()) if "image/png" in o.get("data", {})
    ]
    assert figures


@each_notebook
def test_a_notebook_holds_nothing_of_a_computer(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.findall(
        r"(?<![\w.<])/(?:home|root|Users|tmp|work|usr|var|opt)/|[A-Z]:\\\\\\\\|0x[0-9a-f]{6,}", text
    )
    assert "Traceback" not in text
    assert '"execution_count": null' in text
    assert not re.search(r'"execution_count": [0-9]', text)
    notebook = nbformat.read(path, as_version=4)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    streams = [
        o.text for cell in notebook.cells for o in cell.get("outputs", ()) if o.output_type == "stream"
    ]
    assert streams == []


@each_notebook
def test_no_number_of_a_result_stands_in_written_prose(path: Path) -> None:
    """Results are said by cells, which compute them; written prose has no share or count of lost devices."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            assert not re.search(
                r"\d[\d,.]*\s*(?:%\s+)?(?:devices |phones )?(?:are|is) lost\b|lose[s]? \d", cell.source
            )
