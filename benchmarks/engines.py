"""Both engines beside other ways to answer the same question, in one run.

    python -m pip install -e '.[bench]'
    python benchmarks/engines.py                       # prints Markdown; about three minutes
    python benchmarks/engines.py --slow-devices 20000  # every program at full size; about half an hour
    python benchmarks/engines.py --write               # and writes docs/benchmarks.md

The programs (see `programs.py`) take turns, round after round, so that what slows the computer down for a
while slows them all; seconds are those of the processor. A round is one call from a fleet that is built to an
answer. Programs that take
microseconds for an attempt get `--slow-devices` phones, the others `--devices`; all are compared by the time
for one attempt, of which there are devices x days x 4. Ratios are medians of the rounds' ratios.

Every answer is checked before it is timed: 95 % of the attempts of the phones that are not lost must have
succeeded, and the lost share must be what theory says (but for the time steps, which are off by their width).
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from math import sqrt
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Final

import programs
from programs import Answer

HERE: Final = Path(__file__).parent
OTHERS: Final = "## Decisions\n"
"""From here on the page is about `sweep.py`, and stays as it is."""
PAGE: Final = HERE.parent / "docs" / "benchmarks.md"
SIZES: Final = (10_000, 100_000, 1_000_000, 10_000_000)
KEEP_MEMORY: Final = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 40)}
"""Lets glibc keep what is freed: the next round writes to memory that the system has given already."""

LIBRARIES: Final = ("numpy", "numba", "simpy", "salabim")


@dataclass
class Contestant:
    """A program, and the seconds that its rounds took."""

    name: str
    build: Callable[[int, int], Callable[[], Answer]]
    is_slow: bool = False
    judges: bool = True  # whether its lost share must be that of theory
    clock: Callable[[], float] = process_time  # seconds of processors; of the wall where several work
    devices: int = 0
    answer: Answer | None = None
    rounds_s: list[float] = field(default_factory=list)


CONTESTANTS: Final = (
    Contestant("array engine, 1 thread", programs.array(threads=1)),
    Contestant("array engine, 2 threads (by the wall)", programs.array(threads=2), clock=perf_counter),
    Contestant("process engine", programs.process, is_slow=True),
    Contestant("plain SimPy", programs.plain_simpy, is_slow=True),
    Contestant("salabim", programs.with_salabim, is_slow=True),
    Contestant("NumPy, time steps of 15 min", programs.time_steps, judges=False),
    Contestant("the draws alone (floor), 1 thread", programs.draws_only, judges=False),
)


def check(contestant: Contestant, days: int) -> None:
    """Stop where the answer is wrong by more than chance: six standard deviations, one in 10⁹."""
    devices, answer = contestant.devices, contestant.answer
    assert answer is not None
    lost = devices * programs.LOST
    if contestant.judges and abs(answer.lost - lost) > 6 * sqrt(lost):
        raise SystemExit(
            f"{contestant.name}: {answer.lost} lost where theory says {lost:.0f}: no time is worth reading"
        )
    if contestant is CONTESTANTS[-1]:
        return
    attempts_s = (devices - answer.lost) * days * programs.DAY_S + answer.lost * programs.ACTIVATED_S
    expected = attempts_s / programs.EVERY_S * programs.SUCCESS
    if abs(answer.syncs - expected) > 0.01 * expected:
        raise SystemExit(f"{contestant.name}: {answer.syncs} synchronizations where {expected:.0f} are due")


def compete(*, devices: int, slow_devices: int, days: int, rounds: int) -> None:
    """Let all programs answer, in turn, `rounds` times."""
    ready = []
    for contestant in CONTESTANTS:
        contestant.build(50, days)()  # imports and compilers are not part of any round
        contestant.devices = slow_devices if contestant.is_slow else devices
        ready.append((contestant, contestant.build(contestant.devices, days)))
    for number in range(rounds):
        for contestant, program in ready:
            print(f"round {number + 1}: {contestant.name}", file=sys.stderr)
            gc.collect()
            began_s = contestant.clock()
            contestant.answer = program()
            contestant.rounds_s.append(contestant.clock() - began_s)
            check(contestant, days)


def competition(days: int) -> Iterator[str]:
    """The table of `compete`."""
    first, floor = CONTESTANTS[0], CONTESTANTS[-1]
    yield "| program | phones | median of the rounds | an attempt | × array engine | × floor | lost |"
    yield "|---|--:|--:|--:|--:|--:|--:|"
    for contestant in CONTESTANTS:
        assert contestant.answer is not None
        median_s = statistics.median(contestant.rounds_s)
        attempts = contestant.devices * days * programs.DAY_S / programs.EVERY_S
        lost = f"{contestant.answer.lost / contestant.devices:.2%}" if contestant is not floor else ""
        yield (
            f"| {contestant.name} | {contestant.devices:,} | {median_s:.3f} s "
            f"| {1e9 * median_s / attempts:,.1f} ns "
            f"| {against(contestant, first):.2f} | {against(contestant, floor):.1f} | {lost} |"
        )


def against(one: Contestant, other: Contestant) -> float:
    """How many times the other's time for a phone it takes."""
    ratios = (a / b for a, b in zip(one.rounds_s, other.rounds_s, strict=True))
    return statistics.median(ratios) * other.devices / one.devices


