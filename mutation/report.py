"""What became of the mutants: `python -m mutation.report`; ends with 1 where a score is too low.

`explained.toml` says of survivors why no test need notice them. A survivor without a reason is listed so, and
makes the report end with 1, too.
"""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mutation.mutants import ROOMS, ROOT, Mutant, mutated
from mutation.run import RESULTS, read

EXPLAINED = ROOT / "mutation" / "explained.toml"
LEAST = 0.85
"""The share of mutants to be killed, over all rooms."""


@dataclass(frozen=True)
class Survivor:
    """A change that nothing noticed: the line as it is, and as it was changed to."""

    file: str
    line: int
    before: str
    after: str

    @property
    def name(self) -> str:
        """What its reason is kept by; the line's number may change."""
        return f"{Path(self.file).name}: {self.before} -> {self.after}"


def main() -> None:
    """Print the table of rooms, and the survivors by reason."""
    reasons = reasons_of()
    survivors: list[Survivor] = []
    both = Counter[str]()
    print("| room | mutants | sampled | killed | survived | score | 95 % |")
    print("|---|---|---|---|---|---|---|")
    for room in ROOMS:
        told, lines = results_of(room)
        how = Counter("void" if line["how"].startswith("void") else line["how"] for line in lines)
        counted = {
            "sampled": len(lines) - how["void"],
            "survived": how["survived"],
            "mutants": told["mutants"],
        }
        both.update(counted)
        print(row(room, counted))
        survivors += [survivor_of(line) for line in lines if line["how"] == "survived"]
    print(row("all", both))
    print()
    print("| room | tests | failed | timeout | import | died | no change | left out |")
    print("|---|---|---|---|---|---|---|---|")
    for room in ROOMS:
        told, lines = results_of(room)
        ends = Counter("void" if line["how"].startswith("void") else line["how"] for line in lines)
        numbers = [told["tests"], *(ends[how] for how in ("failed", "timeout", "import", "died", "void"))]
        print(f"| {room} | {' | '.join(map(str, numbers))} | {sum(told['left_out'].values())} |")
    unexplained = 0
    groups: dict[str, list[Survivor]] = {}
    for survivor in survivors:
        reason = reasons.get(survivor.name, "")
        unexplained += not reason
        groups.setdefault(reason, []).append(survivor)
    for reason, some in sorted(groups.items(), key=lambda group: -len(group[1])):
        print(f"\n### {reason or 'NOT EXPLAINED'} ({len(some)})\n")
        for survivor in sorted(some, key=lambda s: (s.file, s.line, s.after)):
            where = survivor.file.removeprefix("sim/")
            print(f"- {where}:{survivor.line}: `{survivor.before}` → `{survivor.after}`")
    score = 1 - both["survived"] / both["sampled"]
    raise SystemExit(int(score < LEAST or unexplained > 0))


def results_of(room: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What was chosen in a room, and the last result of each mutant chosen."""
    path = RESULTS / f"{room}.json"
    if not path.exists():
        return {"mutants": 0, "tests": 0, "left_out": {}, "chosen": []}, []
    told = json.loads(path.read_text(encoding="utf-8"))
    last: dict[str, Any] = {str(line["key"]): line for line in read(RESULTS / f"{room}.jsonl")}
    return told, [last[key] for key in told["chosen"] if key in last]


def row(name: str, counted: dict[str, int]) -> str:
    """A row of the table, with the exact (Clopper-Pearson) interval of the score."""
    from scipy.stats import beta

    n, k = counted["sampled"], counted["sampled"] - counted["survived"]
    low = float(beta.ppf(0.025, k, n - k + 1)) if k > 0 else 0.0
    high = float(beta.ppf(0.975, k + 1, n - k)) if k < n else 1.0
    share = f"{k / n:.1%}" if n else "-"
    return f"| {name} | {counted['mutants']:,} | {n} | {k} | {n - k} | {share} | {low:.1%} to {high:.1%} |"


def survivor_of(line: dict[str, Any]) -> Survivor:
    """The change itself."""
    names = ("room", "file", "operator", "occurrence", "line", "lines", "at_import", "source")
    mutant = Mutant(**{name: line[name] for name in names})
    before = (ROOT / mutant.file).read_text(encoding="utf-8").splitlines()
    after = mutated(mutant).splitlines()
    number, (old, new) = next(
        (number, pair) for number, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]
    )
    return Survivor(mutant.file, number + 1, old.strip(), new.strip())


def reasons_of() -> dict[str, str]:
    """The reason of each survivor that has one."""
    return dict(_pairs(tomllib.loads(EXPLAINED.read_text(encoding="utf-8"))))


def _pairs(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for group in document["group"]:
        for change in group["changes"]:
            yield change, group["because"]


if __name__ == "__main__":
    main()
