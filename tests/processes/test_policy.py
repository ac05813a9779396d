"""Strategies in Python: asked in time, carried out in order, and shifting nobody's draws (docs/extend.md)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import sim
from sim.processes.policy import Answer, PolicyError, Situation
from sim.testing.assertions import BrokenGuarantee, assert_guarantees

DAY = 86_400


def scenario(activate: str, *, devices: int = 40) -> sim.Scenario:
    """Devices with absences, whose reserve is specified on day 1."""
    return sim.Scenario.from_document(
        {
            "name": "policy",
            "seed": 5,
            "start": "2026-01-05",
            "duration": "60d",
            "server": {"certificate": {"expires": "day 50"}, "automatic_reissue": "off"},
            "fleet": [
                {
                    "name": "phones",
                    "devices": devices,
                    "sync": {"every": "6h", "jitter": "30m", "success": "90%"},
                    "presence": {
                        "on": {"exponential": "8h"},
                        "off": {"lognormal": {"median": "12h", "sigma": 1.5}},
                    },
                }
            ],
            "strategy": [{"at": "day 1", "reissue": {"activate": activate}}],
            "recovery": {
                "technicians": 1,
                "begins": "1h",
                "owner_responds": "1h",
                "takes": "2h",
                "hours": {"days": "mon-sun", "from": "00:00", "to": "24:00"},
            },
        }
    )


class Observer(sim.Policy):
    """Answers nothing."""

    check_every_s = DAY

    def __init__(self) -> None:
        self.seen: list[tuple[int, float, bool]] = []

    def decide(self, now: Situation) -> None:
        self.seen.append((now.at_s, now.coverage(), now.reserve is not None))


def test_one_that_answers_nothing_changes_nothing_and_sees_all() -> None:
    plain = sim.run(scenario("after 20d"), engine="process", replications=2)
    result = sim.run(scenario("after 20d"), policy=Observer(), replications=2)
    assert result.fingerprint == plain.fingerprint
    seen = result.policies[0].seen  # type: ignore[attr-defined]
    assert [at_s for at_s, _, _ in seen] == [day * DAY for day in range(60)]
    assert [waits for _, _, waits in seen] == [1 <= day < 21 for day in range(60)]  # after the file's actions
    coverage = [share for _, share, waits in seen if waits]
    assert coverage == sorted(coverage)
    assert coverage[0] == 0.0 < 0.8 < coverage[-1]
    assert result.policies[1].seen != seen  # type: ignore[attr-defined]


class Gate(sim.Policy):
    """The gate of the language: 90 %, checked once a day, at the latest after 30 days."""

    check_every_s = DAY

    def decide(self, now: Situation) -> Iterator[Answer]:
        if not now.waited_s:
            return
        held, devices = now.holders()
        detail = f"held by {held} of {devices} devices"
        if held >= 0.9 * devices:
            yield now.log("gate opened", detail)
            yield now.activate()
        else:
            yield now.log("gate closed", detail)
            if now.waited_s == 30 * DAY:
                yield now.activate()


@pytest.mark.parametrize("devices", [1, 40])
def test_the_gate_of_the_language_as_a_policy_has_the_same_fingerprint(devices: int) -> None:
    gate = {"when_coverage": "90%", "check_every": "1d", "not_after": "30d", "otherwise": "activate"}
    written = scenario("at expiry", devices=devices).changed({"strategy.0.reissue.activate": gate})
    expected = sim.run(written, engine="process").fingerprint
    assert sim.run(scenario("at expiry", devices=devices), policy=Gate()).fingerprint == expected


class Scripted(sim.Policy):
    """Does one thing, or some, at one instant."""

    check_every_s = DAY // 2

    def __init__(self, at_s: int, *asked: str, **arguments: object) -> None:
        self.at_s, self.asked, self.arguments = at_s, asked, arguments

    def decide(self, now: Situation) -> Iterator[Answer]:
        if now.at_s == self.at_s:
            for name in self.asked:
                yield getattr(now, name)(**self.arguments)


def activations(result: sim.Result) -> list[tuple[int, str]]:
    return [(event.at_s, event.by) for event in result.tallies[0].events if event.name == "reserve activated"]


def test_it_activates_postpones_and_cancels_in_the_second_in_which_it_is_asked() -> None:
    waiting = scenario("after 20d")
    assert activations(sim.run(waiting)) == [(21 * DAY, "server")]
    assert activations(sim.run(waiting, policy=Scripted(9 * DAY, "activate"))) == [(9 * DAY, "operator")]
    # The date is reached before the operator acts in its second (phase 0 before phase 2).
    for at_s, expected in ((20.5, 22), (21, 21)):
        postponed = sim.run(waiting, policy=Scripted(int(at_s * DAY), "postpone", by_s=DAY))
        assert activations(postponed) == [(expected * DAY, "server")]
    assert activations(sim.run(waiting, policy=Scripted(20 * DAY, "postpone", by_s=40 * DAY))) == [
        (50 * DAY, "server")  # the expiry comes first
    ]
    assert activations(sim.run(waiting, policy=Scripted(9 * DAY, "cancel"))) == []
    both = sim.run(waiting, policy=Scripted(9 * DAY, "cancel", "reissue"))
    assert activations(both) == [(50 * DAY, "server")]


def test_what_cannot_be_done_is_an_event_and_no_error() -> None:
    late = sim.run(scenario("after 20d"), policy=Scripted(30 * DAY, "activate", "cancel"))
    failed = [event.name for event in late.tallies[0].events if event.reason]
    assert failed == ["activation failed", "cancel failed"]
    assert (
        sim.run(scenario("after 20d"), policy=Scripted(30 * DAY, "postpone", by_s=1))
        .tallies[0]
        .events[-1]
        .reason
    )


def test_a_push_or_a_visit_never_loses_a_device() -> None:
    waiting = scenario("after 3d")
    lost = {*_lost(sim.run(waiting, engine="process"))}
    assert lost
    assert {*_lost(sim.run(waiting, policy=Scripted(2 * DAY, "push")))} <= lost
    assert not _lost(
        sim.run(waiting, policy=Scripted(2 * DAY, "chase", per_day=100))
    )  # all are found in time


def _lost(result: sim.Result) -> list[str]:
    return result.devices.loc[result.devices["lost_at"].notna(), "device"].tolist()


def test_more_technicians_have_everybody_back_earlier() -> None:
    immediate = scenario("immediately")
    few = sim.run(immediate, engine="process").measures
    many = sim.run(immediate, policy=Scripted(DAY, "employ", technicians=20)).measures
    none = sim.run(immediate, policy=Scripted(DAY, "employ", technicians=0)).measures
    assert many["device_days_lost"] < few["device_days_lost"] < none["device_days_lost"]  # type: ignore[operator]
    assert none["reinstalls"] == 0


def test_a_policy_is_compared_with_a_plan() -> None:
    waiting = scenario("after 20d")
    table = sim.compare({"plan": waiting, "early": (waiting, Scripted(2 * DAY, "activate"))})
    plan, early = table.results
    assert plan.fingerprint == sim.run(waiting).fingerprint
    assert activations(early) == [(2 * DAY, "operator")]
    assert len(_lost(plan)) < len(_lost(early))


def test_what_a_policy_gives_up_is_an_error_that_says_so() -> None:
    for wrong in (
        {"engine": "fleet"},
        {"workers": 2},
        {"policy": Observer},
        {"policy": Scripted(0, "employ", technicians=-1)},
        {"policy": Scripted(0, "postpone", by_s=-1)},
    ):
        with pytest.raises(PolicyError):
            sim.run(scenario("after 20d"), **({"policy": Observer()} | wrong))  # type: ignore[arg-type]
    with pytest.raises(PolicyError):
        sim.run(scenario("after 20d"), policy=Observer()).experiment.timeline  # noqa: B018


def test_guarantees_are_held_against_the_runs_and_never_proved() -> None:
    bound = {"measure": "lost_devices", "at_most": 10}
    promised = scenario("after 45d").changed({"guarantees": [bound]})
    assert_guarantees(promised, policy=Scripted(40 * DAY, "log", name="looked"))
    with pytest.raises(BrokenGuarantee, match="same policy"):
        assert_guarantees(promised, policy=Scripted(2 * DAY, "activate"))
    bound["measure"], bound["at_most"] = "devices", 40
    always = promised.changed({"guarantees": [bound]})
    assert sim.run(always).guarantees[0].verdict == "proved"
    assert sim.run(always, policy=Observer()).guarantees[0].verdict == "holds"
