"""A tally as JSON and back: its numbers alone, since its profiles and events follow from the plan."""

from __future__ import annotations

import base64
import binascii
import math
import zlib
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sim.results.tally import COLUMNS, Tally
from sim.world.fleet import Profile
from sim.world.outcome import SERIES
from sim.world.timeline import Timeline

_ARRAYS: Final = ("counts", "back", "coverage_held")
_MOST_NUMBERS: Final = 1 << 28


def packed(tally: Tally) -> dict[str, Any]:
    """The arrays, the time series and the hashes of blocks of a tally, as JSON takes them."""
    return {
        "arrays": {name: _text(getattr(tally, name)) for name in _ARRAYS},
        "series": {name: _text(tally.series[name]) for name in SERIES},
        "blocks": [block.hex() for block in tally.blocks],
    }


def unpacked(value: dict[str, Any], *, profiles: tuple[Profile, ...], timeline: Timeline) -> Tally:
    """The tally again, with the profiles of its fleet and the server's life, which every part shares."""
    return Tally(
        profiles=profiles,
        **{name: _array(value["arrays"][name]) for name in _ARRAYS},
        series={name: _array(value["series"][name]) for name in SERIES},
        events=timeline.events,
        certificates=tuple(timeline.server.certificates),
        blocks=tuple(bytes.fromhex(block) for block in value["blocks"]),
    )


def is_packed(value: dict[str, Any]) -> bool:
    """Whether `unpacked` takes it."""
    try:
        if value.keys() != {"arrays", "series", "blocks"}:
            return False
        arrays = [_array(value["arrays"][name]) for name in _ARRAYS]
        series = [_array(value["series"][name]) for name in SERIES]
        return (
            all(each.ndim == 1 for each in series)
            and all(each.ndim == 2 for each in arrays)
            and len(arrays[0]) == len(COLUMNS)
            and all(len(bytes.fromhex(block)) == 32 for block in value["blocks"])
        )
    except (KeyError, TypeError, ValueError, AttributeError, zlib.error, binascii.Error):
        return False


def _text(array: NDArray[np.int64]) -> list[Any]:
    content = zlib.compress(array.astype("<i8").tobytes(), 1)
    return [list(array.shape), base64.b64encode(content).decode("ascii")]


def _array(written: Any) -> NDArray[np.int64]:
    shape, text = written
    if not all(type(n) is int and n >= 0 for n in shape) or math.prod(shape) > _MOST_NUMBERS:
        raise ValueError("the shape is none")
    size = 8 * math.prod(shape)
    content = zlib.decompressobj().decompress(base64.b64decode(text, validate=True), size + 1)
    return np.frombuffer(content, dtype="<i8").astype(np.int64).reshape(shape)
