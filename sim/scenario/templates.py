"""Scenarios to start from (`reissue new`)."""

from __future__ import annotations

from importlib import resources
from typing import Final

from sim.text import closest, quoted

DEFAULT: Final = "delayed"
TEMPLATES: Final = {
    "delayed": "the documented way: a reserve 33 days before expiry, activated after 30",
    "immediate": "the certificate is replaced at once, and the help desk reinstalls the app",
    "inventory": "the devices come from an exported CSV file (devices.csv beside the scenario)",
    "minimal": "the required keys alone",
}
"""The templates and what each shows."""


def template_text(name: str = DEFAULT) -> str:
    """The YAML of a template.

    Raises:
        ValueError: there is none of that name; the message says which there are.
    """
    if name not in TEMPLATES:
        meant = closest(name, TEMPLATES)
        advice = f"did you mean {meant}?" if meant else f"there are {', '.join(TEMPLATES)}"
        raise ValueError(f"no template is called {quoted(name)}: {advice}")
    return _read(f"{name}.yaml")


def template_files(name: str = DEFAULT) -> dict[str, str]:
    """The files that a template's scenario names, by their path beside it, with sample content.

    Raises:
        ValueError: there is no template of that name.
    """
    template_text(name)
    return {"devices.csv": _read("devices.csv")} if name == "inventory" else {}


def _read(file: str) -> str:
    return resources.files("sim.scenario").joinpath("templates", file).read_text(encoding="utf-8")
