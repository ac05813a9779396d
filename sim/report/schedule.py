"""The dates of a recommendation: as a calendar file (RFC 5545), and as the console's own steps."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from sim.scenario.findings import ADVISED_S
from sim.scenario.scenario import Scenario
from sim.scenario.schema import Reissue
from sim.studies.choices import Decision
from sim.summary import Note, Notes, Summary
from sim.text import iso, plural

_WEEK: Final = timedelta(days=7)
_ADVISED: Final = timedelta(seconds=ADVISED_S)
_SOURCES: Final = {
    "ksc": "issued by Kaspersky Security Center",
    "custom": "custom (PKCS #12, or X.509 with private and public key; reissue cert check judges it)",
}


def calendar_of(found: Decision) -> bytes:
    """An iCalendar file: the last day for the reserve, a reminder a week before, activation, expiry, and when
    the next reserve is due; each with an alarm a day before. The same recommendation gives the same bytes.

    Raises:
        ValueError: there is no plan to write down.
    """
    from icalendar import Alarm, Calendar, Event

    if found.specify_by is None or found.activated is None or found.delay_days is None:
        raise ValueError("there is no plan to write down")
    calendar = Calendar()
    calendar.add("prodid", "-//reissue//plan//EN")
    calendar.add("version", "2.0")
    specify = f"Latest moment to specify the reserve certificate, activated after {found.delay_days} days"
    following = f"Latest moment for the next reserve: Expires {found.shown(found.choice.expires)}"
    moments = {
        "prepare": (found.specify_by - _WEEK, "Reserve certificate: one week left to specify it"),
        "specify": (found.specify_by, specify),
        "activate": (found.activated, "The reserve certificate becomes main"),
        "expire": (found.expires, "The main certificate expires"),
        "next": (found.choice.expires - _ADVISED, following),
    }
    if found.expires == found.activated:
        del moments["expire"]
    for what, (at, summary) in moments.items():
        event = Event()
        event.add("uid", f"{what}-{at:%Y%m%dT%H%M%SZ}-{found.seed}@reissue")
        event.add("dtstamp", found.start)
        event.add("dtstart", at)
        event.add("summary", summary)
        event.add("description", f"{found.scenario}: {found.binding} binds")
        event.add("transp", "TRANSPARENT")
        alarm = Alarm()
        alarm.add("action", "DISPLAY")
        alarm.add("trigger", timedelta(days=-1))
        alarm.add("description", summary)
        event.add_component(alarm)
        calendar.add_component(event)
    return bytes(calendar.to_ical())


def runbook_of(scenario: Scenario, found: Decision) -> Summary:
    """The steps of the recommended plan, each with its date; the scenario says which certificate and address.

    Source: Kaspersky SMM 6.0, "Reissuing the mobile Administration Server certificate".
    """
    steps = tuple(Note(" ".join(text.split()), when) for when, text in _steps(scenario, found))
    return Summary(f"{found.scenario}: what to do, and when", found.answer, (Notes(steps),))


def _steps(scenario: Scenario, found: Decision) -> Iterator[tuple[str, str]]:
    specified, activated = found.choice.specified, found.choice.activated
    if specified is None or activated is None:
        return
    reissue = next((step.reissue for step in scenario.strategy if step.reissue is not None), Reissue())
    address = "keep it" if reissue.address == "keep" else f"change it to {reissue.address.change_to}"
    days = f"after {plural((activated - specified).days, 'day')}"
    becomes = "when the existing certificate expires" if activated == found.expires else days
    expires = found.shown(found.choice.expires)
    if specified - _WEEK >= found.start:
        yield (
            found.shown(specified - _WEEK),
            """Export the list of devices from the console: reissue forecast LIST tells
            who will lag. reissue check holds the plan against the documentation.""",
        )
    yield (
        f"by {found.shown(specified)}",
        f"""Reissue the mobile Administration Server certificate. Connection
        address: {address}. Certificate: {_SOURCES[reissue.issuer]}. It becomes main: {becomes}
        ({found.shown(activated)}). Never immediately: every device would lose the server.""",
    )
    yield (
        "the same day",
        f"""Write down the fingerprint of the reserve and its date Expires, about
        {expires}. Specify no second reserve: it would replace this one.""",
    )
    yield (
        "every week",
        f"""Export the list again: reissue forecast LIST --activates {iso(activated)} names
        who lags. Have these devices switched on and synchronized, the longest silent first.""",
    )
    yield (
        found.shown(activated),
        """The reserve becomes main by itself. If something is wrong, do not restore
        the previous certificate: the documentation says that it is no longer valid.""",
    )
    yield "then", "On each device that lost the server: a new certificate, and the app reinstalled."
    due = found.shown(found.choice.expires - _ADVISED)
    yield f"by {due}", f"The next reserve is specified: this certificate expires on {expires}."
