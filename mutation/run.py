"""Run mutants, and write down what became of each: `python -m mutation.run [room ...] [--most N]`."""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from mutation.mutants import ROOMS, ROOT, Mutant, mutants_of, mutated, why_void
from mutation.trial import Passing, Ready, Verdict, in_fork, try_import, watched, with_tests

RESULTS = ROOT / ".mutation"
SEED = 1
LIMIT_S = 12.0
"""Tests that take more processor time than that without a change, and uncompiled, are not tried."""

TESTS: dict[str, tuple[str, ...]] = {
    "guarantees": ("tests/guarantees",),
    "results": ("tests/results", "tests/guarantees/test_verdicts.py", "tests/studies/test_curve.py"),
    "processes": (
        "tests/processes",
        "tests/boundaries",
        "tests/oracles/test_reference.py",
        "tests/equivalence/test_engines.py",
    ),
    "fleet": ("tests/fleet", "tests/boundaries", "tests/equivalence/test_engines.py"),
}
LEFT_OUT = (
    "test_compiled_code_says_what_the_interpreter_says",  # other processes, without the change
    "test_a_result_that_keeps_no_rows_simulates_them_again",  # minutes without a compiler
    "test_a_fleet_in_parts_has_the_fingerprint_and_the_numbers_of_the_whole",
    "test_engines_agree_on_the_shipped_scenarios",
    "test_the_eventful_scenarios_are_eventful",
)
READY = (
    "numpy",
    "numpy.random",
    "pandas",
    "scipy.special",
    "scipy.stats",
    "scipy.optimize",
    "pydantic",
    "simpy",
    "yaml",
    "cryptography.x509",
    "numba",
    "pyarrow",
    "pyarrow.parquet",
    "click",
    "rich",
    "hypothesis",
    "hypothesis.strategies",
    "concurrent.futures.thread",
    "icalendar",
    "sim.world.server",
    "sim.world.timeline",
)
"""Imported once, before any fork; nothing that imports a mutant."""

FATAL = {
    "guarantees": (
        "sim/guarantees/verdicts.py",
        "broken=kept.count(False)",
        "broken=kept.count(True)",
    ),
    "results": (
        "sim/results/measures.py",
        "return value <= self.at_most",
        "return value > self.at_most",
    ),
    "processes": ("sim/processes/device.py", "self.syncs += 1", "self.syncs += 2"),
    "fleet": ("sim/fleet/kernels.py", "row.syncs += 1", "row.syncs += 2"),
}
"""A change in each room that no selection of tests may miss: file, what is there, what is put there."""


def main() -> None:
    """Try the mutants that have no result yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rooms", nargs="*", default=list(ROOMS))
    parser.add_argument("--most", type=int, default=300, help="mutants to a room, chosen at random")
    parser.add_argument("--again", action="store_true", help="only survivors without a reason, once more")
    asked = parser.parse_args()
    os.environ.update(NUMBA_DISABLE_JIT="1", PYTEST_DISABLE_PLUGIN_AUTOLOAD="1", OPENBLAS_NUM_THREADS="1")
    os.chdir(ROOT)
    RESULTS.mkdir(exist_ok=True)
    for name in READY:
        importlib.import_module(name)
    for room in asked.rooms:
        run_room(room, asked.most, again=asked.again)


def run_room(room: str, most: int, *, again: bool) -> None:
    """Check the selection of tests, then try a room's mutants."""
    mutants, left_out = mutants_of(room)
    chosen = chosen_of(mutants, most)
    tests = tests_of(room)
    path = RESULTS / f"{room}.jsonl"
    before = {line["key"]: line for line in read(path)}
    if again:
        from mutation.report import reasons_of, survivor_of

        reasons = reasons_of()
        lost = (before[m.key] for m in chosen if before.get(m.key, {}).get("how") == "survived")
        open_ones = {line["key"] for line in lost if survivor_of(line).name not in reasons}
        todo = [m for m in chosen if m.key in open_ones]
    else:
        todo = [m for m in chosen if m.key not in before]
    told = {
        "mutants": len(mutants),
        "left_out": left_out,
        "tests": len(tests),
        "chosen": [m.key for m in chosen],
    }
    (RESULTS / f"{room}.json").write_text(json.dumps(told), encoding="utf-8")
    print(
        f"{room}: {len(mutants)} mutants, {len(chosen)} chosen, {len(todo)} to try, {len(tests)} tests",
        flush=True,
    )
    kills: Counter[tuple[str, str]] = Counter((line["file"], line["by"]) for line in before.values())

    def order(mutant: Mutant) -> list[Passing]:
        """The tests that run the changed lines; those first that notice most in a second."""
        first, last = mutant.lines
        if mutant.at_import:
            able = [test for test in tests if mutant.file in test.lines]
        else:
            lines = range(first, last + 1)
            able = [t for t in tests if any(line in lines for line in t.lines.get(mutant.file, ()))]
        return sorted(able, key=lambda t: -(kills[mutant.file, t.node] + 0.3) / (t.seconds + 0.005))

    def record(mutant: Mutant, verdict: Verdict, seconds: float) -> None:
        kills[mutant.file, verdict.by] += verdict.how == "failed"
        line = {"key": mutant.key, **asdict(mutant), **asdict(verdict), "seconds": round(seconds, 2)}
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def each(some: Iterable[Mutant], trial: Callable[[Mutant, Sequence[Passing], str], Verdict]) -> None:
        for mutant in some:
            begun = time.monotonic()
            void = why_void(mutant)
            able = order(mutant)
            if void is not None:
                verdict = Verdict(f"void: {void}", "", 0)
            elif not able:
                verdict = Verdict("survived", "", 0)
            else:
                verdict = trial(mutant, able, mutated(mutant))
            record(mutant, verdict, time.monotonic() - begun)

    def in_place(ready: Ready) -> None:
        check(room, tests, lambda file, source: ready.try_out(tests, path=ROOT / file, source=source))
        each(
            [m for m in todo if not m.at_import],
            lambda m, able, source: ready.try_out(able, path=ROOT / m.file, source=source),
        )

    def imported(file: str, able: Sequence[Passing], source: str) -> Verdict:
        module = file.removesuffix(".py").replace("/", ".")
        return try_import(able, module=module, path=ROOT / file, source=source)

    _, status = in_fork(lambda tell: _exit_with(with_tests(TESTS[room], in_place)))
    if status != 0:
        raise SystemExit(f"{room}: the run ended with {status}")
    if any(m.at_import for m in todo):
        check(
            room,
            tests,
            lambda file, source: imported(
                file, tests, (ROOT / file).read_text() if source is None else source
            ),
        )
        each([m for m in todo if m.at_import], lambda m, able, source: imported(m.file, able, source))


