"""How classes and tables are told: docstrings as written, no constructors, keys as a list on a phone."""

from __future__ import annotations

from docutils import nodes
from sphinx.application import Sphinx

KEY_TABLES = (["key", "type", "default"], ["key", "kind", "default"])
"""How the headers begin of tables that become lists on a phone."""
_written: dict[str, list[str]] = {}


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx's entry."""
    app.connect("autodoc-process-docstring", _keep, priority=400)
    app.connect("autodoc-process-docstring", _put_back, priority=600)
    app.connect("autodoc-process-signature", _without_constructor)
    app.connect("doctree-read", _mark_key_tables)
    return {"parallel_read_safe": True}


def _keep(app: Sphinx, what: str, name: str, of: object, options: object, lines: list[str]) -> None:
    if what in ("attribute", "property"):
        _written[name] = list(lines)


def _put_back(app: Sphinx, what: str, name: str, of: object, options: object, lines: list[str]) -> None:
    """napoleon takes what stands before a colon for a type; in these sentences it is none."""
    if name in _written:
        lines[:] = _written.pop(name)


def _without_constructor(
    app: Sphinx, what: str, name: str, of: object, options: object, signature: str, returns: str
) -> tuple[str, str | None] | None:
    """The classes of the interface are what its functions return; nobody calls them."""
    return ("", None) if what in ("class", "exception") else None


def _mark_key_tables(app: Sphinx, doctree: nodes.document) -> None:
    for table in doctree.findall(nodes.table):
        heads = [entry.astext() for row in table.findall(nodes.thead) for entry in row.findall(nodes.entry)]
        if heads[:3] in KEY_TABLES:
            table["classes"].append("keys")
