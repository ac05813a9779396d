"""reissue: what becomes of a fleet of managed phones when its server's certificate is reissued.

import sim
result = sim.run(sim.load("scenarios/delayed_30d.yaml"))
result.measures["lost_devices"]

The public names stand in `__init__.pyi`, once; each is imported when it is first asked for.
"""

from __future__ import annotations

import re
from pathlib import Path

_PUBLIC = Path(__file__).with_suffix(".pyi").read_text(encoding="utf-8")
_ROOMS = {name: room for room, name in re.findall(r"(?m)^from (\S+) import (\w+) as \2$", _PUBLIC)}
__all__ = sorted(_ROOMS)


def __getattr__(name: str) -> object:
    from importlib import import_module, metadata

    if name == "__version__":
        return metadata.version("reissue")
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    return getattr(import_module(_ROOMS[name]), name)


def __dir__() -> list[str]:
    return __all__
