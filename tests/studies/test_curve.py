"""Lost devices by activation delay: counted by hand, and against a run for every delay (model 9.1)."""

from __future__ import annotations

import importlib
import json
import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from openssl_command import Openssl

import sim
from sim.cli.commands import cli
from sim.pki.reading import read
from sim.results.critical import CriticalDelays
from sim.studies.curve import Curve
from sim.studies.delays import CurveError
from sim.summary import Table
from sim.world.timeline import play

D = 86_400
SCENARIOS = Path(__file__).parents[2] / "scenarios"


def scenario(**changes: Any) -> sim.Scenario:
    """Four phones with a turn every four days, at noon of days 0, 1, 2 and 3; the reserve comes on day 4."""
    document = {
        "name": "four phones",
        "start": "2026-03-01",
        "duration": "40d",
        "server": {"certificate": {"expires": "day 100"}, "automatic_reissue": "off"},
        "fleet": [{"name": "phones", "devices": 4, "sync": {"every": "4d", "phase": "even"}}],
        "strategy": [{"at": "day 4", "reissue": {"activate": "after 6d"}}],
        **changes,
    }
    return sim.Scenario.from_document(document)


def lost(curve: Curve) -> list[int]:
    return curve.lost[0].tolist()


def test_a_curve_counted_by_hand() -> None:
    """After one day the phone of day 4 has had its turn, after two that of day 5, and so on."""
    curve = sim.curve(scenario())
    assert (curve.delays_s / D).tolist() == [1, 2, 3, 4, 5, 6]
    assert lost(curve) == [3, 2, 1, 0, 0, 0]
    assert curve.runs == 1


def test_what_is_computed_is_what_exact_says_of_each_delay() -> None:
    """With the phases drawn, each day of delay reaches one phone of four; a gate takes a simulation."""
    drawn = {"name": "phones", "devices": 4, "sync": {"every": "4d"}}
    found = sim.curve(scenario(fleet=[drawn]))
    assert found.table["expected_devices"].tolist() == pytest.approx([3, 2, 1, 0, 0, 0], abs=1e-9)
    away = {**drawn, "presence": {"on": {"exponential": "1d"}, "off": {"exponential": "2d"}}}
    one = scenario(fleet=[away])
    each = [sim.exact(one.changed({"strategy.0.reissue.activate": f"after {n}d"})).law.mean for n in (1, 5)]
    assert sim.curve(one).table["expected_devices"][[0, 4]].tolist() == pytest.approx(each, rel=1e-3)
    gate = {
        "when_coverage": 0.5,
        "check_every": "1d",
        "not_before": "1d",
        "not_after": "6d",
        "otherwise": "activate",
    }
    gated = scenario(strategy=[{"at": "day 4", "reissue": {"activate": gate}}])
    assert "expected_devices" not in sim.curve(gated).table


def test_the_exact_curve_changes_one_second_after_each_turn() -> None:
    """A turn in the second of the activation is too late, so a delay of 12 h + 1 s saves the first."""
    curve = sim.curve(scenario(), exact=True)
    half = D // 2
    assert curve.delays_s.tolist() == [half + 1, D + half + 1, 2 * D + half + 1, 3 * D + half + 1]
    assert lost(curve) == [3, 2, 1, 0]


def test_beyond_the_expiry_a_longer_delay_is_no_longer_one() -> None:
    """The main certificate expires on day 6, two days after the reserve came."""
    server = {"certificate": {"expires": "day 6"}, "automatic_reissue": "off"}
    assert lost(sim.curve(scenario(server=server))) == [3, 2, 2, 2, 2, 2]


def test_what_is_activated_after_the_end_loses_nobody() -> None:
    assert lost(sim.curve(scenario(duration="6d"))) == [3, 0, 0, 0, 0, 0]


def test_a_run_up_to_the_expiry_tells_every_delay_before() -> None:
    curve = sim.curve(
        scenario(strategy=[{"at": "day 4", "reissue": {"activate": "at expiry"}}], duration="120d")
    )
    assert len(curve.delays_s) == 96
    assert lost(curve)[:5] == [3, 2, 1, 0, 0]


MANY: dict[str, Any] = {
    "duration": "70d",
    "server": {
        "certificate": {"expires": "day 61"},
        "outages": [{"from": "day 12", "for": "1d"}, {"from": "day 30 06:00", "for": "6h"}],
    },
    "fleet": [
        {"name": "a", "devices": 150, "sync": {"every": "2d", "jitter": "6h", "success": "70%"}},
        {
            "name": "b",
            "devices": 150,
            "sync": {"every": "9h", "catch_up": "no"},
            "presence": {"on": {"exponential": "1d"}, "off": {"lognormal": {"median": "3d", "sigma": 1.2}}},
        },
        {"name": "c", "devices": 5, "presence": "never"},
    ],
    "strategy": [{"at": "day 10", "reissue": {"activate": "after 50d"}}],
}


