"""What the process engine costs over SimPy itself, measured side by side in one run.

    python benchmarks/process_vs_bare_simpy.py --devices 2000 --days 30 --repeat 5

Two programs let the same devices synchronize as often, on the same machine, in turn (A B A B …):

- *bare SimPy*: one process a device that waits and counts, as anyone would write it who needs no more.
  It has no certificates, no slots, no outcome per device, and is the least that SimPy can cost.
- *process engine*: `sim.run(scenario, engine="process")` on a scenario in which nothing else happens: every
  device always on, no strategy, no automatic reissue, a certificate that outlives the run.

How to read the output. A line is one round, A then B; a time is the wall clock from the call to the
result, building included, imports and reading the scenario not. *Ratio* is B / A: 2.0 says that the
model's rules (order within a second, slots, reachability, outcome per device) double SimPy's own cost.
Below the rounds stand the medians of the columns; the ratio there is the median of the rounds' ratios,
since what slows the machine down for a while slows both programs of a round. The last line divides by
the number of synchronizations. Compare ratios between machines and commits, not seconds.

Both counts of synchronizations are checked against devices x days x 4: a run that lost or doubled one
has no time worth reading, and the script fails.
"""

from __future__ import annotations

import argparse
import gc
import random
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Final

import simpy

import sim
from sim.scenario import Scenario

EVERY_S: Final = 6 * 3600
DAY_S: Final = 86_400
SYNCS_A_DAY: Final = DAY_S // EVERY_S
MOST_DAYS: Final = 396
"""A certificate of 397 days outlives no longer run."""


@dataclass
class Tally:
    syncs: int = 0


def bare_device(env: simpy.Environment, phase_s: int, tally: Tally) -> simpy.events.ProcessGenerator:
    yield env.timeout(phase_s)
    while True:
        tally.syncs += 1
        yield env.timeout(EVERY_S)


def run_bare(devices: int, days: int) -> int:
    """Let the devices live in SimPy alone; the number of synchronizations."""
    rng = random.Random(1)
    env = simpy.Environment()
    tally = Tally()
    for _ in range(devices):
        env.process(bare_device(env, rng.randrange(EVERY_S), tally))
    env.run(until=days * DAY_S)
    return tally.syncs


def uneventful(devices: int, days: int) -> Scenario:
    """The scenario in which devices synchronize and nothing else happens."""
    return Scenario.from_document(
        {
            "name": "nothing but synchronizations",
            "start": "2026-03-01",
            "duration": f"{days}d",
            "seed": 1,
            "server": {"certificate": {"expires": f"day {days + 1}"}, "automatic_reissue": "off"},
            "fleet": [
                {
                    "name": "phones",
                    "devices": devices,
                    "sync": {"every": f"{EVERY_S}s", "phase": "random"},
                    "presence": "always",
                }
            ],
        }
    )


def run_engine(scenario: Scenario) -> int:
    """Let the same devices live in the process engine; the number of synchronizations."""
    return int(sim.run(scenario, engine="process").devices["syncs"].sum())


def timed(program: Callable[[], int], *, expected: int) -> float:
    gc.collect()
    began = perf_counter()
    syncs = program()
    took_s = perf_counter() - began
    if syncs != expected:
        raise SystemExit(f"{syncs:,} synchronizations where there are {expected:,}: the times mean nothing")
    return took_s


def main() -> None:
    def whole(least: int, most: int) -> Callable[[str], int]:
        def parse(text: str) -> int:
            if not least <= (number := int(text)) <= most:
                raise argparse.ArgumentTypeError(f"{number} is not between {least} and {most}")
            return number

        return parse

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--devices", type=whole(1, 10_000_000), default=2000, help="default %(default)s")
    parser.add_argument("--days", type=whole(1, MOST_DAYS), default=30, help="default %(default)s")
    parser.add_argument("--repeat", type=whole(1, 1000), default=5, help="rounds; default %(default)s")
    arguments = parser.parse_args()
    devices, days, repeat = arguments.devices, arguments.days, arguments.repeat
    expected = devices * days * SYNCS_A_DAY

    run_bare(10, 1)
    run_engine(uneventful(10, 1))  # so that no round pays for imports

    print(f"{devices:,} devices, {days} days: {expected:,} synchronizations in each run")
    print(f"{'round':>6}  {'bare SimPy':>12}  {'process engine':>14}  {'ratio':>6}")
    scenario = uneventful(devices, days)
    bare_s, engine_s, ratios = [], [], []
    for number in range(1, repeat + 1):
        bare_s.append(timed(lambda: run_bare(devices, days), expected=expected))
        engine_s.append(timed(lambda: run_engine(scenario), expected=expected))
        ratios.append(engine_s[-1] / bare_s[-1])
        print(f"{number:>6}  {bare_s[-1]:>10.3f} s  {engine_s[-1]:>12.3f} s  {ratios[-1]:>6.2f}", flush=True)
    medians = [statistics.median(column) for column in (bare_s, engine_s, ratios)]
    print(f"{'median':>6}  {medians[0]:>10.3f} s  {medians[1]:>12.3f} s  {medians[2]:>6.2f}")
    each_us = [1e6 * seconds / expected for seconds in medians[:2]]
    print(f"{'a sync':>6}  {each_us[0]:>9.2f} µs  {each_us[1]:>11.2f} µs")


if __name__ == "__main__":
    main()
