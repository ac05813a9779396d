"""Files that are written whole or not at all; see `sim.files`."""

from __future__ import annotations

from sim.errors import OutputError as OutputError
from sim.files import write_file as replace_file
from sim.files import write_new_files as write_files

__all__ = ["OutputError", "replace_file", "write_files"]
