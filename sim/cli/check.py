"""`reissue check`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sim.cli.examples import examples
from sim.cli.exits import DONE, FAILS, WRONG_INPUT
from sim.cli.reading import file_argument, json_option, read_all, set_option

if TYPE_CHECKING:
    from sim.scenario.scenario import Scenario


@click.command(epilog=examples("reissue check scenarios/delayed_30d.yaml --strict"))
@file_argument()
@click.option("--strict", is_flag=True, help="Exit 1 where there is a finding.")
@click.option(
    "--worst-case",
    is_flag=True,
    help="Search for the smallest absence, outage and shift that break each guarantee that is not proved.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="With --worst-case: write a scenario of each to new files in DIR.",
)
@json_option()
@set_option()
def check(
    files: tuple[Path, ...],
    strict: bool,
    worst_case: bool,
    out: Path | None,
    as_json: bool,
    overrides: tuple[tuple[str, str], ...],
) -> int:
    """Read scenarios and hold them against the documented rules, without running them."""
    from sim.scenario.findings import findings_of
    from sim.scenario.problems import ScenarioError

    if out is not None and not worst_case:
        raise click.UsageError("--out goes with --worst-case: add it, or leave --out out")
    if out is not None and len(files) > 1:
        raise click.UsageError("--out takes one scenario file: check them one by one")
    try:
        scenarios = read_all(files, overrides)
        findings = [
            (file, found) for file, s in zip(files, scenarios, strict=True) for found in findings_of(s)
        ]
    except ScenarioError as error:
        if as_json:
            _print_json({"findings": [], "problems": [asdict(problem) for problem in error.problems]})
            return WRONG_INPUT
        raise
    worst = list(_worst_cases(files, scenarios, out, as_json=as_json)) if worst_case else []
    if as_json:
        document = {"findings": [{"file": str(file), **asdict(finding)} for file, finding in findings]}
        _print_json({**document, "worst_cases": worst} if worst_case else document)
    else:
        for file, finding in findings:
            place = str(file) if finding.line is None else f"{file}:{finding.line}"
            click.echo(f"{place}: {finding.rule}: {finding.message}\n    [{finding.source}]")
        count = f"{len(findings)} finding{'' if len(findings) == 1 else 's'}"
        click.echo(f"{len(files)} scenario{'' if len(files) == 1 else 's'} read, {count}")
        for line in worst:
            click.echo(line)
    return FAILS if strict and findings else DONE


def _worst_cases(
    files: Sequence[Path], scenarios: Sequence[Scenario], out: Path | None, *, as_json: bool
) -> Iterator[object]:
    """What breaks each guarantee: as JSON, or line by line."""
    from sim.cli.progress import Progress
    from sim.studies.worst_case.attacks import worst_cases
    from sim.studies.worst_case.result import lines, to_json, write_worst_cases

    for file, scenario in zip(files, scenarios, strict=True):
        with Progress(scenario.name) as progress:
            attacks = worst_cases(scenario, progress=progress.show)
        paths = {} if out is None else write_worst_cases(scenario, attacks, out)
        if not attacks and not as_json:
            yield f"{file}: there are no guarantees to break"
        if as_json:
            for attack in attacks:
                yield {"file": str(file), **to_json(scenario, attack, paths.get(attack))}
        else:
            for line in lines(scenario, attacks, paths):
                yield f"{file}: worst case, {line}"


def _print_json(document: object) -> None:
    from sim.studies.store import to_text

    click.echo(to_text(document), nl=False)
