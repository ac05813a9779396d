"""A device's story: its sentences, counted by hand, and claims tried again as scenarios of their own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sim
from sim.studies.why.claims import Claim
from sim.studies.why.device import UnknownDeviceError

ROOT = Path(__file__).parents[2]
START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = 86_400
CUSTOM = {"certificate": {"expires": "day 40", "issuer": "custom"}}
"""A first certificate that can be put back (model 3.9)."""
AFTER_10D = {"at": "day 10", "reissue": {"activate": "after 10d"}}


def scenario(*steps: dict[str, Any], sync: dict[str, Any] | None = None, **rest: Any) -> sim.Scenario:
    """One phone that synchronizes every day at 06:00; it expires on day 40, the run ends on day 30."""
    group = {"name": "phones", "devices": 1, "sync": {"every": "1d", "phase": "6h", **(sync or {})}}
    return sim.Scenario.from_document(
        {
            "name": "x",
            "start": "2026-03-01",
            "duration": rest.pop("duration", "30d"),
            "server": {
                "certificate": {"expires": "day 40"},
                "automatic_reissue": "off",
                **rest.pop("server", {}),
            },
            "fleet": [{**group, **rest.pop("group", {})}],
            "strategy": list(steps),
            **rest,
        },
        folder=rest.pop("folder", None),
    )


def texts(story: sim.Story) -> list[str]:
    return [f"{story.at(entry.at_s):%m-%d %H:%M} {entry.text}" for entry in story.entries]


def claims(story: sim.Story) -> dict[str, Claim]:
    return {claim.kind: claim for claim in story.claims}


def said(story: sim.Story) -> list[str]:
    return [claim["text"] for claim in story.to_json()["claims"]]


# ---- stories ------------------------------------------------------------------------------------------


def test_a_device_that_is_never_lost() -> None:
    story = sim.why(scenario(AFTER_10D), "phones/0")
    assert story.introduction == (
        "phones/0 is an Android device of 'phones', always on. It synchronizes every 1 d; "
        "the schedule begins on 2026-03-01 06:00."
    )
    assert texts(story) == [
        "03-01 06:00 It synchronized 10 times, last on 2026-03-10 06:00.",
        "03-11 00:00 The operator specified a reserve, which became main on 2026-03-21 00:00, 10 d later.",
        "03-11 06:00 It received the reserve, 9 d 18 h before that became main.",
        "03-11 06:00 It synchronized 10 times, last on 2026-03-20 06:00.",
        "03-21 00:00 The reserve became the main certificate.",
        "03-21 06:00 It synchronized 10 times, last on 2026-03-30 06:00.",
        "03-31 00:00 The run ended. It was never lost.",
    ]
    assert said(story) == [
        "It received the reserve 9 d 18 h before that became main on 2026-03-21 00:00; "
        "with an activation delay below 6 h 1 s it would have been lost."
    ]
    assert claims(story)["margin"].delay_s == 6 * 3600 + 1


def test_a_device_that_the_reserve_did_not_reach() -> None:
    """Away from day 8 to day 25: it comes back at midnight, and is refused by the certificate of day 20."""
    away = {"presence": {"away": [{"from": "day 8", "for": "17d"}]}}
    story = sim.why(scenario(AFTER_10D, group=away), "phones/0")
    assert story.introduction.startswith(
        "phones/0 is an Android device of 'phones', on but for 1 written absence"
    )
    assert texts(story) == [
        "03-01 06:00 It synchronized 8 times, last on 2026-03-08 06:00.",
        "03-09 00:00 It was off for 17 d, until 2026-03-26 00:00.",
        "03-11 00:00 The operator specified a reserve, which became main on 2026-03-21 00:00, 10 d later.",
        "03-21 00:00 The reserve became the main certificate.",
        "03-21 00:00 It lost the server: the certificate that became main had not reached it.",
        "03-26 00:00 It was refused for the first time since the loss.",
        "03-26 00:00 It was refused 6 times, last on 2026-03-30 06:00.",
        "03-31 00:00 The run ended. It was still without the server.",
    ]
    # With a reserve that waits on, it would come for it on day 25: 15 days after it is specified.
    assert said(story) == [
        "An activation delay of at least 15 d 1 s.",
        "One synchronization before 2026-03-21 00:00, from 2026-03-11 00:00 on.",
        "A reserve specified by 2026-03-08 06:00, to become main when it did.",
    ]


@pytest.mark.parametrize(
    ("cause", "entry"),
    [
        (
            {"holidays": [{"name": "leave", "from": "day 8", "for": "17d", "share": "100%"}]},
            "03-09 00:00 It was on holiday: 'leave' until 2026-03-26 00:00.",
        ),
        (
            {"disturbances": [{"name": "site dark", "every": "8d", "lasts": "17d", "share": "100%"}]},
            "03-09 00:00 It was away with others: 'site dark' until 2026-03-26 00:00.",
        ),
    ],
)
def test_a_device_that_was_away_with_others(cause: dict[str, Any], entry: str) -> None:
    story = sim.why(scenario(AFTER_10D, calendar=cause), "phones/0")
    assert texts(story)[1] == entry
    assert claims(story)["delay"].delay_s == 15 * DAY + 1
    spared = {name: [{**each[0], "share": "0%"}] for name, each in cause.items()}
    assert entry not in texts(sim.why(scenario(AFTER_10D, calendar=spared), "phones/0"))


def test_no_delay_helps_who_comes_after_the_expiry() -> None:
    """Away from day 8 to day 41; the certificate expires on day 40, and with it every wait ends."""
    away = {"presence": {"away": [{"from": "day 8", "for": "33d"}]}}
    story = sim.why(scenario(AFTER_10D, group=away, duration="60d"), "phones/0")
    assert said(story)[0] == (
        "Not a longer activation delay: the reserve waits until 2026-04-10 00:00 at most, "
        "and it did not come by then."
    )


def test_catch_up_would_have_saved_it() -> None:
    """Specified on day 10, main at noon, and back one second after the attempt of 06:00."""
    away = {"presence": {"away": [{"from": "day 9", "for": "1d6h1s"}]}}
    step = {"at": "day 10", "reissue": {"activate": "after 12h"}}
    story = sim.why(scenario(step, group=away, sync={"catch_up": "no"}), "phones/0")
    assert said(story) == [
        "An activation delay of at least 1 d 6 h 1 s.",
        "One synchronization before 2026-03-11 12:00, from 2026-03-11 00:00 on.",
        "catch_up: yes, an attempt as soon as it comes on.",
        "A reserve specified by 2026-03-09 06:00, to become main when it did.",
    ]


def test_attempts_that_never_fail_would_have_saved_it() -> None:
    story = sim.why(scenario(AFTER_10D, sync={"success": "0%"}), "phones/0")
    assert texts(story)[0] == "03-01 06:00 It failed on the way 10 times, last on 2026-03-10 06:00."
    assert "Attempts that never fail (success: 100%)." in said(story)
    assert "Not an earlier reserve: before 2026-03-21 00:00 it never synchronized." in said(story)


def test_a_reserve_that_was_replaced() -> None:
    """Away since it received the first reserve, of day 5, which another replaces on day 10."""
    first = {"at": "day 5", "reissue": {"activate": "after 20d"}}
    away = {"presence": {"away": [{"from": "day 6", "for": "24d"}]}}
    story = sim.why(scenario(first, AFTER_10D, group=away), "phones/0")
    told = texts(story)
    assert "03-06 00:00 The operator specified a reserve, which did not become main within the run." in told
    assert "03-11 00:00 The waiting reserve was replaced by another." in told
    assert (
        "03-21 00:00 It lost the server: its reserve had been replaced, and the one that became main had not "
        "reached it."
    ) in told
    assert "The reserve that it held, had it not been replaced on 2026-03-11 00:00." in said(story)


def test_a_certificate_that_expired() -> None:
    story = sim.why(scenario(duration="50d"), "phones/0")
    assert texts(story) == [
        "03-01 06:00 It synchronized 40 times, last on 2026-04-09 06:00.",
        "04-10 00:00 The main certificate expired.",
        "04-10 00:00 It lost the server: the main certificate is not valid.",
        "04-10 06:00 It was refused for the first time since the loss.",
        "04-10 06:00 It was refused 10 times, last on 2026-04-19 06:00.",
        "04-20 00:00 The run ended. It was still without the server.",
    ]
    assert said(story) == ["A reserve specified by 2026-04-09 06:00, to become main at the expiry."]


def test_an_immediate_replacement_and_its_return() -> None:
    """Replaced on day 10 at midnight, put back at noon: it synchronizes again the next morning."""
    steps = (
        {"at": "day 10", "reissue": {"activate": "immediately"}},
        {"at": "day 10 12:00", "restore_previous": {}},
    )
    story = sim.why(scenario(*steps, server=CUSTOM), "phones/0")
    assert texts(story)[1:] == [
        "03-11 00:00 The operator replaced the main certificate immediately.",
        "03-11 00:00 It lost the server: the main certificate was replaced without having been delivered.",
        "03-11 06:00 It was refused for the first time since the loss.",
        "03-11 06:00 It was refused once.",
        "03-11 12:00 The operator put the previous certificate back.",
        "03-12 06:00 It reconnected by a synchronization of its own, 1 d 6 h after the loss.",
        "03-12 06:00 It synchronized 19 times, last on 2026-03-30 06:00.",
        "03-31 00:00 The run ended. It was connected again.",
    ]
    assert said(story) == [
        "A reserve instead of immediate replacement, with an activation delay of at least 6 h 1 s."
    ]


def test_a_certificate_put_back_that_it_no_longer_holds() -> None:
    """The second certificate is main from day 20; the first is put back on day 22."""
    restored = {"at": "day 22", "restore_previous": {}}
    story = sim.why(scenario(AFTER_10D, restored, server=CUSTOM), "phones/0")
    assert (
        "03-23 00:00 It lost the server: the certificate that was put back is one it no longer holds."
        in texts(story)
    )
    assert said(story) == ["No return to the previous certificate on 2026-03-23 00:00."]


def test_a_certificate_that_the_platform_refuses() -> None:
    strands = sim.load(ROOT / "scenarios" / "custom_certificate_strands_ios.yaml")
    story = sim.why(strands, "iphones/0")
    assert story.introduction.startswith("iphones/0 is an iOS device")
    assert any("It lost the server: iOS refuses the certificate that became main." in t for t in texts(story))
    assert said(story) == ["A certificate that iOS accepts."]


def test_a_device_that_is_reinstalled() -> None:
    """Lost on day 10; calls after 4 h, ready at 10:00, nobody else waits, and it takes 30 min."""
    recovery = {"technicians": 1, "begins": "4h", "owner_responds": "6h", "takes": "30m"}
    step = {"at": "day 10", "reissue": {"activate": "immediately"}}
    story = sim.why(scenario(step, recovery=recovery), "phones/0")
    assert texts(story)[1:] == [
        "03-11 00:00 The operator replaced the main certificate immediately.",
        "03-11 00:00 It lost the server: the main certificate was replaced without having been delivered.",
        "03-11 06:00 It was refused for the first time since the loss.",
        "03-11 06:00 It was refused once.",
        "03-11 10:00 Its owner was ready for the help desk.",
        "03-11 10:00 A technician began the reinstallation at once.",
        "03-11 10:30 The app was reinstalled, in 30 m.",
        "03-11 10:30 It reconnected after the reinstallation, 10 h 30 m after the loss.",
        "03-11 10:30 It synchronized 20 times, last on 2026-03-30 06:00.",
        "03-31 00:00 The run ended. It was connected again.",
    ]


def test_the_queue_is_that_of_the_whole_fleet() -> None:
    """Three phones, one technician, 30 min each, all ready at 10:00: the third begins at 11:00."""
    recovery = {"technicians": 1, "begins": "4h", "owner_responds": "6h", "takes": "30m"}
    step = {"at": "day 10", "reissue": {"activate": "immediately"}}
    story = sim.why(scenario(step, recovery=recovery, group={"devices": 3}), "phones/2")
    assert "03-11 11:00 A technician began the reinstallation, after 1 h in the queue." in texts(story)
    assert "03-11 11:30 The app was reinstalled, in 30 m." in texts(story)


def test_an_outage() -> None:
    """From day 10 to day 19: nine attempts in vain, and the reserve a day before it becomes main."""
    outage = {"outages": [{"from": "day 10", "for": "9d"}]}
    story = sim.why(scenario(AFTER_10D, server=outage), "phones/0")
    assert texts(story)[1:6] == [
        "03-11 00:00 An outage of the server began.",
        "03-11 00:00 The operator specified a reserve, which became main on 2026-03-21 00:00, 10 d later.",
        "03-11 06:00 It found the server unreachable 9 times, last on 2026-03-19 06:00.",
        "03-20 00:00 The outage ended.",
        "03-20 06:00 It received the reserve, 18 h before that became main.",
    ]
    assert claims(story)["margin"].delay_s == 9 * DAY + 6 * 3600 + 1


def test_a_reserve_without_a_delay_becomes_main_at_once() -> None:
    story = sim.why(scenario({"at": "day 10", "reissue": {"activate": "after 0s"}}), "phones/0")
    assert "03-11 00:00 The operator specified a reserve, which became main at once." in texts(story)


# ---- names and files ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("phones/3", "the devices of phones are phones/0 to phones/0"),
        ("phone/0", "names are those in results, such as phones/0"),
        ("phones", "the devices of phones are phones/0 to phones/0"),
        ("zzz", "names are those in results, such as phones/0"),
        ("\x1b[31m", "names are those in results"),
    ],
)
def test_an_unknown_device_is_told_what_there_is(name: str, said: str) -> None:
    with pytest.raises(UnknownDeviceError) as raised:
        sim.why(scenario(AFTER_10D), name)
    assert said in str(raised.value)
    assert "\x1b" not in str(raised.value)


# ---- random scenarios ---------------------------------------------------------------------------------

durations = st.sampled_from(["2h", "9h", "1d", "5d"])
distributions = st.one_of(durations, durations.map(lambda mean: {"exponential": mean}))
presences = st.one_of(
    st.just("always"),
    st.builds(lambda on, off: {"on": on, "off": off}, distributions, distributions),
    st.builds(
        lambda begin, length: {"away": [{"from": f"start + {begin}h", "for": f"{length}h"}]},
        st.integers(0, 400),
        st.integers(1, 400),
    ),
)


@st.composite
def random_scenarios(draw: Any) -> sim.Scenario:
    """One reissue in 30 days, of any kind, and devices of any kind; every instant on an hour."""
    activate = draw(
        st.sampled_from(["immediately", "at expiry", "after 2h", "after 1d", "after 4d", "after 12d"])
    )
    document: dict[str, Any] = {
        "name": "random",
        "start": "2026-03-01",
        "duration": "30d",
        "seed": draw(st.integers(1, 10_000)),
        "server": {
            "certificate": {"expires": f"day {draw(st.integers(12, 40))}"},
            "automatic_reissue": "off",
            "outages": draw(st.sampled_from([[], [{"from": "day 9", "for": "30h"}]])),
        },
        "fleet": [
            {
                "name": "g",
                "devices": 2,
                "sync": {
                    "every": draw(st.sampled_from(["3h", "1d", "2d"])),
                    "jitter": draw(st.sampled_from(["0s", "2h"])),
                    "success": draw(st.sampled_from(["100%", "60%", "5%"])),
                    "catch_up": draw(st.sampled_from(["yes", "no"])),
                },
                "presence": draw(presences),
            }
        ],
        "strategy": [{"at": f"start + {draw(st.integers(100, 300))}h", "reissue": {"activate": activate}}],
    }
    if draw(st.booleans()):
        document["recovery"] = {"technicians": 1, "begins": "1h", "owner_responds": "3h", "takes": "7h"}
    return sim.Scenario.from_document(document)


def is_lost(made: sim.Scenario, **changes: Any) -> bool:
    """Whether the one device is ever lost, told by a run of a scenario with the change."""
    keys = {key.replace("__", "."): value for key, value in changes.items()}
    return bool(
        sim.run(made.changed({"recovery": "none", **keys}), engine="process").measures["lost_devices"]
    )


def check_claim(one: sim.Scenario, claim: Claim, story: sim.Story) -> None:
    specified_s = one.instant(one.strategy[0].at) if one.strategy else 0
    activate = one.strategy[0].reissue.activate if one.strategy and one.strategy[0].reissue else None
    match claim.kind:
        case "delay" | "reserve first":
            assert not is_lost(one, strategy__0__reissue__activate=f"after {claim.delay_s}s")
            assert claim.delay_s is not None
            assert is_lost(one, strategy__0__reissue__activate=f"after {claim.delay_s - 1}s")
        case "margin" if claim.delay_s is not None:
            assert not is_lost(one, strategy__0__reissue__activate=f"after {claim.delay_s}s")
            assert is_lost(one, strategy__0__reissue__activate=f"after {claim.delay_s - 1}s")
        case "no delay":
            assert is_lost(one, strategy__0__reissue__activate="after 100d")
        case "no delay in the run":
            longest_s = one.duration - 1 - specified_s
            assert is_lost(one, strategy__0__reissue__activate=f"after {longest_s}s")
        case "catch-up":
            assert not is_lost(one, fleet__0__sync__catch_up="yes")
        case "success":
            assert not is_lost(one, fleet__0__sync__success="100%")
        case "specified by" | "specified before the expiry":
            assert claim.at_s is not None
            assert activate is not None
            lost = [is_lost(one, **_specified(one, story, at_s)) for at_s in (claim.at_s, claim.at_s + 1)]
            assert lost == [False, True]
        case "one synchronization":
            assert claim.at_s is not None
            assert specified_s < claim.at_s <= story.row["lost_at_s"]
        case "never synchronized":
            assert story.row["syncs"] == 0 or story.row["lost_at_s"] <= min(story.trace.instants_s("synced"))


def _specified(one: sim.Scenario, story: sim.Story, at_s: int) -> dict[str, Any]:
    """The reserve from an instant on, main when the server changed."""
    lost_at_s = story.row["lost_at_s"]
    written = one.document["strategy"][0]
    if story.trace.outcome.devices.lost_cause[0] == 3:  # expired: a step of its own
        step = {"at": f"start + {at_s}s", "reissue": {"activate": "at expiry"}}
        return {"strategy": [step, written]}
    activate = one.strategy[0].reissue.activate.kind  # type: ignore[union-attr]
    moved = "at expiry" if activate == "at expiry" else f"after {lost_at_s - at_s}s"
    return {"strategy": [{"at": f"start + {at_s}s", "reissue": {"activate": moved}}]}


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(random_scenarios())
def test_stories_agree_with_the_run_and_every_claim_holds_as_a_scenario(made: sim.Scenario) -> None:
    assert_told_truly(made)


@pytest.mark.slow
@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
@given(random_scenarios())
def test_hundreds_of_stories_and_all_their_claims_hold(made: sim.Scenario) -> None:
    assert_told_truly(made)


def assert_told_truly(made: sim.Scenario) -> None:
    rows = sim.run(made, engine="process").devices
    for number in (0, 1):
        story = sim.why(made, f"g/{number}")
        told = rows.iloc[number]
        _assert_the_same(story, told)
        at = {what: story.trace.instants_s(what) for what in ("lost", "reconnected", "received", "synced")}
        for what, column in (("lost", "lost_at_s"), ("reconnected", "reconnected_at_s")):
            assert story.row[column] == (at[what][0] if at[what] else -1)
        assert len(at["lost"]) == story.row["times_lost"]
        assert len(at["synced"]) == story.row["syncs"]
        assert story.row["last_sync_at_s"] == (at["synced"][-1] if at["synced"] else -1)
        one = made.changed({"fleet.0.devices": 1, "fleet.0.first": number})
        if made.recovery is None:
            assert sim.why(one, f"g/{number}").row == story.row
        for claim in story.claims:
            check_claim(one, claim, story)


def _assert_the_same(story: sim.Story, told: Any) -> None:
    for name, value in story.row.items():
        if name.endswith("_at_s"):
            moment = told[name.removesuffix("_s")]
            assert value == (-1 if moment != moment else (moment - START) // timedelta(seconds=1)), name
        elif name in ("syncs", "times_lost", "lost_for_s", "reinstalls", "helpdesk_s"):
            assert value == told[name], name
