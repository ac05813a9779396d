"""Scenarios with a list: what they lose is what theory says of the silences in it (model 5.3, 11.3, 11.6).

Numbers of lost devices are judged by exact binomial tests, each of which a right program fails once in a
million runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from fleets import DAY_S, LAWS, ON_MEAN_S, fleet
from scipy import stats

import sim
from sim.scenario.scenario import Scenario

FALSE_ALARM = 1e-6
START = np.datetime64("2026-03-01T00:00:00")
DELAY_DAYS = 14
Engine = Literal["process", "fleet"]


def scenario(folder: Path, ages_s: np.ndarray, groups: list[str] | None = None, **keys: Any) -> Scenario:
    """The list is made at the start, when the reserve is specified; it is main 14 days later."""
    last = START - ages_s.astype("m8[s]")
    rows = "".join(f"d{i},{each},{(groups or ['g'] * len(last))[i]}\n" for i, each in enumerate(last))
    (folder / "d.csv").write_text(f"id,last_sync,group\n{rows}")
    group = {"name": "g", "inventory": "d.csv", "list": {"exported": "start"}, "sync": {"every": "6h"}}
    return Scenario.from_document(document([group | keys]), folder=folder)


def document(groups: list[dict[str, Any]], **keys: Any) -> dict[str, Any]:
    return {
        "name": "n",
        "start": "2026-03-01",
        "duration": f"{DELAY_DAYS}d1s",
        "server": {"certificate": {"expires": "day 300"}, "automatic_reissue": "off"},
        "fleet": groups,
        "strategy": [{"at": "start", "reissue": {"activate": f"after {DELAY_DAYS}d"}}],
        **keys,
    }


WRITTEN: dict[str, tuple[Any, Any]] = {
    "exponential": ({"exponential": "20d"}, stats.expon(scale=20).sf),
    "Weibull": ({"weibull": {"scale": "10d", "shape": 0.6}}, stats.weibull_min(0.6, scale=10).sf),
    "lognormal": ({"lognormal": {"median": "3d", "sigma": 1.4}}, stats.lognorm(1.4, scale=3).sf),
    "constant": ("100d", lambda t: float(t < 100)),
    "still away": (
        {"still_away": {"10d": "50%", "35d": "10%", "120d": "5%", "400d": 0}},
        lambda t: float(np.interp(t, [0, 10, 35, 120, 400], [1, 0.5, 0.1, 0.05, 0])),
    ),
}


@pytest.mark.parametrize("engine", ["process", "fleet"])
@pytest.mark.parametrize("law", WRITTEN)
def test_who_is_silent_is_lost_as_the_law_says(tmp_path: Path, law: str, engine: Engine) -> None:
    """P(lost | silent for a) = S(a + 14 d) / S(a), and 1 where S(a) = 0; 300 devices of each age."""
    off, sf = WRITTEN[law]
    ages = (1, 40, 99, 100, 300)
    made = scenario(
        tmp_path,
        np.repeat(ages, 300) * 86_400,
        [f"{age} days" for age in ages for _ in range(300)],
        presence={"on": {"exponential": "1000d"}, "off": off},
    )
    groups = sim.run(made, engine=engine).groups
    for age in ages:
        lost = int(groups[f"{age} days"]["lost_devices"] or 0)
        chance = sf(age + DELAY_DAYS - 1 / 86_400) / sf(age) if sf(age) > 0 else 1.0
        assert stats.binomtest(lost, 300, min(1.0, chance)).pvalue >= FALSE_ALARM, (age, lost, chance)


PRESENCES: dict[str, Any] = {
    "exponential": {"exponential": "10d"},
    "weibull": {"weibull": {"scale": "4d", "shape": 0.6}},
    "lognormal": {"lognormal": {"median": "3d", "sigma": 1.3}},
    "still away": {"still_away": {"10d": "50%", "35d": "10%", "120d": 0}},
}


@pytest.mark.parametrize("law", LAWS)
def test_a_list_drawn_from_the_law_loses_what_a_fleet_without_a_list_loses(tmp_path: Path, law: str) -> None:
    """Ages of a fleet in equilibrium, aged and run: each device is lost with the probability of one of which
    nothing is known, which is computed without simulation."""
    presence = {"on": {"exponential": f"{ON_MEAN_S / DAY_S:g}d"}, "off": PRESENCES[law]}
    n = 2000
    ages_s = fleet(law, n, np.random.default_rng(23)).ages_s
    lost = sim.run(scenario(tmp_path, ages_s, presence=presence)).measures["lost_devices"]
    plain = document([{"name": "g", "devices": 1, "sync": {"every": "6h"}, "presence": presence}])
    chance = sim.exact(Scenario.from_document(plain)).law.mean
    assert stats.binomtest(int(lost or 0), n, chance).pvalue >= FALSE_ALARM, (lost, n * chance)


@pytest.mark.parametrize("law", LAWS)
def test_presence_from_list_loses_as_many_as_are_silent_for_as_long(tmp_path: Path, law: str) -> None:
    """Within four standard errors of the forecast and of the run, and 3 % for the estimate of the law."""
    ages_s = fleet(law, 2000, np.random.default_rng(29)).ages_s
    made = scenario(tmp_path, ages_s, presence="from list")
    (reach,) = sim.forecast(tmp_path / "d.csv", delay=f"{DELAY_DAYS}d", exported="2026-03-01").reaches
    lost = sim.run(made).measures["lost_devices"] or 0
    assert abs(lost - reach.not_reached) < 4 * reach.sd + 0.03 * reach.not_reached


def test_a_holiday_to_come_makes_the_forecast_wrong_as_documented(tmp_path: Path) -> None:
    """Half of the fleet goes away as the list is made, for all of the delivery: of the devices that would be
    reached, half are not. The list cannot know; the scenario's calendar does."""
    ages_s = fleet("exponential", 2000, np.random.default_rng(31)).ages_s
    made = scenario(tmp_path, ages_s, presence="from list")
    (reach,) = sim.forecast(tmp_path / "d.csv", delay=f"{DELAY_DAYS}d", exported="2026-03-01").reaches
    holiday = {"name": "Easter", "from": "start", "for": f"{DELAY_DAYS + 1}d", "share": "50%"}
    result = sim.run(made.changed({"calendar": {"holidays": [holiday]}}))
    lost = result.measures["lost_devices"] or 0
    without = result.without_common_causes
    assert without is not None
    usual = without.measures["lost_devices"] or 0
    assert lost > 2 * reach.high
    assert stats.binomtest(int(lost - usual), int(2000 - usual), 0.5).pvalue >= FALSE_ALARM