def check(room: str, tests: Sequence[Passing], trial: Callable[[str, str | None], Verdict]) -> None:
    """The null control: without a change all tests pass, and a fatal one is noticed.

    Raises:
        SystemExit: not so; nothing that such a run says could be believed.
    """
    file, there, put = FATAL[room]
    text = (ROOT / file).read_text(encoding="utf-8")
    assert text.count(there) >= 1
    unchanged, fatal = trial(file, None), trial(file, text.replace(there, put))
    print(
        f"{room}: unchanged: {unchanged.how} {unchanged.by}; fatal change: {fatal.how} {fatal.by}", flush=True
    )
    if unchanged.how != "survived" or fatal.how != "failed":
        raise SystemExit(f"{room}: the tests do not tell changed from unchanged code")


def chosen_of(mutants: Sequence[Mutant], most: int) -> list[Mutant]:
    """A random sample, the same each time, that has its share of each file and kind of operator."""
    strata: dict[tuple[str, str], list[Mutant]] = {}
    for mutant in mutants:
        strata.setdefault((mutant.file, mutant.operator.split("_")[0]), []).append(mutant)
    placed = []
    for name, some in sorted(strata.items()):
        chance = random.Random(f"{SEED} {name}")  # noqa: S311
        chance.shuffle(some)
        placed += [((i + chance.random()) / len(some), m) for i, m in enumerate(some)]
    placed.sort(key=lambda one: one[0])
    return [mutant for _, mutant in placed[:most]]


def tests_of(room: str) -> list[Passing]:
    """The tests of a room, with the lines they run; from an earlier run, if nothing has changed since."""
    digest = hashlib.sha256()
    for path in sorted([*(ROOT / "sim").rglob("*.py"), *(p for t in TESTS[room] for p in _python(ROOT / t))]):
        digest.update(path.read_bytes())
    kept = RESULTS / f"{room}.tests.json"
    if kept.exists():
        said = json.loads(kept.read_text(encoding="utf-8"))
        if said["of"] == digest.hexdigest():
            return [Passing(**test) for test in said["tests"]]
    targets = [str(path.relative_to(ROOT)) for path in ROOMS[room]]

    def watch(ready: Ready) -> None:
        tests = watched(ready, targets, limit_s=LIMIT_S, leave_out=LEFT_OUT)
        text = json.dumps({"of": digest.hexdigest(), "tests": [asdict(test) for test in tests]})
        kept.write_text(text, encoding="utf-8")

    kept.unlink(missing_ok=True)
    _, status = in_fork(lambda tell: _exit_with(with_tests(TESTS[room], watch)))
    if status != 0 or not kept.exists():
        raise SystemExit(f"{room}: tests fail without a change")
    return [Passing(**test) for test in json.loads(kept.read_text(encoding="utf-8"))["tests"]]


def read(path: Path) -> list[dict[str, object]]:
    """The lines of a file of results; none if it is not there yet."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _python(path: Path) -> list[Path]:
    return sorted(path.rglob("*.py")) if path.is_dir() else [path]


def _exit_with(code: int) -> None:
    os._exit(code)


if __name__ == "__main__":
    main()
