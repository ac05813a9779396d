"""`reissue check`, `reissue verify` and `reissue exact`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sim.cli import DONE, FAILS, WRONG_INPUT, options, output

if TYPE_CHECKING:
    from sim.scenario.scenario import Scenario


@click.command(epilog=options.examples("reissue check scenarios/delayed_30d.yaml --strict"))
@options.files
@click.option("--strict", is_flag=True, help="Exit 1 where there is a finding.")
@click.option(
    "--worst-case",
    is_flag=True,
    help="Search for the smallest absence, outage and shift that break each guarantee that is not proved.",
)
@options.out("DIR", "With --worst-case: write a scenario of each to new files in DIR.")
@options.as_json
@options.overrides
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
    from sim.text import plural

    if out is not None and not worst_case:
        raise click.UsageError("--out goes with --worst-case: add it, or leave --out out")
    if out is not None and len(files) > 1:
        raise click.UsageError("--out takes one scenario file: check them one by one")
    try:
        scenarios = options.read_all(files, overrides)
        findings = [
            (file, found) for file, s in zip(files, scenarios, strict=True) for found in findings_of(s)
        ]
    except ScenarioError as error:
        if not as_json:
            raise
        output.show_json({"findings": [], "problems": [asdict(problem) for problem in error.problems]})
        return WRONG_INPUT
    worst = list(_worst_cases(files, scenarios, out, as_json=as_json)) if worst_case else []
    if as_json:
        document = {"findings": [{"file": str(file), **asdict(finding)} for file, finding in findings]}
        output.show_json({**document, "worst_cases": worst} if worst_case else document)
    else:
        for file, finding in findings:
            place = str(file) if finding.line is None else f"{file}:{finding.line}"
            click.echo(f"{place}: {finding.rule}: {finding.message}\n    [{finding.source}]")
        click.echo(f"{plural(len(files), 'scenario')} read, {plural(len(findings), 'finding')}")
        for line in worst:
            click.echo(line)
    return FAILS if strict and findings else DONE


def _worst_cases(
    files: Sequence[Path], scenarios: Sequence[Scenario], out: Path | None, *, as_json: bool
) -> Iterator[object]:
    """What breaks each guarantee: as JSON, or line by line."""
    from sim.studies.worst_case.attacks import worst_cases
    from sim.studies.worst_case.result import lines, to_json, write_worst_cases

    for file, scenario in zip(files, scenarios, strict=True):
        with output.progress(scenario.name) as calls:
            attacks = worst_cases(scenario, progress=calls["progress"])
        paths = {} if out is None else write_worst_cases(scenario, attacks, out)
        if as_json:
            for attack in attacks:
                yield {"file": str(file), **to_json(scenario, attack, paths.get(attack))}
        else:
            if not attacks:
                yield f"{file}: there are no guarantees to break"
            for line in lines(scenario, attacks, paths):
                yield f"{file}: worst case, {line}"


@click.command(epilog=options.examples("reissue verify scenarios/immediate_taken_back.yaml"))
@options.one_file
@options.as_json
@options.overrides
def verify(file: Path, as_json: bool, overrides: tuple[tuple[str, str], ...]) -> int:
    """Run both engines and compare everything: one fingerprint, or the first difference."""
    from sim.studies.verify import verify as study

    (scenario,) = options.read_all([file], overrides)
    with output.progress(scenario.name) as calls:
        verification = study(scenario, **calls)
    if as_json:
        output.show_json(verification.to_json())
    else:
        click.echo(verification.summary().answer)
    return DONE if verification.equal else FAILS


@click.command(epilog=options.examples("reissue exact scenarios/delayed_30d.yaml"))
@options.one_file
@options.as_json
@options.overrides
def exact(file: Path, as_json: bool, overrides: tuple[tuple[str, str], ...]) -> int:
    """The probabilities without simulation: lost devices, and the chance of a device of each group."""
    from sim.studies.exact import exact as study
    from sim.summary.terminal import to_text

    (scenario,) = options.read_all([file], overrides)
    found = study(scenario)
    if as_json:
        output.show_json(found.to_json())
    else:
        click.echo(to_text(found.summary()))
    return DONE
