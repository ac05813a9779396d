"""What exists, as pure rules: time and order, certificates, slots, the server, presence and draws.

Nothing in this room knows of YAML, SimPy, numba, pandas or the terminal. Both engines rest on it.
"""

from typing import Final

SEMANTICS: Final = "2"
"""Version of the model's meaning: it moves when any published number would change."""
