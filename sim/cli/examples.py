"""Examples at the end of a command's help: one a line, to be copied whole."""

from __future__ import annotations

_AS_WRITTEN = "\b\n"
"""What keeps click from filling the lines of a paragraph."""


def examples(*commands: str) -> str:
    """The epilog of a command: each command line as it is typed in the folder of the repository."""
    title = "Example" if len(commands) == 1 else "Examples"
    return _AS_WRITTEN + "\n".join([f"{title}:", *(f"  {command}" for command in commands)])
