"""What a page names in a paragraph of its own is shown there on the site.

On a forge such a paragraph is a link or a name; here it becomes what it points to:

- a link to a file outside `docs/`: the file itself, and beside it the link to download it;
- a name of the Python interface, as code: its documentation.

Links to pages that lie outside `docs/` lead to their copies on the site, and the first page gets the menu.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

PAGES = {
    "../CHANGELOG.md": "changelog.md",
    "../CONTRIBUTING.md": "contributing.md",
    "../README.md": "index.md",
}
"""Where the pages that lie outside `docs/` are found on the site."""
LANGUAGES = {".yaml": "yaml", ".csv": "text", ".py": "python"}
FENCE = re.compile(r"^( *)(`{3,}).*?^\1\2$", re.MULTILINE | re.DOTALL)


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx's entry."""
    from pygments.lexers.special import TextLexer

    app.add_config_value("menu", {}, "env")
    app.connect("source-read", _read)
    app.add_lexer("csv", TextLexer)
    return {"parallel_read_safe": True}


def _read(app: Sphinx, docname: str, source: list[str]) -> None:
    folder = Path(app.srcdir)
    source[0] = shown(source[0], folder, note=lambda path: app.env.note_dependency(str(path)))
    if docname == app.config.root_doc:
        for caption, pages in app.config.menu.items():
            source[0] += "\n".join(["", f"```{{toctree}}\n:hidden:\n:caption: {caption}\n", *pages, "```\n"])


def shown(text: str, folder: Path, *, note: Callable[[Path], object] = lambda path: None) -> str:
    """The text of a page in `folder` as the site has it; `note` is told each file that went into it."""

    def file(match: re.Match[str]) -> str:
        path = (folder / match["path"]).resolve()
        note(path)
        content = path.read_text(encoding="utf-8")
        if path.suffix == ".md":
            _, _, body = content.partition("\n")  # the page has its own first heading
            return outside_fences(_links, _moved(body, of=path.parent, to=folder))
        language = LANGUAGES.get(path.suffix, "text")
        return f"{match[0]}\n\n````{language}\n{content.rstrip()}\n````"

    def paragraphs(prose: str) -> str:
        prose = re.sub(
            r"(?m)(?:(?<=\n\n)|\A)\[[^\]\n]+\]\((?P<path>\.\./[^)#\n]+)\)$(?=\n\n|\n?\Z)", file, prose
        )
        return re.sub(r"(?m)(?:(?<=\n\n)|\A)`(?P<name>sim\.\w+)`$(?=\n\n|\n?\Z)", _documented, prose)

    return outside_fences(_links, outside_fences(paragraphs, text))


def outside_fences(change: Callable[[str], str], text: str) -> str:
    """The text with `change` applied to all of it that is not in a fence."""
    done: list[str] = []
    at = 0
    for fence in FENCE.finditer(text):
        done += [change(text[at : fence.start()]), fence[0]]
        at = fence.end()
    return "".join([*done, change(text[at:])])


def _links(prose: str) -> str:
    for path, page in PAGES.items():
        prose = prose.replace(f"]({path}", f"]({page}")
    return prose


def _moved(text: str, *, of: Path, to: Path) -> str:
    """A page's relative links, written as from another folder."""

    def link(match: re.Match[str]) -> str:
        path, sharp, anchor = match[1].partition("#")
        moved = Path(os.path.relpath(of / path, to)).as_posix() if path else ""
        return f"]({moved}{sharp}{anchor})"

    return outside_fences(lambda prose: re.sub(r"\]\((?![a-z]+:)([^)]+)\)", link, prose), text)


def _documented(match: re.Match[str]) -> str:
    import sim

    named = getattr(sim, match["name"].removeprefix("sim."))
    if not isinstance(named, type):
        return f"```{{eval-rst}}\n.. autofunction:: {match['name']}\n```"
    hidden = ["model_config", "model_post_init", "example", "stand_in", "bare_keys", "keys"]
    hidden += getattr(named, "model_fields", {})  # the keys of a scenario have a page of their own
    options = f"   :members:\n   :exclude-members: {', '.join(hidden)}\n"
    return f"```{{eval-rst}}\n.. autoclass:: {match['name']}\n{options}```"