@pytest.mark.parametrize("engine", ["process", "fleet"])
def test_fifty_delays_from_one_run_are_those_of_fifty_runs(engine: Any) -> None:
    """With automatic reissue on, whose reserve the administrator's replaces."""
    written = scenario(**MANY)
    curve = sim.curve(written, engine=engine)
    assert (curve.runs, len(curve.delays_s)) == (1, 50)
    each = [
        sim.run(written.changed({"strategy.0.reissue.activate": f"after {day}d"}), engine="fleet")
        for day in range(1, 51)
    ]
    assert lost(curve) == [run.measures["lost_devices"] for run in each]
    assert curve.table["lost_share"].tolist() == [run.measures["lost_share"] for run in each]
    assert lost(curve)[0] > lost(curve)[20] > lost(curve)[-1] >= 5


@pytest.mark.parametrize(
    ("changes", "runs"),
    [
        ({"strategy": [*MANY["strategy"], {"at": "day 65", "reissue": {"activate": "immediately"}}]}, 50),
        ({"strategy": [*MANY["strategy"], {"at": "day 20", "cancel_reserve": {}}]}, 50),
        ({"strategy": [{"at": "day 1", "reissue": {"activate": "immediately"}}, *MANY["strategy"]]}, 50),
        ({"recovery": {"technicians": 1}}, 1),
        ({"duration": "40d"}, 1),
    ],
)
def test_whatever_else_happens_the_numbers_are_those_of_separate_runs(
    changes: dict[str, Any], runs: int
) -> None:
    written = scenario(**{**MANY, **changes})
    step = next(i for i, s in enumerate(written.strategy) if s.reissue and s.reissue.activate.kind == "after")
    curve = sim.curve(written, engine="fleet", reissue=step)
    assert curve.runs == runs
    for day in (1, 2, 9, 10, 11, 25, 30, 49, 50):
        separate = written.changed({f"strategy.{step}.reissue.activate": f"after {day}d"})
        assert lost(curve)[day - 1] == sim.run(separate, engine="fleet").measures["lost_devices"], day


def test_every_replication_has_its_curve_and_the_table_their_mean_and_band() -> None:
    written = scenario(**MANY)
    curve = sim.curve(written, engine="fleet", replications=4)
    for replication in range(4):
        alone = written.changed({"first_replication": replication})
        assert curve.lost[replication].tolist() == lost(sim.curve(alone, engine="fleet"))
    assert curve.table["lost_devices"].tolist() == curve.lost.mean(axis=0).tolist()
    assert curve.table["low"].tolist() == curve.lost.min(axis=0).tolist()
    assert curve.table["high"].tolist() == curve.lost.max(axis=0).tolist()


def test_a_refused_certificate_loses_its_platform_whatever_the_delay() -> None:
    """Two of five lost by delay one day; the three iPhones by any activation."""
    found = CriticalDelays(np.array([10, D + 1]), np.array([3, 2]), never=0, refused=3)
    assert found.lost(np.array([9, 10, D, D + 1])).tolist() == [8, 5, 5, 3]
    assert (found.size, found.least_delay_s(2), found.least_delay_s(3), found.least_delay_s(8)) == (
        8,
        None,
        D + 1,
        0,
    )
    assert [found.least_delay_s(n) for n in (4, 5, 7)] == [D + 1, 10, 10]


@pytest.mark.parametrize(
    ("strategy", "reissue", "message"),
    [
        ([], None, "no reissue with delayed activation: write one"),
        ([{"at": "day 4", "reissue": {"activate": "immediately"}}], None, "no reissue"),
        ([{"at": "day 4", "reissue": {}}] * 2, None, "2 reissues .* --reissue 0 or 1"),
        (
            [{"at": "day 4", "reissue": {}}],
            1,
            "strategy.1 is not a reissue with delayed activation.*--reissue 0",
        ),
    ],
)
def test_a_scenario_without_a_curve_says_why(strategy: Any, reissue: int | None, message: str) -> None:
    with pytest.raises(CurveError, match=message):
        sim.curve(scenario(strategy=strategy), reissue=reissue)


def test_exact_is_refused_where_one_run_does_not_tell_all() -> None:
    strategy = [*MANY["strategy"], {"at": "day 65", "reissue": {"activate": "immediately"}}]
    with pytest.raises(CurveError, match="nothing else happens"):
        sim.curve(scenario(**{**MANY, "strategy": strategy}), reissue=0, exact=True, engine="fleet")


