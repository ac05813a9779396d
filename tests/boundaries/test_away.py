"""Written absences, one second before, at and after each of their ends; expected numbers are counted by hand.

One phone makes an attempt at second `phase` and every 100 s after it. Every case is put to both engines.
"""

from __future__ import annotations

import numpy as np
import pytest

from sim.fleet.engine import simulate as fleet_engine
from sim.processes.engine import simulate as process_engine
from sim.world.certificates import Certificate
from sim.world.draws import Draws, identity_of_group
from sim.world.fleet import Away, Fleet, Profile, Roster
from sim.world.outcome import Outcome
from sim.world.plan import Plan, Reissue


def phone(
    spells: tuple[tuple[int, int], ...], *, phase: int, every_s: int, catch_up: bool, silent: bool
) -> Fleet:
    profile = Profile("phones", "android", every_s, 0, 1.0, catch_up, Away(spells))
    roster = Roster(
        profiles=(profile,),
        groups=("phones",),
        profile=np.zeros(1, np.int32),
        group=np.zeros(1, np.int32),
        identity=np.array([identity_of_group("phones")], np.uint64),
        phase_s=np.array([phase], np.int64),
        silent=np.array([silent]),
        seen=np.zeros(1, np.bool_),
        holds_reserve=np.zeros(1, np.bool_),
        numbered=(1,),
        ids=((),),
    )
    return Fleet.start(roster, Draws.of(1, 0))


@pytest.fixture(params=["process", "fleet"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def run(
    engine: str,
    *spells: tuple[int, int],
    phase: int,
    every_s: int = 100,
    catch_up: bool = True,
    silent: bool = False,
    horizon_s: int = 30,
    actions: tuple[Reissue, ...] = (),
) -> Outcome:
    fleet = phone(spells, phase=phase, every_s=every_s, catch_up=catch_up, silent=silent)
    simulate = process_engine if engine == "process" else fleet_engine
    return simulate(Plan(horizon_s, Certificate(0, "ksc", 0, 1000, "old"), actions=actions), fleet)


def synced(outcome: Outcome) -> tuple[int, int]:
    """How many synchronizations, and the last."""
    return int(outcome.devices.syncs[0]), int(outcome.devices.last_sync_at_s[0])


@pytest.mark.parametrize("catch_up", [False, True])
@pytest.mark.parametrize(
    ("phase", "without", "with_it"),
    [
        # Off in [10, 20); the run ends at 30.
        (9, (1, 9), (1, 9)),
        (10, (0, -1), (1, 20)),  # goes off before the syncs of its second
        (19, (0, -1), (1, 20)),
        (20, (1, 20), (1, 20)),  # comes on before the syncs of its second, and makes one attempt, not two
        (21, (1, 21), (1, 21)),
    ],
)
def test_an_attempt_within_an_absence_is_missed(
    engine: str, phase: int, without: tuple[int, int], with_it: tuple[int, int], catch_up: bool
) -> None:
    outcome = run(engine, (10, 20), phase=phase, catch_up=catch_up)
    assert synced(outcome) == (with_it if catch_up else without)


@pytest.mark.parametrize(
    ("spells", "every", "phase", "expected"),
    [
        (((0, 10),), 100, 0, (1, 10)),  # away from the start: the attempt of second 0 is caught up at 10
        (((0, 10),), 100, 9, (1, 10)),
        (((0, 10),), 100, 10, (1, 10)),
        (((0, 10),), 100, 25, (1, 25)),  # nothing was due within the run while it was away
        (((1, 10),), 100, 0, (1, 0)),  # on for one second
        (
            ((5, 6), (7, 8)),
            1,
            0,
            (28, 29),
        ),  # off in seconds 5 and 7: 30 attempts less two; on in each between
        (((10, 12), (13, 20)), 2, 0, (11, 28)),  # 0 … 8, 12 (due as it comes on), 20 … 28: 5 + 1 + 5
        (((0, 3), (10, 20)), 100, 15, (1, 20)),  # the second absence has its own length
        (((10, 1000),), 2, 0, (5, 8)),  # beyond the end of the run
        ((), 10, 5, (3, 25)),  # no absence: always on
    ],
)
def test_spells_follow_one_another_and_then_it_stays_on(
    engine: str, spells: tuple[tuple[int, int], ...], every: int, phase: int, expected: tuple[int, int]
) -> None:
    assert synced(run(engine, *spells, phase=phase, every_s=every)) == expected


@pytest.mark.parametrize(("silent", "expected"), [(False, (1, 25)), (True, (2, 25))])
def test_a_silent_device_that_is_away_from_the_start_has_missed_an_attempt(
    engine: str, silent: bool, expected: tuple[int, int]
) -> None:
    """Back at 10: who was silent catches up then, and both synchronize at 25."""
    assert synced(run(engine, (0, 10), phase=25, silent=silent)) == expected


@pytest.mark.parametrize(
    ("back_s", "lost_at_s", "received_at_s"),
    [
        (19, -1, 19),  # specified at 5, main at 20: back one second before the switch is in time
        (20, 20, -1),  # comes on after the switch of its second
        (21, 20, -1),
    ],
)
def test_coming_back_against_the_activation(
    engine: str, back_s: int, lost_at_s: int, received_at_s: int
) -> None:
    outcome = run(engine, (6, back_s), phase=6, actions=(Reissue(5, "after", 15),))
    assert outcome.devices.lost_at_s.tolist() == [lost_at_s]
    assert outcome.devices.reserve_received_at_s.tolist() == [received_at_s]


@pytest.mark.parametrize("spells", [((5, 5),), ((5, 10), (10, 12)), ((8, 10), (2, 4)), ((-1, 4),)])
def test_spells_are_in_order_and_do_not_touch(spells: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(AssertionError):
        Away(spells)
