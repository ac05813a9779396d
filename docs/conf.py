"""How the pages become a site: `make docs`, or `sphinx-build -W --keep-going docs out/docs`.

The pages are plain Markdown, to be read on a forge as well; what the site adds is in `_ext`.
"""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]

project = "reissue"
author = "maintainers"
copyright = "maintainers"  # noqa: A001 - Sphinx names it so
html_title = "reissue"
language = "en"

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "shown",
    "told",
]
exclude_patterns = ["_ext"]
menu = {
    "Plan": ["tutorial", "ten-questions", "cookbook", "lists", "decisions", "report", "why", "certificates"],
    "Look up": ["glossary", "language", "reference", "model", "api"],
    "Trust": ["evidence", "exact", "mutation", "guarantees", "rehearsal", "testing"],
    "The program": ["sweep", "benchmarks", "design", "extend", "contributing", "changelog"],
}
default_role = "code"  # docstrings put code in single backquotes, as the pages do

# --- Markdown: the headings that links on a forge lead to, and no more of MyST than that --------------------

myst_heading_anchors = 4
myst_enable_extensions = []

# --- Python -----------------------------------------------------------------------------------------------

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False

# --- HTML: everything it needs lies beside it ---------------------------------------------------------------

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_copyright = False
html_show_sphinx = False
html_copy_source = False
html_theme_options = {"footer_icons": [], "navigation_with_keys": True}
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
copybutton_exclude = ".linenos, .gp, .go"
