"""The console's own steps with the dates of a recommendation, to be followed and ticked off."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from sim.scenario.finding import ADVISED_S
from sim.scenario.scenario import Scenario
from sim.scenario.schema import Reissue
from sim.studies.choices import Decision
from sim.summary import Note, Notes, Summary
from sim.text import iso, plural

_SOURCES: Final = {
    "ksc": "issued by Kaspersky Security Center",
    "custom": "custom (PKCS #12, or X.509 with private and public key; reissue cert check judges it)",
}


def runbook_of(scenario: Scenario, found: Decision) -> Summary:
    """The steps of the recommended plan, each with its date; the scenario says which certificate and address.

    Source: Kaspersky SMM 6.0, "Reissuing the mobile Administration Server certificate".
    """
    steps = tuple(Note(" ".join(text.split()), when) for when, text in _steps(scenario, found))
    return Summary(f"{found.scenario}: what to do, and when", found.answer, (Notes(steps),))


def _steps(scenario: Scenario, found: Decision) -> Iterator[tuple[str, str]]:
    specified, activated, expires = found.choice.specified, found.choice.activated, found.choice.expires
    if specified is None or activated is None:
        return
    reissue = next((step.reissue for step in scenario.strategy if step.reissue is not None), Reissue())
    address = "keep it" if reissue.address == "keep" else f"change it to {reissue.address.change_to}"
    days = f"after {plural((activated - specified).days, 'day')}"
    becomes = "when the existing certificate expires" if activated == found.expires else days
    before = specified - timedelta(days=7)
    if before >= found.start:
        yield (
            found.shown(before),
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
        {found.shown(expires)}. Specify no second reserve: it would replace this one.""",
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
    due = expires - timedelta(seconds=ADVISED_S)
    yield (
        f"by {found.shown(due)}",
        f"""The next reserve is specified: this certificate expires on
        {found.shown(expires)}.""",
    )
