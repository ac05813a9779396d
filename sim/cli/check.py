"""`reissue check`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from sim.cli.exits import DONE, FAILS, WRONG_INPUT
from sim.cli.reading import file_argument, json_option, read_all, set_option


@click.command(epilog="Example: reissue check plan.yaml --strict")
@file_argument()
@click.option("--strict", is_flag=True, help="Exit 1 where there is a finding.")
@json_option()
@set_option()
def check(
    files: tuple[Path, ...], strict: bool, as_json: bool, overrides: tuple[tuple[str, str], ...]
) -> int:
    """Read scenarios and hold them against the documented rules, without running them."""
    from sim.scenario.findings import findings_of
    from sim.scenario.problems import ScenarioError

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
    if as_json:
        _print_json({"findings": [{"file": str(file), **asdict(finding)} for file, finding in findings]})
    else:
        for file, finding in findings:
            place = str(file) if finding.line is None else f"{file}:{finding.line}"
            click.echo(f"{place}: {finding.rule}: {finding.message}\n    [{finding.source}]")
        count = f"{len(findings)} finding{'' if len(findings) == 1 else 's'}"
        click.echo(f"{len(files)} scenario{'' if len(files) == 1 else 's'} read, {count}")
    return FAILS if strict and findings else DONE


def _print_json(document: object) -> None:
    from sim.studies.store import to_text

    click.echo(to_text(document), nl=False)
