"""How large the files of a scenario may be."""

from __future__ import annotations

from typing import Final

from sim.errors import UnreadableError as UnreadableError
from sim.files import decode as decode
from sim.files import inside as inside
from sim.files import lines_of as lines_of
from sim.files import read_bytes as read_bytes

MOST_SCENARIO_BYTES: Final = 2_000_000
MOST_INVENTORY_BYTES: Final = 256_000_000
MOST_CERTIFICATE_BYTES: Final = 1_000_000