class Counter:
    """Counts the calls of a function, wherever it is known by a name."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, function: Any) -> None:
        self.calls: list[Any] = []

        def counted(first: Any, *arguments: Any, **options: Any) -> Any:
            self.calls.append(first)
            return function(first, *arguments, **options)

        for module in [each for name, each in sys.modules.items() if name.startswith("sim.")]:
            for name in [name for name, value in vars(module).items() if value is function]:
                monkeypatch.setattr(module, name, counted)


@pytest.mark.parametrize("engine", ["process", "fleet"])
@pytest.mark.parametrize("shares_a_run", [False, True])
def test_each_certificate_is_read_once_and_the_server_played_at_most_twice_a_delay(
    engine: Any,
    shares_a_run: bool,
    openssl: Openssl,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`custom_certificate.yaml` with certificates from files: the delays share a run, or each has its own."""
    start = datetime(2026, 3, 1, tzinfo=UTC)
    ends = {"first.pem": 40, "second.pem": 180 if shares_a_run else 80}
    for serial, (name, day) in enumerate(ends.items(), start=1):
        made = openssl.certificate(begin=start, end=start + timedelta(days=day), serial=serial)
        shutil.copy(made, tmp_path / name)
    shutil.copy(SCENARIOS / "custom_certificate.yaml", tmp_path / "plan.yaml")
    files = [
        ("server.certificate", "{issuer: custom, file: first.pem}"),
        ("strategy.0.reissue", "{issuer: custom, file: second.pem, activate: after 30d}"),
    ]
    written = sim.load(tmp_path / "plan.yaml", overrides=[*files, ("fleet.0.devices", "20")])
    for engine_of in ("sim.fleet.engine", "sim.processes.engine"):
        importlib.import_module(engine_of)
    plays, reads = Counter(monkeypatch, play), Counter(monkeypatch, read)
    curve = sim.curve(written, engine=engine)
    assert (len(curve.delays_s), curve.runs) == (30, 1 if shares_a_run else 30)
    assert sorted(path.name for path in reads.calls) == ["first.pem", "second.pem"]
    assert len(plays.calls) <= 2 * len(curve.delays_s)


def shown(curve: Curve) -> list[float]:
    """The delays of the table that a reader sees, in days."""
    (table,) = [part for part in curve.summary().parts if isinstance(part, Table)]
    return [row[0] for row in table.rows]  # type: ignore[misc]


def test_usual_delays_are_shown_and_those_at_which_something_happens() -> None:
    """The last phone has it by the 4th day; 30 days are advised, and the plan's own are 40."""
    written = scenario(duration="100d", strategy=[{"at": "day 4", "reissue": {"activate": "after 40d"}}])
    curve = sim.curve(written)
    assert shown(curve) == [1, 3, 4, 7, 14, 21, 30, 40]
    assert len(curve.to_json()["curve"]) == 40
    assert shown(sim.curve(scenario(), exact=True)) == [0.5 + 1 / D + day for day in range(4)]


def test_a_gate_says_which_delay_it_came_to() -> None:
    """Three of the four hold it after the turn of the third day, and it is looked at once a day."""
    gate = {"when_coverage": "75%", "check_every": "1d"}
    curve = sim.curve(scenario(strategy=[{"at": "day 4", "reissue": {"activate": gate}}], duration="120d"))
    assert curve.gate is not None
    assert (curve.gate.days, curve.gate.chance) == ((3.0, 3.0, 3.0), 1.0)
    assert curve.to_json()["gate"] == {"days": (3.0, 3.0, 3.0), "chance": 1.0}
    assert (curve.runs, lost(curve)[:4]) == (96, [3, 2, 1, 0])
    never = {**gate, "when_coverage": "100%", "not_after": "2d", "otherwise": "cancel"}
    closed = sim.curve(scenario(strategy=[{"at": "day 4", "reissue": {"activate": never}}], duration="120d"))
    assert closed.gate is not None
    assert (closed.gate.days, closed.gate.chance) == ((None, None, None), 0.0)
    assert sim.curve(scenario()).gate is None


def test_the_command_prints_the_document_of_the_language(tmp_path: Path) -> None:
    file = tmp_path / "plan.yaml"
    file.write_text(scenario().to_yaml(), encoding="utf-8")
    document = json.loads(
        CliRunner().invoke(cli, ["curve", str(file), "--json"], standalone_mode=False).output
    )
    first = {"delay_days": 1, "delay_s": D, "lost_devices": 3, "lost_share": 0.75, "expected_devices": 3.0}
    assert document["curve"][0] == first
    assert [row["lost_devices"] for row in document["curve"]] == [3, 2, 1, 0, 0, 0]
    text = CliRunner().invoke(cli, ["curve", str(file)], standalone_mode=False).output
    assert "4 devices, lost by activation delay" in text
