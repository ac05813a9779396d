"""What no single value shows: checks across the fields of a scenario, each placed where the mend belongs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

from sim.results.measures import Key, measures_with
from sim.scenario import files
from sim.scenario.durations import format_duration
from sim.scenario.fleet import MOST_DEVICES, Absence, Away, Group
from sim.scenario.guarantees import Guarantee
from sim.scenario.instants import Instant
from sim.scenario.inventory import Inventory
from sim.scenario.outline import Path as KeyPath
from sim.scenario.problems import quoted, visible
from sim.scenario.repair import DOUBTFUL
from sim.scenario.scenario import Scenario, validity_of
from sim.scenario.server import CertificateSource
from sim.scenario.strategy import AddressChange, Step
from sim.scenario.tree import Node
from sim.scenario.values import closest
from sim.scenario.wording import Finding

ACTIONS = ("reissue", "cancel_reserve", "restore_previous")


class Checks:
    """The checks of one scenario; what is at a wrong path is a stand-in and is left out of them."""

    def __init__(
        self,
        scenario: Scenario,
        *,
        node: Node,
        wrong: set[KeyPath],
        folder: Path,
        validity_s: tuple[int, int] | None,
    ) -> None:
        self.scenario = scenario
        self.node = node
        self.folder = folder
        self._wrong = wrong
        self._around = {path[:length] for path in wrong for length in range(len(path))}
        self._told_validity_s = validity_s

    def sound(self, *path: str | int) -> bool:
        """Whether the value at `path` is the planner's: neither it nor what holds it is a stand-in."""
        return not any(path[:length] in self._wrong for length in range(1, len(path) + 1))

    def whole(self, *path: str | int) -> bool:
        """Whether also everything within it is, so that what is absent there was left out on purpose."""
        return self.sound(*path) and path not in self._around

    def written(self, *path: str | int) -> bool:
        """Whether the planner wrote a value at `path`."""
        node, taken = self.node.nearest(path)
        return taken == len(path) and node.value is not None

    def run(self, inventories: Mapping[int, Inventory]) -> Iterator[Finding]:
        """Everything that does not fit together."""
        yield from self._groups()
        yield from self._first_certificate()
        for number, outage in enumerate(self.scenario.server.outages):
            yield from self._not_before_start(outage.from_, "server", "outages", number, "from")
        for number, step in enumerate(self.scenario.strategy):
            yield from self._step(step, number)
        names = self._group_names(inventories)
        for number, guarantee in enumerate(self.scenario.guarantees):
            yield from self._guarantee(guarantee, number, names)

    def _groups(self) -> Iterator[Finding]:
        if not self.scenario.fleet and self.sound("fleet"):
            yield Finding(("fleet",), "a fleet has at least one group: write - {name: phones, devices: 100}")
        first: dict[str, int] = {}
        total = 0
        for number, group in enumerate(self.scenario.fleet):
            if self.sound("fleet", number, "name"):
                other = first.setdefault(group.name, number)
                if other != number:
                    where = self.node.place_of(("fleet", other, "name"))
                    at = f"at line {where.line}" if where.line else f"at fleet.{other}"
                    message = f"the name {quoted(group.name)} is already taken {at}: give each group its own"
                    yield Finding(("fleet", number, "name"), message)
            yield from self._devices(group, number)
            yield from self._sync(group, number)
            yield from self._away(group, number)
            total += group.devices or 0
        if total > MOST_DEVICES:
            yield Finding(
                ("fleet",), f"{total:,} devices in all are too many: write at most {MOST_DEVICES:,}"
            )

    def _devices(self, group: Group, number: int) -> Iterator[Finding]:
        path: KeyPath = ("fleet", number)
        counted, listed = self.written(*path, "devices"), self.written(*path, "inventory")
        if counted and listed:
            message = (
                "a group has devices or an inventory, not both: leave out devices, the inventory counts them"
            )
            yield Finding((*path, "devices"), message, at_key=True)
        elif not counted and not listed and self.whole(*path):
            yield Finding(path, "devices is required: write devices: 100, or inventory: devices.csv")
        if self.written(*path, "first") and listed:
            message = "first numbers the devices of a group without inventory: leave it out"
            yield Finding((*path, "first"), message, at_key=True)
        if self.written(*path, "columns") and not listed and self.whole(*path):
            yield Finding(
                (*path, "columns"),
                "columns belong to an inventory: name it, or leave columns out",
                at_key=True,
            )

    def _sync(self, group: Group, number: int) -> Iterator[Finding]:
        path: KeyPath = ("fleet", number, "sync")
        if not self.sound(*path, "every"):
            return
        every = format_duration(group.sync.every)
        for key in ("jitter", "phase"):
            value = group.sync.jitter if key == "jitter" else group.sync.phase
            if isinstance(value, int) and value >= group.sync.every and self.sound(*path, key):
                said = f"{format_duration(value)} is not shorter than the period of {every}"
                yield Finding((*path, key), f"{said}: write a {key} below {every}, or lengthen every")

    def _away(self, group: Group, number: int) -> Iterator[Finding]:
        """Absences come in order, and the device is on for at least a second between two."""
        if not isinstance(group.presence, Away) or not self.sound("fleet", number, "presence"):
            return
        before: Absence | None = None
        before_ends_s: int | None = None
        for index, absence in enumerate(group.presence.away):
            path: KeyPath = ("fleet", number, "presence", "away", index)
            yield from self._not_before_start(absence.from_, *path, "from")
            from_s = self._at_s(absence.from_) if self.whole(*path) else None
            if before is not None and before_ends_s is not None and from_s is not None:
                ends = f"the one before it, from {before.from_.text} for {format_duration(before.for_)}, ends"
                if from_s == before_ends_s:
                    said = f"this absence begins where {ends}: write both as one"
                    yield Finding((*path, "from"), f"{said}, or leave a time between them")
                elif from_s < before_ends_s:
                    said = f"this absence begins before {ends}: write absences in order"
                    yield Finding((*path, "from"), f"{said}, or leave a time between them")
            before, before_ends_s = absence, None if from_s is None else from_s + absence.for_

    def _at_s(self, instant: Instant) -> int | None:
        """Seconds from the start; None where that is not known."""
        validity_s = self._validity_s()
        if not self._countable(instant) or (instant.depends_on_expiry and validity_s is None):
            return None
        expiry_s = None if validity_s is None else validity_s[1]
        return instant.resolve(start=self.scenario.start, expiry_s=expiry_s)

    def _first_certificate(self) -> Iterator[Finding]:
        certificate, path = self.scenario.server.certificate, ("server", "certificate")
        yield from self._source(certificate, *path)
        expires = certificate.expires
        if expires is not None and expires.depends_on_expiry:
            message = (
                "the expiry cannot be counted from itself: write a date, or day 61 counted from the start"
            )
            yield Finding((*path, "expires"), message)
            return
        validity_s = self._validity_s()
        if validity_s is None:
            return
        begins_s, expiry_s = validity_s
        life = format_duration(expiry_s - begins_s)
        if self._told_validity_s is not None:
            yield from self._file_validity(begins_s, expiry_s)
        elif expiry_s < 0:
            said = f"the certificate expires {format_duration(-expiry_s)} before the start"
            yield Finding((*path, "expires"), f"{said}: write an expiry after {self._start()}")
        elif begins_s > 0:
            said = f"valid for {life}, the certificate begins {format_duration(begins_s)} after the start"
            yield Finding((*path, "expires"), f"{said}: write an expiry of at most start + {life}")

    def _file_validity(self, begins_s: int, expiry_s: int) -> Iterator[Finding]:
        """The first certificate's file holds one that is valid at the start."""
        said = "the certificate in this file"
        if expiry_s < 0:
            said = f"{said} expires {format_duration(-expiry_s)} before the start"
        elif begins_s > 0:
            said = f"{said} begins to be valid {format_duration(begins_s)} after the start"
        else:
            return
        mend = "name the one that is main at the start, or begin the run while this one is valid"
        yield Finding(("server", "certificate", "file"), f"{said}: {mend}")

    def _validity_s(self) -> tuple[int, int] | None:
        """The first certificate's validity where it is known."""
        certificate, path = self.scenario.server.certificate, ("server", "certificate")
        if self._told_validity_s is not None:
            return self._told_validity_s
        if certificate.file is not None or not self.sound(*path, "file"):
            return None
        if not (self.sound(*path, "expires") and self.sound(*path, "valid_for")):
            return None
        expires = certificate.expires
        if expires is not None and (expires.depends_on_expiry or not self._countable(expires)):
            return None
        return validity_of(self.scenario, expires, certificate.valid_for)

    def _countable(self, instant: Instant) -> bool:
        return instant.anchor != "date" or self.sound("start")

    def _source(self, source: CertificateSource, *path: str | int) -> Iterator[Finding]:
        for key in ("file", "key", "password_env"):
            written = getattr(source, key)
            if written is None or not self.sound(*path, key):
                continue
            if source.issuer != "custom" and self.sound(*path, "issuer"):
                yield Finding(
                    (*path, key), f"{key} is for a custom certificate: add issuer: custom", at_key=True
                )
            elif key == "key" and source.file is None and self.whole(*path):
                yield Finding(
                    (*path, key), "key comes with file: name the certificate's file too", at_key=True
                )
            elif key != "password_env" and (mend := self._unreadable(written)) is not None:
                yield Finding((*path, key), mend)

    def _unreadable(self, written: str) -> str | None:
        """Why a certificate's file cannot be read, or None."""
        try:
            files.read_bytes(files.inside(self.folder, written), most_bytes=files.MOST_CERTIFICATE_BYTES)
        except files.UnreadableError as error:
            return f"{quoted(written)} {error}"
        return None

    def _step(self, step: Step, number: int) -> Iterator[Finding]:
        path: KeyPath = ("strategy", number)
        taken = [key for key in ACTIONS if getattr(step, key) is not None]
        taken.sort(key=lambda key: self._line_of_key(*path, key))
        if len(taken) > 1:
            message = f"a step is one action, and this has {' and '.join(taken)}: write a step for each"
            yield Finding((*path, taken[-1]), message, at_key=True)
        elif not taken and self.whole(*path):
            yield Finding(path, f"a step needs an action: write one of {', '.join(ACTIONS)}")
        yield from self._not_before_start(step.at, *path, "at")
        if step.reissue is not None:
            yield from self._source(step.reissue, *path, "reissue")
            if isinstance(step.reissue.address, AddressChange) and step.reissue.address.opens is not None:
                yield from self._not_before_start(
                    step.reissue.address.opens, *path, "reissue", "address", "opens"
                )

    def _line_of_key(self, *path: str | int) -> tuple[int, int]:
        place = self.node.place_of(path, key=True)
        return place.line or 0, place.column or 0

    def _not_before_start(self, instant: Instant, *path: str | int) -> Iterator[Finding]:
        at_s = self._at_s(instant) if self.sound(*path) else None
        if at_s is not None and at_s < 0:
            because, validity_s = "", self._validity_s()
            expiry_s = None if validity_s is None else validity_s[1]
            if instant.depends_on_expiry and expiry_s is not None:
                because = f", as the certificate expires {format_duration(max(expiry_s, 0))} after it"
            said = f"{quoted(instant.text)} is {format_duration(-at_s)} before the start{because}"
            yield Finding(path, f"{said}: write an instant from {self._start()} on, such as day 0")

    def _start(self) -> str:
        start = self.scenario.start
        midnight = start.replace(hour=0, minute=0, second=0)
        return (
            f"{start:%Y-%m-%d}" if start - midnight < timedelta(seconds=1) else f"{start:%Y-%m-%d %H:%M:%S}"
        )

    def _group_names(self, inventories: Mapping[int, Inventory]) -> set[str] | None:
        """The groups that a guarantee may name, or None where they are not all known."""
        fleet = self.scenario.fleet
        if not self.sound("fleet") or not all(self.sound("fleet", i, "name") for i in range(len(fleet))):
            return None
        lists = [i for i in range(len(fleet)) if self.written("fleet", i, "inventory")]
        if any(i not in inventories for i in lists) or ("fleet", DOUBTFUL) in self._wrong:
            return None
        return {group.name for group in fleet} | {
            row.group for each in inventories.values() for row in each.rows if row.group is not None
        }

    def _guarantee(self, guarantee: Guarantee, number: int, names: set[str] | None) -> Iterator[Finding]:
        path: KeyPath = ("guarantees", number)
        if not self.sound(*path):
            return
        bounds = [key for key in ("at_most", "at_least") if self.written(*path, key)]
        if len(bounds) == 2:
            message = "a guarantee has one bound: write at_most and at_least as two guarantees"
            yield Finding((*path, "at_least"), message, at_key=True)
        elif not bounds and self.whole(*path):
            yield Finding(path, "a guarantee needs a bound: add at_most or at_least, such as at_most: 0")
        if self.sound(*path, "measure"):
            yield from self._belongs(path, "within", guarantee.measure)
            yield from self._belongs(path, "quantile", guarantee.measure)
        if self.written(*path, "confidence") and not self.written(*path, "probability") and self.whole(*path):
            message = "confidence goes with a probability: add one, such as probability: 95%"
            yield Finding((*path, "confidence"), message, at_key=True)
        group = guarantee.group
        if group is not None and names is not None and group not in names and self.sound(*path, "group"):
            meant = closest(group, sorted(names))
            others = f"the groups are {_some(sorted(names))}" if names else "there are no groups"
            mend = f"did you mean {visible(meant)}?" if meant else others
            yield Finding((*path, "group"), f"no group is called {quoted(group)}: {mend}")

    def _belongs(self, path: KeyPath, key: Key, measure: str) -> Iterator[Finding]:
        measures = measures_with(key)
        if self.written(*path, key) and measure not in measures:
            message = f"{key} goes with {' and '.join(measures)}, not with {measure}: leave it out"
            yield Finding((*path, key), message, at_key=True)


def _some(names: list[str]) -> str:
    shown = ", ".join(quoted(name) for name in names[:8])
    return shown + (f" and {len(names) - 8} more" if len(names) > 8 else "")
