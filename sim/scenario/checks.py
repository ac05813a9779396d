"""What no single section shows: checks across the sections, placed where the correction belongs.

They begin once every section is right by itself. A new check is a function that yields its mistakes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path

from sim.errors import UnreadableError
from sim.files import inside, read_bytes
from sim.scenario.fields import Activate, Section
from sim.scenario.fleet import Away
from sim.scenario.instants import Instant
from sim.scenario.problems import Mistake
from sim.scenario.problems import Path as KeyPath
from sim.scenario.schema import CertificateSource, Contents
from sim.text import closest, quoted, shortened, span, visible

MOST_CERTIFICATE_BYTES = 1_000_000


def _values(section: Section, path: KeyPath = ()) -> Iterator[tuple[KeyPath, object]]:
    """Everything that a section holds, by its path: sections and what is in them."""
    for key, name in section.attributes().items():
        value = getattr(section, name)
        value = value.gate if isinstance(value, Activate) else value
        yield (*path, key), value
        items = enumerate(value) if isinstance(value, tuple) else [(None, value)]
        for number, item in items:
            if isinstance(item, Section):
                below = (*path, key) if number is None else (*path, key, number)
                yield below, item
                yield from _values(item, below)


def check_files(contents: Contents, folder: Path) -> Iterator[Mistake]:
    """The files of certificates can be read."""
    for path, source in _values(contents):
        for key in ("file", "key") if isinstance(source, CertificateSource) else ():
            if written := getattr(source, key):
                try:
                    read_bytes(inside(folder, written), most_bytes=MOST_CERTIFICATE_BYTES)
                except UnreadableError as error:
                    yield Mistake((*path, key), f"{quoted(written)} {error}")


def check_names(contents: Contents, listed: Iterable[str | None]) -> Iterator[Mistake]:
    """The groups that are named are those of the fleet, or of its inventories (`listed`)."""
    names = {group.name for group in contents.fleet} | {name for name in listed if name}
    for path, value in _values(contents):
        used = [(path, value)] if path[-1] == "group" else []
        if path[-1] in ("groups", "of") and isinstance(value, tuple):
            used = [((*path, number), name) for number, name in enumerate(value)]
        for at, name in used:
            if isinstance(name, str) and name not in names:
                meant = closest(name, sorted(names))
                groups = shortened(", ".join(map(quoted, sorted(names))), 200)
                advice = f"did you mean {visible(meant)}?" if meant else f"the groups are {groups}"
                yield Mistake(at, f"no group is called {quoted(name)}: {advice}")


# --- instants ------------------------------------------------------------------------------------------


def check_instants(contents: Contents) -> Iterator[Mistake]:
    """The first certificate is valid at the start, no instant lies before it, and absences come in order."""
    validity_s = contents.known_validity_s
    because = ""
    if validity_s is not None:
        yield from _first_certificate(contents, *validity_s)
        because = f", as the certificate expires {span(max(validity_s[1], 0))} after it"
    for path, value in _values(contents):
        if isinstance(value, Instant) and path[-1] not in ("expires", "exported") and path[0] != "calendar":
            at_s = contents.known_instant(value)
            if at_s is not None and at_s < 0:
                before = f"{quoted(value.text)} is {span(-at_s)} before the start"
                advice = f"write an instant from {_start(contents)} on, such as day 0"
                yield Mistake(path, f"{before}{because if value.depends_on_expiry else ''}: {advice}")
        if isinstance(value, Away):
            yield from _away(contents, value, (*path, "away"))


def _away(contents: Contents, presence: Away, path: KeyPath) -> Iterator[Mistake]:
    """Absences come in order, and the device is on for at least a second between two."""
    ends_s: int | None = None
    for number, absence in enumerate(presence.away):
        from_s = contents.known_instant(absence.from_)
        if from_s is None:
            ends_s = None
            continue
        if ends_s is not None and from_s <= ends_s:
            message = "this absence begins where the one before it ends, or earlier"
            yield Mistake((*path, number, "from"), f"{message}: write them in order, with a time in between")
        ends_s = from_s + absence.for_


def _first_certificate(contents: Contents, begins_s: int, expiry_s: int) -> Iterator[Mistake]:
    if begins_s <= 0 <= expiry_s:
        return
    life = span(expiry_s - begins_s)
    if expiry_s < 0:
        found = f"expires {span(-expiry_s)} before the start"
    else:
        found = f"is valid for {life}, and begins {span(begins_s)} after the start"
    if contents.server.certificate.file is not None:
        advice = "name the one that is main at the start, or begin the run while this one is valid"
        yield Mistake(("server", "certificate", "file"), f"the file's certificate {found}: {advice}")
    else:
        advice = f"write an expiry from {_start(contents)} to start + {life}"
        yield Mistake(("server", "certificate", "expires"), f"the certificate {found}: {advice}")


def _start(contents: Contents) -> str:
    start = contents.start
    is_midnight = start - start.replace(hour=0, minute=0, second=0) < timedelta(seconds=1)
    return f"{start:%Y-%m-%d}" if is_midnight else f"{start:%Y-%m-%d %H:%M:%S}"
