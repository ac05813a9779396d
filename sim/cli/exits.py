"""Exit codes (language 2)."""

from typing import Final

DONE: Final = 0
FAILS: Final = 1
WRONG_INPUT: Final = 2
UNDECIDED: Final = 3
INTERRUPTED: Final = 130
