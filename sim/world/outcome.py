"""What an engine returns: columns over devices, the server's events, time series (model 8)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sim.world.certificates import Certificate
from sim.world.fleet import Roster
from sim.world.server import Event

NEVER: Final = -1
"""The instant of what did not happen."""

PLATFORM_TEXT: Final = {"android": "Android", "ios": "iOS", "aurora": "Aurora"}
"""Platforms as their makers write them."""

_CAUSE_TEXT: Final = {
    "not_delivered": "the certificate that became main had not reached it",
    "replaced_reserve": "its reserve had been replaced, and the one that became main had not reached it",
    "expired": "the main certificate is not valid",
    "immediate": "the main certificate was replaced without having been delivered",
    "restored": "the certificate that was put back is one it no longer holds",
    "platform": "{platform} refuses the certificate that became main",
}
CAUSES: Final = ("", *_CAUSE_TEXT)
"""Why a device was lost; the column holds the index."""

MEANS: Final = ("", "sync", "reinstall")
"""How a device reconnected; the column holds the index."""

BLOCK: Final = 65_536
"""Devices that are hashed together: whole blocks of a fleet have the same hashes in any part of it."""

SERIES: Final = ("at_s", "holding_reserve", "connected", "lost", "queue", "syncs")
"""Names of the time series: see `Outcome.series`."""


@dataclass(frozen=True, eq=False)
class Devices:
    """One row a device, in device order; instants in whole seconds from the start, -1 for never."""

    reserve_received_at_s: NDArray[np.int64]  # when it first held the latest reserve
    lost_at_s: NDArray[np.int64]  # its first loss
    lost_cause: NDArray[np.int8]  # index into `CAUSES`
    noticed_at_s: NDArray[np.int64]  # first refusal after the first loss
    reconnected_at_s: NDArray[np.int64]  # end of the first loss
    reconnected_by: NDArray[np.int8]  # index into `MEANS`
    times_lost: NDArray[np.int32]  # how often it lost the server
    lost_for_s: NDArray[np.int64]  # seconds lost within the run, over all losses
    syncs: NDArray[np.int64]  # successful synchronizations
    last_sync_at_s: NDArray[np.int64]  # the last of them
    reinstalls: NDArray[np.int32]  # finished reinstallations
    helpdesk_s: NDArray[np.int64]  # seconds of technicians' work within the run
    unreachable: NDArray[np.bool_]  # whether an attempt was *unreachable*
    # seconds from the first unreachable attempt of each unbroken row of them to the next attempt that is
    # not, or to the end
    unreachable_for_s: NDArray[np.int64]
    visits: NDArray[np.int32]  # how often it was visited within the run (model 10.3)
    visits_helped: NDArray[np.int32]  # how often that brought a reserve
    latest_reserve_at_s: int  # when the latest reserve was specified, for all
    held_from_start: NDArray[np.bool_]  # whether it held the latest reserve from the start (model 5.1)

    @property
    def critical_delay_s(self) -> NDArray[np.int64]:
        """Least activation delay that would have given it the latest reserve in time; int64 (model 9.1).

        A sync in the second of activation is too late, so it is one second more than the wait; 0 for
        what was held from the start, -1 for what never came.
        """
        received_at_s = self.reserve_received_at_s
        waited_s = received_at_s - self.latest_reserve_at_s + 1
        waited_s[self.held_from_start & (received_at_s == 0)] = 0
        waited_s[received_at_s == NEVER] = NEVER
        return waited_s

    def columns(self) -> Iterator[tuple[str, NDArray[np.generic]]]:
        """Name and array of every column, in their order."""
        return ((name, getattr(self, name)) for name in COLUMNS)


def cause_text(cause: str, platform: str) -> str:
    """One of `CAUSES` as it stands after a colon."""
    return _CAUSE_TEXT[cause].format(platform=PLATFORM_TEXT.get(platform, platform))


_NAMES: Final = tuple(column.name for column in fields(Devices))[:-2]
COLUMNS: Final = (_NAMES[0], "critical_delay_s", *_NAMES[1:])
"""Columns of an outcome, one row a device: see `Devices`."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """What happened in one replication."""

    roster: Roster  # the devices
    horizon_s: int  # length of the run
    devices: Devices  # one row a device
    is_lost: NDArray[np.bool_]  # shape (n,), whether it is lost at the end
    # shape (changes, profiles), devices that held the certificate about to become main just before each
    # change of the main certificate
    coverage_held: NDArray[np.int64]
    events: tuple[Event, ...]  # what the server and the operator did
    certificates: tuple[Certificate, ...]  # by generation
    # samples by the names of `SERIES`; `holding_reserve` is -1 while there is no reserve, `connected`
    # counts devices that synced within 2 x every, `syncs` those since the last sample
    series: dict[str, NDArray[np.int64]]

    @property
    def blocks(self) -> tuple[bytes, ...]:
        """SHA-256 of every column of each `BLOCK` of devices."""
        columns = [*self.devices.columns(), ("is_lost", self.is_lost)]
        blocks = []
        for first in range(0, len(self.roster), BLOCK):
            digest = hashlib.sha256()
            for name, column in columns:
                part = column[first : first + BLOCK]
                digest.update(f"{name} {part.dtype.str} {part.shape}\n".encode())
                digest.update(np.ascontiguousarray(part).data)
            blocks.append(digest.digest())
        return tuple(blocks)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over every column, event and sample: equal where and only where outcomes are."""
        return fingerprint(self.blocks, self.coverage_held, self.events, self.series)


def fingerprint(
    blocks: Sequence[bytes],
    coverage_held: NDArray[np.int64],
    events: Sequence[Event],
    series: Mapping[str, NDArray[np.int64]],
) -> str:
    """SHA-256 of an outcome from what its parts have; hexadecimal."""
    digest = hashlib.sha256(b"".join(blocks))
    digest.update(f"held {coverage_held.shape}\n".encode())
    digest.update(np.ascontiguousarray(coverage_held).data)
    for event in events:
        digest.update(f"{event}\n".encode())
    for name in SERIES:
        digest.update(f"{name}\n".encode())
        digest.update(np.ascontiguousarray(series[name]).data)
    return digest.hexdigest()
