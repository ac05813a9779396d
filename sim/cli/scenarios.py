"""`reissue check`, `reissue new` and `reissue schema`."""

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
    help="Search for the shortest absence and outage that break each guarantee that is not proved.",
)
@options.as_json
@options.overrides
def check(
    files: tuple[Path, ...],
    strict: bool,
    worst_case: bool,
    as_json: bool,
    overrides: tuple[tuple[str, str], ...],
) -> int:
    """Read scenarios and hold them against the documented rules, without running them."""
    from sim.scenario.findings import findings_of
    from sim.scenario.problems import ScenarioError
    from sim.text import plural

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
    worst = list(_worst_cases(files, scenarios, as_json=as_json)) if worst_case else []
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


def _worst_cases(files: Sequence[Path], scenarios: Sequence[Scenario], *, as_json: bool) -> Iterator[object]:
    """What breaks each guarantee: as JSON, or line by line."""
    from sim.studies.worst_case import lines, to_json, worst_cases

    for file, scenario in zip(files, scenarios, strict=True):
        with output.progress(scenario.name) as calls:
            attacks = worst_cases(scenario, progress=calls["progress"])
        if as_json:
            yield from ({"file": str(file), **to_json(scenario, attack)} for attack in attacks)
        elif attacks:
            yield from (f"{file}: worst case, {line}" for line in lines(scenario, attacks))
        else:
            yield f"{file}: there are no guarantees to break"


@click.command(epilog=options.examples("reissue new --list", "reissue new delayed > plan.yaml"))
@click.argument("template", required=False)
@click.option("--list", "lists", is_flag=True, help="Print the names of the templates, and what each shows.")
@click.option(
    "--sample", is_flag=True, help="Print instead a sample of the device list that the template names."
)
def new(template: str | None, lists: bool, sample: bool) -> int:
    """Print a scenario to start from: TEMPLATE, or a delayed activation."""
    from sim.scenario.templates import DEFAULT, TEMPLATES, template_files, template_text

    if lists:
        width = max(map(len, TEMPLATES))
        for name, shows in TEMPLATES.items():
            click.echo(f"{name:{width}}  {shows}")
        return DONE
    name = template or DEFAULT
    try:
        text, beside = template_text(name), template_files(name)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if sample and not beside:
        raise click.UsageError(f"the template {name} names no device list: try inventory")
    click.echo("".join(beside.values()) if sample else text, nl=False)
    if beside and not sample:
        files = ", ".join(beside)
        click.echo(f"Save your own {files} beside it, or: reissue new {name} --sample > {files}", err=True)
    return DONE


@click.command(epilog=options.examples("reissue schema > reissue.schema.json"))
def schema() -> int:
    """Print the JSON Schema of scenario files, for editors.

    An editor with yaml-language-server uses it where the scenario's first line is
    "# yaml-language-server: $schema=reissue.schema.json".
    """
    from sim.scenario.json_schema import json_schema

    output.show_json(json_schema())
    return DONE
