"""Exit codes (language 2)."""

from typing import Final

DONE: Final = 0
FAILS: Final = 1
WRONG_INPUT: Final = 2
UNDECIDED: Final = 3
DEFECT: Final = 70
"""An error of ours: the code that sysexits.h keeps for it."""
BROKEN_PIPE: Final = 141
INTERRUPTED: Final = 130
