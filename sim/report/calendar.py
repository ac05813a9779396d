"""The dates of a recommendation as a calendar file (RFC 5545)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sim.scenario.finding import ADVISED_S

if TYPE_CHECKING:
    from datetime import datetime

    from sim.studies.choices import Decision


def calendar_of(found: Decision) -> bytes:
    """An iCalendar file: the last day for the reserve, a reminder a week before, activation, expiry, and when
    the next reserve is due; each with an alarm a day before.

    The same recommendation gives the same bytes.

    Raises:
        ValueError: there is no plan to write down.
    """
    from icalendar import Alarm, Calendar, Event

    if found.specify_by is None or found.activated is None or found.delay_days is None:
        raise ValueError("there is no plan to write down")
    calendar = Calendar()
    calendar.add("prodid", "-//reissue//plan//EN")
    calendar.add("version", "2.0")
    name = found.scenario
    moments: list[tuple[str, datetime, str]] = [
        ("prepare", found.specify_by - timedelta(days=7), "Reserve certificate: one week left to specify it"),
        (
            "specify",
            found.specify_by,
            f"Latest moment to specify the reserve certificate, activated after {found.delay_days} days",
        ),
        ("activate", found.activated, "The reserve certificate becomes main"),
    ]
    if found.expires != found.activated:
        moments.append(("expire", found.expires, "The main certificate expires"))
    due = found.choice.expires - timedelta(seconds=ADVISED_S)
    moments.append(
        ("next", due, f"Latest moment for the next reserve: Expires {found.shown(found.choice.expires)}")
    )
    for what, at, summary in moments:
        event = Event()
        event.add("uid", f"{what}-{at:%Y%m%dT%H%M%SZ}-{found.seed}@reissue")
        event.add("dtstamp", found.start)
        event.add("dtstart", at)
        event.add("summary", summary)
        event.add("description", f"{name}: {found.binding} binds")
        event.add("transp", "TRANSPARENT")
        alarm = Alarm()
        alarm.add("action", "DISPLAY")
        alarm.add("trigger", timedelta(days=-1))
        alarm.add("description", summary)
        event.add_component(alarm)
        calendar.add_component(event)
    return bytes(calendar.to_ical())
