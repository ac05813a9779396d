"""The columns of a list: their headers (language 1.2), those that consoles write, and what cells may hold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final, Literal
from unicodedata import category

from sim.text import closest, quoted

# --- headers --------------------------------------------------------------------------------------------

_HEADERS: Final = {
    "id": """
    device deviceid devicename serialnumber imei udid resourceid jssmobiledeviceid displayname
    klhstwksdn hostname computername devicefriendlyname friendlyname deviceidentifier assettag
    deviceserialnumber gerätename устройство имяустройства
    """,
    "last_sync": """
    lastcheckin lastcheckintime lastcheckindate lastsync lastsyncdatetime lastsynctime lastsynced
    lastsynchronization lastseen lastcontact lastcontacttime lastcontacted lastinventoryupdate
    lastconnected lastconnection lastconnectiontime lastcommunication
    lastconnectedtoadministrationserver lastconnectiontoadministrationserver
    klhstwkslastnagentconnected letztesynchronisierung letzterkontakt
    последнееподключениексерверуадминистрирования последняясинхронизация
    """,
    "platform": """
    os operatingsystem ostype osplatform deviceos deviceplatform betriebssystem операционнаясистема
    """,
}
HEADERS: Final = {name: frozenset(headers.split()) for name, headers in _HEADERS.items()}
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


# --- cells ----------------------------------------------------------------------------------------------

Platform = Literal["android", "ios", "aurora"]

ROUNDED: Final = re.compile(r"[0-9](?:[.,][0-9]+)?E\+[0-9]{2,3}", re.IGNORECASE)
"""A long number as a spreadsheet shows it."""
_LONGEST_ID: Final = 200
_BLANK_WORDS: Final = frozenset(("", "-", "–", "—", "n/a", "na", "none", "null", "unknown"))
_YES: Final = frozenset(("yes", "true", "1", "y"))
_NO: Final = frozenset(("no", "false", "0", "n", ""))
_PLATFORMS: Final[tuple[tuple[str, Platform], ...]] = (
    ("android", "android"),
    ("aurora", "aurora"),
    ("аврора", "aurora"),
    ("ios", "ios"),
    ("ipad", "ios"),
    ("iphone", "ios"),
)


def _platform_in(text: str) -> Platform | None:
    """The platform that a text names, by what its words contain; `kiosk` and `BIOS` are no iOS."""
    lower = re.sub("kiosk|bios", "", text.lower())
    return next((platform for word, platform in _PLATFORMS if word in lower), None)


def is_other_system(text: str) -> bool:
    """Whether a text names a system that is none of ours, and is not one of ours misspelt."""
    return bool(text.lower() not in _BLANK_WORDS and _platform_in(text) is None and _misspelt(text) is None)


def read_platform(text: str) -> Platform | None:
    """The platform in a cell; None where there is nothing.

    Raises:
        ValueError: the text is nearly one.
    """
    if text.lower() in _BLANK_WORDS:
        return None
    platform = _platform_in(text)
    if platform is None:
        raise ValueError(f"{quoted(text)} is no platform: did you mean {_misspelt(text)}?")
    return platform


def _misspelt(text: str) -> str | None:
    first = re.split(r"[\s\d._-]", text, maxsplit=1)[0]
    return closest(first, ("android", "aurora"), likeness=0.75) if first[:1] in ("a", "A") else None


def read_yes(text: str) -> bool:
    """Whether a cell says yes; a blank says no."""
    lower = text.lower()
    if lower in ("ja", "nein"):
        raise ValueError(f"{quoted(text)} is not how it is written: write {'yes' if lower == 'ja' else 'no'}")
    if lower not in _YES and lower not in _NO:
        raise ValueError(f"{quoted(text)} is neither yes nor no: write yes or no")
    return lower in _YES


def read_group(text: str) -> str | None:
    """The group in a cell; None where there is nothing."""
    if text and (error := _wrong_word(text)):
        raise ValueError(error)
    return text or None


def wrong_ids(ids: Iterable[str]) -> dict[str, str]:
    """The ids that cannot be one, and why."""
    suspects = {text for text in ids if not text.isprintable() or not 0 < len(text) <= _LONGEST_ID}
    return {text: error for text in suspects if (error := _wrong_word(text))}


def rounded_message(text: str) -> str:
    """What to do about an id that a spreadsheet has rounded."""
    return (
        f"{quoted(text)} is a long number that a spreadsheet has rounded, which makes devices one: "
        "export again and do not open the file in a spreadsheet, or import the column as text"
    )


def _wrong_word(text: str) -> str | None:
    if not text:
        return "is missing: every row needs one"
    if not text.isprintable() and any(category(each) in ("Cc", "Zl", "Zp", "Cs") for each in text):
        return f"{quoted(text)} has a control character or a line break: write it on one line"
    if len(text) > _LONGEST_ID:
        return f"{quoted(text)} has {len(text)} characters: write at most {_LONGEST_ID}"
    return None
