"""The columns of a list by their headers (language 1.2), and the headers that consoles write."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from sim.text import closest, quoted

HEADERS: Final[Mapping[str, tuple[str, ...]]] = {
    "id": (
        *(
            "device",
            "deviceid",
            "devicename",
            "serialnumber",
            "imei",
            "udid",
            "resourceid",
            "jssmobiledeviceid",
        ),
        *("displayname", "klhstwksdn", "hostname", "computername", "devicefriendlyname", "friendlyname"),
        *("deviceidentifier", "assettag", "deviceserialnumber", "gerätename", "устройство", "имяустройства"),
    ),
    "last_sync": (
        *(
            "lastcheckin",
            "lastcheckintime",
            "lastcheckindate",
            "lastsync",
            "lastsyncdatetime",
            "lastsynctime",
        ),
        *("lastsynced", "lastsynchronization", "lastseen", "lastcontact", "lastcontacttime", "lastcontacted"),
        *(
            "lastinventoryupdate",
            "lastconnected",
            "lastconnection",
            "lastconnectiontime",
            "lastcommunication",
        ),
        *("lastconnectedtoadministrationserver", "lastconnectiontoadministrationserver"),
        *("klhstwkslastnagentconnected", "letztesynchronisierung", "letzterkontakt"),
        *("последнееподключениексерверуадминистрирования", "последняясинхронизация"),
    ),
    "platform": (
        *("os", "operatingsystem", "ostype", "osplatform", "deviceos", "deviceplatform"),
        *("betriebssystem", "операционнаясистема"),
    ),
}
"""What Intune, Jamf, Workspace ONE, Kaspersky Security Center, MobileIron and Google call the columns."""
UTC_HEADERS: Final = frozenset(("klhstwkslastnagentconnected",))
"""Headers that are documented to be in UTC."""


def folded(header: str) -> str:
    """The name of a column without regard to case, blanks and underscores."""
    return re.sub(r"[\s_]+", "", header.lower())


class HeaderError(ValueError):
    """A column that is not there, or is there twice: then `index` is the place of the second."""

    def __init__(self, message: str, *, index: int | None = None) -> None:
        self.index = index
        super().__init__(message)


def index_of(header: Sequence[str], wanted: str, *, is_needed: bool) -> int | None:
    """The place of a column; where it is needed, a zone in brackets behind its name may be left out.

    Raises:
        HeaderError: two columns have the name, or none has and it is needed; the text says what to do.
    """
    at = [i for i, name in enumerate(header) if folded(name) == folded(wanted)]
    if not at and is_needed:
        at = [i for i, name in enumerate(header) if folded(_bare(name)) == folded(wanted)]
    exact = [i for i in at if header[i] == wanted.strip()]
    if len(at) > 1 and len(exact) != 1:
        raise HeaderError(f"two columns are called {quoted(wanted)}: rename one of them", index=at[1])
    if not at and is_needed:
        meant = closest(wanted, header[:200])
        there = ", ".join(quoted(each) for each in header[:8])
        mend = f"did you mean {quoted(meant)}?" if meant else f"it has {there}"
        raise HeaderError(f"the list has no column {quoted(wanted)}: {mend}")
    return next(iter(exact or at), None)


def candidates(header: Sequence[str], name: str) -> list[str]:
    """The headers that consoles give a column of the language."""
    return [each for each in header if re.sub(r"[\W_]+", "", _bare(each).lower()) in HEADERS.get(name, ())]


def _bare(header: str) -> str:
    """A header without what stands in brackets at its end."""
    if not header.endswith((")", "]")):
        return header
    return header[: max(header.rfind("("), header.rfind("["), 0)].rstrip() or header
