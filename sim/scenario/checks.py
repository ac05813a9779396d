"""What no single value shows: checks across the fields of a scenario, placed where the correction belongs.

They begin once every single value is right. A new check is a function that yields its mistakes, in `check`
or, where it depends on when the first certificate expires, in `check_instants`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sim.errors import UnreadableError
from sim.files import inside, read_bytes
from sim.results.measures import Key, measures_with
from sim.scenario.document import Node
from sim.scenario.fleet import MOST_DEVICES, Absence, Away, Disturbance, Group, Holiday
from sim.scenario.instants import Instant
from sim.scenario.inventory import Inventory
from sim.scenario.problems import Mistake
from sim.scenario.problems import Path as KeyPath
from sim.scenario.schema import AddressChange, CertificateSource, Contents, Guarantee, Step
from sim.text import closest, listed, quoted, span, visible

MOST_CERTIFICATE_BYTES = 1_000_000
_FIRST: KeyPath = ("server", "certificate")


@dataclass(frozen=True, slots=True)
class Draft:
    """A scenario whose single values are right.

    Attributes:
        contents: the values.
        node: the same as written, with places.
        folder: where the files lie that it names.
        file_validity_s: not-before and not-after of the first certificate's file, if that has been read.
    """

    contents: Contents
    node: Node
    folder: Path
    file_validity_s: tuple[int, int] | None = None

    @property
    def validity_s(self) -> tuple[int, int] | None:
        """Not-before and not-after of the first certificate in seconds from the start; None: not known."""
        certificate = self.contents.server.certificate
        if self.file_validity_s is not None:
            return self.file_validity_s
        if certificate.file is not None:
            return None
        if certificate.expires is None:
            return 0, certificate.valid_for
        if certificate.expires.depends_on_expiry:
            return None
        expiry_s = certificate.expires.resolve(
            start=self.contents.start, expiry_s=None, zone=self.contents.zone
        )
        return expiry_s - certificate.valid_for, expiry_s

    def at_s(self, instant: Instant) -> int | None:
        """Seconds from the start; None where that is not known."""
        validity_s = self.validity_s
        if instant.depends_on_expiry and validity_s is None:
            return None
        return instant.resolve(
            start=self.contents.start, expiry_s=validity_s and validity_s[1], zone=self.contents.zone
        )


def check(draft: Draft) -> Iterator[Mistake]:
    """Everything that does not fit together, but for what `check_instants` and `check_names` find."""
    contents = draft.contents
    yield from _fleet(draft)
    yield from _source(draft, contents.server.certificate, *_FIRST)
    for number, step in enumerate(contents.strategy):
        yield from _step(draft, step, number)
    for number, guarantee in enumerate(contents.guarantees):
        yield from _guarantee(draft, guarantee, ("guarantees", number))
    for kind in ("holidays", "disturbances"):
        yield from _names_once(("calendar", kind), getattr(contents.calendar, kind))


def check_instants(draft: Draft) -> Iterator[Mistake]:
    """The first certificate is valid at the start, no instant lies before it, and absences come in order."""
    contents = draft.contents
    yield from _first_certificate(draft)
    for number, outage in enumerate(contents.server.outages):
        yield from _not_before_start(draft, outage.from_, "server", "outages", number, "from")
    for number, step in enumerate(contents.strategy):
        yield from _not_before_start(draft, step.at, "strategy", number, "at")
        address = None if step.reissue is None else step.reissue.address
        if isinstance(address, AddressChange) and address.opens is not None:
            path = ("strategy", number, "reissue", "address", "opens")
            yield from _not_before_start(draft, address.opens, *path)
    for number, group in enumerate(contents.fleet):
        if isinstance(group.presence, Away):
            yield from _away(draft, group.presence, ("fleet", number, "presence", "away"))


def check_names(draft: Draft, inventories: Mapping[int, Inventory]) -> Iterator[Mistake]:
    """The groups that guarantees name are those of the fleet and of its inventories."""
    names = {group.name for group in draft.contents.fleet}
    names |= {name for inventory in inventories.values() for name in inventory.devices.groups if name}
    for path, name in _groups_named(draft.contents):
        if name not in names:
            meant = closest(name, sorted(names))
            advice = f"did you mean {visible(meant)}?" if meant else f"the groups are {_some(sorted(names))}"
            yield Mistake(path, f"no group is called {quoted(name)}: {advice}")


def _groups_named(contents: Contents) -> Iterator[tuple[KeyPath, str]]:
    """Every name of a group, where it is used."""
    for number, guarantee in enumerate(contents.guarantees):
        if guarantee.group is not None:
            yield ("guarantees", number, "group"), guarantee.group
    for number, step in enumerate(contents.strategy):
        for key, action in (("push", step.push), ("chase", step.chase)):
            if action is not None and action.group is not None:
                yield ("strategy", number, key, "group"), action.group
        gate = None if step.reissue is None else step.reissue.activate.gate
        for place, name in enumerate((gate and gate.of) or ()):
            yield ("strategy", number, "reissue", "activate", "of", place), name
    for kind in ("holidays", "disturbances"):
        for number, named in enumerate(getattr(contents.calendar, kind)):
            for place, name in enumerate(named.groups or ()):
                yield ("calendar", kind, number, "groups", place), name


def _some(names: list[str]) -> str:
    shown = ", ".join(quoted(name) for name in names[:8])
    return shown + (f" and {len(names) - 8} more" if len(names) > 8 else "")


# --- the fleet -----------------------------------------------------------------------------------------


def _fleet(draft: Draft) -> Iterator[Mistake]:
    fleet = draft.contents.fleet
    if not fleet:
        yield Mistake(("fleet",), "a fleet has at least one group: write - {name: phones, devices: 100}")
    first: dict[str, int] = {}
    for number, group in enumerate(fleet):
        other = first.setdefault(group.name, number)
        if other != number:
            line = draft.node.place_of(("fleet", other, "name")).line
            at = f"at line {line}" if line else f"at fleet.{other}"
            message = f"the name {quoted(group.name)} is already taken {at}: give each group its own"
            yield Mistake(("fleet", number, "name"), message)
        yield from _group(group, ("fleet", number))
    total = sum(group.devices or 0 for group in fleet)
    if total > MOST_DEVICES:
        most = f"write at most {MOST_DEVICES:,}"
        yield Mistake(("fleet",), f"{total:,} devices in all are too many: {most}")


def _group(group: Group, path: KeyPath) -> Iterator[Mistake]:
    is_listed = group.inventory is not None
    if group.devices is None and not is_listed:
        yield Mistake(path, "devices is required: write devices: 100, or inventory: devices.csv")
    if group.devices is not None and is_listed:
        message = (
            "a group has devices or an inventory, not both: leave out devices, the inventory counts them"
        )
        yield Mistake((*path, "devices"), message, at_key=True)
    if "first" in group.model_fields_set and is_listed:
        message = "first numbers the devices of a group without inventory: leave it out"
        yield Mistake((*path, "first"), message, at_key=True)
    if "columns" in group.model_fields_set and not is_listed:
        message = "columns belong to an inventory: name it, or leave columns out"
        yield Mistake((*path, "columns"), message, at_key=True)
    if "list_" in group.model_fields_set and not is_listed:
        message = "this says how an inventory is read: name it, or leave list out"
        yield Mistake((*path, "list"), message, at_key=True)
    if group.list_.exported is not None and group.list_.exported.depends_on_expiry:
        message = "a list is not made at a time counted from an expiry: write a date, or start - 3d"
        yield Mistake((*path, "list", "exported"), message)
    if group.presence == "from list" and not is_listed:
        message = "without an inventory there is no list: name it, or write presence: {on: …, off: …}"
        yield Mistake((*path, "presence"), message)
    every = span(group.sync.every)
    for key, value in (("jitter", group.sync.jitter), ("phase", group.sync.phase)):
        if isinstance(value, int) and value >= group.sync.every:
            is_too_long = f"{span(value)} is not shorter than the period of {every}"
            advice = f"write a {key} below {every}, or lengthen every"
            yield Mistake((*path, "sync", key), f"{is_too_long}: {advice}")


def _away(draft: Draft, presence: Away, path: KeyPath) -> Iterator[Mistake]:
    """Absences come in order, and the device is on for at least a second between two."""
    before: Absence | None = None
    before_ends_s: int | None = None
    for index, absence in enumerate(presence.away):
        yield from _not_before_start(draft, absence.from_, *path, index, "from")
        from_s = draft.at_s(absence.from_)
        if before is not None and before_ends_s is not None and from_s is not None:
            ends = f"the one before it, from {before.from_.text} for {span(before.for_)}, ends"
            if from_s == before_ends_s:
                message = f"this absence begins where {ends}: write both as one, or leave a time between them"
                yield Mistake((*path, index, "from"), message)
            elif from_s < before_ends_s:
                order = "write absences in order, or leave a time between them"
                yield Mistake((*path, index, "from"), f"this absence begins before {ends}: {order}")
        before, before_ends_s = absence, None if from_s is None else from_s + absence.for_


# --- instants ------------------------------------------------------------------------------------------


def _first_certificate(draft: Draft) -> Iterator[Mistake]:
    expires = draft.contents.server.certificate.expires
    if expires is not None and expires.depends_on_expiry:
        advice = "write a date, or day 61 counted from the start"
        yield Mistake((*_FIRST, "expires"), f"the expiry cannot be counted from itself: {advice}")
        return
    if draft.validity_s is None:
        return
    begins_s, expiry_s = draft.validity_s
    if begins_s <= 0 <= expiry_s:
        return
    life = span(expiry_s - begins_s)
    if draft.file_validity_s is not None:
        begins = f"begins to be valid {span(max(begins_s, 0))} after the start"
        is_not_valid = f"expires {span(-expiry_s)} before the start" if expiry_s < 0 else begins
        advice = "name the one that is main at the start, or begin the run while this one is valid"
        yield Mistake((*_FIRST, "file"), f"the certificate in this file {is_not_valid}: {advice}")
    elif expiry_s < 0:
        is_late = f"the certificate expires {span(-expiry_s)} before the start"
        yield Mistake((*_FIRST, "expires"), f"{is_late}: write an expiry after {_start(draft)}")
    else:
        is_early = f"valid for {life}, the certificate begins {span(begins_s)} after the start"
        yield Mistake((*_FIRST, "expires"), f"{is_early}: write an expiry of at most start + {life}")


def _not_before_start(draft: Draft, instant: Instant, *path: str | int) -> Iterator[Mistake]:
    at_s = draft.at_s(instant)
    if at_s is None or at_s >= 0:
        return
    because = ""
    if instant.depends_on_expiry and draft.validity_s is not None:
        because = f", as the certificate expires {span(max(draft.validity_s[1], 0))} after it"
    is_before = f"{quoted(instant.text)} is {span(-at_s)} before the start{because}"
    yield Mistake(path, f"{is_before}: write an instant from {_start(draft)} on, such as day 0")


def _start(draft: Draft) -> str:
    start = draft.contents.start
    is_midnight = start - start.replace(hour=0, minute=0, second=0) < timedelta(seconds=1)
    return f"{start:%Y-%m-%d}" if is_midnight else f"{start:%Y-%m-%d %H:%M:%S}"


# --- certificates, actions, promises -------------------------------------------------------------------


def _source(draft: Draft, source: CertificateSource, *path: str | int) -> Iterator[Mistake]:
    for key in ("file", "key", "password_env"):
        written = getattr(source, key)
        if written is None:
            continue
        if source.issuer != "custom":
            message = f"{key} is for a custom certificate: add issuer: custom"
            yield Mistake((*path, key), message, at_key=True)
        elif key == "key" and source.file is None:
            message = "key comes with file: name the certificate's file too"
            yield Mistake((*path, key), message, at_key=True)
        elif key != "password_env":
            try:
                read_bytes(inside(draft.folder, written), most_bytes=MOST_CERTIFICATE_BYTES)
            except UnreadableError as error:
                yield Mistake((*path, key), f"{quoted(written)} {error}")


def _step(draft: Draft, step: Step, number: int) -> Iterator[Mistake]:
    path: KeyPath = ("strategy", number)
    written = draft.node.nearest(path)[0].value
    assert isinstance(written, dict)
    taken = [key for key in written if key in Step.bare_keys and getattr(step, key) is not None]
    if len(taken) > 1:
        message = f"a step is one action, and this has {listed(taken)}: write a step for each"
        yield Mistake((*path, taken[-1]), message, at_key=True)
    elif not taken:
        yield Mistake(path, f"a step needs an action: write one of {', '.join(Step.bare_keys)}")
    if step.reissue is not None:
        yield from _source(draft, step.reissue, *path, "reissue")
        gate = step.reissue.activate.gate
        if gate is not None and gate.not_after is not None and gate.not_before > gate.not_after:
            message = (
                f"no look is between {span(gate.not_before)} and {span(gate.not_after)}: lengthen not_after"
            )
            yield Mistake((*path, "reissue", "activate", "not_after"), message)
        if gate is not None and gate.of == ():
            message = "a gate counts the devices of at least one group: name one, or leave `of` out"
            yield Mistake((*path, "reissue", "activate", "of"), message)


def _names_once(path: KeyPath, named: Sequence[Holiday | Disturbance]) -> Iterator[Mistake]:
    """What is drawn by its name has a name of its own."""
    seen: set[str] = set()
    for number, each in enumerate(named):
        if each.name in seen:
            message = f"the name {quoted(each.name)} is already taken: give each its own"
            yield Mistake((*path, number, "name"), message)
        seen.add(each.name)


def _guarantee(draft: Draft, guarantee: Guarantee, path: KeyPath) -> Iterator[Mistake]:
    if guarantee.at_most is not None and guarantee.at_least is not None:
        message = "a guarantee has one bound: write at_most and at_least as two guarantees"
        yield Mistake((*path, "at_least"), message, at_key=True)
    elif guarantee.at_most is None and guarantee.at_least is None:
        yield Mistake(path, "a guarantee needs a bound: add at_most or at_least, such as at_most: 0")
    keys: tuple[Key, ...] = ("within", "quantile")
    for key in keys:
        if draft.node.has(*path, key) and guarantee.measure not in measures_with(key):
            belongs = f"{key} goes with {listed(measures_with(key))}, not with {guarantee.measure}"
            yield Mistake((*path, key), f"{belongs}: leave it out", at_key=True)
    if draft.node.has(*path, "confidence") and guarantee.probability is None:
        message = "confidence goes with a probability: add one, such as probability: 95%"
        yield Mistake((*path, "confidence"), message, at_key=True)