def measured(*arguments: str, **environment: str) -> dict[str, Any]:
    """One measurement of `replay.py`."""
    print("replay.py", *arguments, file=sys.stderr)
    ran = subprocess.run(
        [sys.executable, str(HERE / "replay.py"), *arguments],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(ran.stdout)  # type: ignore[no-any-return]


def replays(sizes: list[int]) -> Iterator[str]:
    """The table of one delayed reissue by size of the fleet."""
    yield (
        "| phones | start | engine, 1 thread | 2 threads | a phone | 1 thread, new memory | a phone "
        "| largest in start | largest in engine | arrays |"
    )
    yield "|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
    used_ns, new_ns = [], []
    for size in sizes:
        new, used = measured("replay", str(size)), measured("replay", str(size), **KEEP_MEMORY)
        used_ns.append(1e9 * used["one_thread_s"] / size)
        new_ns.append(1e9 * new["one_thread_s"] / size)
        yield (
            f"| {size:,} | {new['start_s']:.3f} s | {used['one_thread_s']:.4f} s "
            f"| {used['two_threads_s']:.4f} s | {used_ns[-1]:.0f} ns "
            f"| {new['one_thread_s']:.4f} s | {new_ns[-1]:.0f} ns "
            f"| {new['start_peak_bytes']:.0f} B | {new['engine_peak_bytes']:.0f} B "
            f"| {new['input_bytes']:.0f} + {new['outcome_bytes']:.0f} B |"
        )
    yield ""
    yield (
        f"The dearest phone takes {max(used_ns) / min(used_ns):.2f} times as long as the cheapest; with new\n"
        f"memory, {max(new_ns) / min(new_ns):.2f} times."
    )


def first_use() -> str:
    took_s = []
    for what in ("first-use", "first-use-with-desk"):
        with tempfile.TemporaryDirectory() as cache:
            took_s += [measured(what, XDG_CACHE_HOME=cache)["seconds"] for _ in range(2)]
    first, later, first_with_desk, later_with_desk = took_s
    return (
        f"The first run ever of the array engine, of ten phones, takes {first:.1f} s of the processor, the\n"
        f"start of Python included: it compiles; a later one {later:.1f} s. With a help desk,\n"
        f"{first_with_desk:.1f} s and {later_with_desk:.1f} s."
    )


def page(arguments: argparse.Namespace) -> Iterator[str]:
    """The whole page, line by line."""
    days, rounds = arguments.days, arguments.rounds
    compete(devices=arguments.devices, slow_devices=arguments.slow_devices, days=days, rounds=rounds)
    versions = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    yield (
        f"""# Benchmarks

Printed by `python benchmarks/engines.py --write`: {platform.machine()}, {os.cpu_count()} cores, Python
{platform.python_version()}, {versions}. Read the ratios; seconds are those of one computer.

## One question, several programs

Phones that are always on synchronize every 6 hours, up to 30 minutes late, for {days} days; 95 % of the
attempts succeed, so that each must be simulated. A reissue becomes main six hours after it is specified:
by theory it loses {programs.LOST:.2%}. The programs take turns, {rounds} rounds, in seconds of the
processor; ratios are medians of the rounds'. Slow programs get fewer phones; all are compared by the time
for an attempt. *Floor*: a compiled loop that makes the two random numbers of every attempt (model 7.1), in
blocks of which the processor computes several at once, and nothing else.
"""
    )
    yield from competition(days)
    yield (
        """
The engines also keep certificates, slots, 14 columns for each device and five time series; the other programs
count synchronizations and losses. Time steps answer a question that is only close to it: what is due within
a step happens at its beginning."""
    )
    if arguments.replay:
        yield (
            """
## One delayed reissue, by size of the fleet

A delay of 30 days, phones that are always on and synchronize every 6 hours, 90 days. The shortest of three
to thirty rounds, in seconds of the processor; two threads by the wall. *Start*: from the scenario to every
phone's first turn. *New memory*: every round gets its memory from the operating system, as a single run
does; what that costs is the system's (on a virtual machine, up to 15 µs for 4 kB), and the other rounds write
to memory that was used before. *Largest*: what the resident size of a fresh process had grown by at most, for
each phone, while the start was drawn and while the engine ran; of which are *arrays* of the start and of the
outcome.
"""
        )
        yield from replays([size for size in SIZES if size <= arguments.largest])
        yield ""
        yield "## First use"
        yield ""
        yield first_use()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--devices", type=int, default=20_000, help="of fast programs; default %(default)s")
    parser.add_argument(
        "--slow-devices", type=int, default=2000, help="of slow programs; default %(default)s"
    )
    parser.add_argument("--days", type=int, default=60, help="from 11 to 396; default %(default)s")
    parser.add_argument("--rounds", type=int, default=5, help="default %(default)s")
    parser.add_argument("--largest", type=int, default=SIZES[-1], help="replayed fleet; default %(default)s")
    parser.add_argument("--no-replay", dest="replay", action="store_false", help="the first table alone")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md, too")
    arguments = parser.parse_args()
    if (
        not 11 <= arguments.days <= 396
        or min(arguments.rounds, arguments.devices, arguments.slow_devices) < 1
    ):
        parser.error("11 to 396 days, at least one round and one device")
    text = "\n".join(page(arguments)) + "\n"
    print(text, end="")
    if arguments.write:
        _, mark, others = PAGE.read_text(encoding="utf-8").partition(OTHERS)
        PAGE.write_text(f"{text}\n{mark}{others}" if mark else text, encoding="utf-8")


if __name__ == "__main__":
    main()
