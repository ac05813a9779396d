"""The commands of `reissue`: those that answer for one scenario, and the group of all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sim.cli import DONE, FAILS, UNDECIDED, WRONG_INPUT, cert, lists, options, run
from sim.cli.options import Pairs

if TYPE_CHECKING:
    from sim.scenario.scenario import Scenario

A = TypeVar("A")


# --- scenarios -----------------------------------------------------------------------------------------


@options.command("reissue check scenarios/delayed_30d.yaml --strict")
@options.files
@options.flag("--strict", help="Exit 1 where there is a finding.")
@options.flag(
    "--worst-case", help="Also the shortest absence and outage that break each guarantee not proved."
)
def check(files: tuple[Path, ...], strict: bool, worst_case: bool, as_json: bool, overrides: Pairs) -> int:
    """Read scenarios and hold them against the documented rules, without running them."""
    from sim.scenario.findings import findings_of
    from sim.scenario.problems import ScenarioError
    from sim.text import plural

    try:
        scenarios = dict(zip(files, options.read_all(files, overrides), strict=True))
        findings = [(file, found) for file, read in scenarios.items() for found in findings_of(read)]
    except ScenarioError as error:
        if not as_json:
            raise
        options.show_json({"findings": [], "problems": [asdict(problem) for problem in error.problems]})
        return WRONG_INPUT
    worst = list(_worst_cases(scenarios, as_json=as_json)) if worst_case else []
    if as_json:
        document = {"findings": [{"file": str(file), **asdict(finding)} for file, finding in findings]}
        options.show_json({**document, "worst_cases": worst} if worst_case else document)
    else:
        for file, finding in findings:
            place = str(file) if finding.line is None else f"{file}:{finding.line}"
            click.echo(f"{place}: {finding.rule}: {finding.message}\n    [{finding.source}]")
        click.echo(f"{plural(len(files), 'scenario')} read, {plural(len(findings), 'finding')}")
        for line in worst:
            click.echo(line)
    return FAILS if strict and findings else DONE


def _worst_cases(scenarios: dict[Path, Scenario], *, as_json: bool) -> Iterator[object]:
    """What breaks each guarantee: as JSON, or line by line."""
    from sim.studies.worst_case import lines, to_json, worst_cases

    for file, scenario in scenarios.items():
        with options.progress(scenario.name) as calls:
            attacks = worst_cases(scenario, progress=calls["progress"])
        if as_json:
            yield from ({"file": str(file), **to_json(scenario, attack)} for attack in attacks)
        elif attacks:
            yield from (f"{file}: worst case: {line}" for line in lines(scenario, attacks))
        else:
            yield f"{file}: there are no guarantees to break"


@options.command("reissue new --list", "reissue new delayed > plan.yaml")
@click.argument("template", required=False)
@options.flag("--list", "lists", help="Print the names of the templates, and what each shows.")
@options.flag("--sample", help="Print instead a sample of the device list that the template names.")
def new(template: str | None, lists: bool, sample: bool) -> int:
    """Print a scenario to start from: TEMPLATE, or a delayed activation."""
    from sim.scenario.authoring import DEFAULT, TEMPLATES, template_files, template_text

    if lists:
        width = max(map(len, TEMPLATES))
        click.echo("\n".join(f"{name:{width}}  {shows}" for name, shows in TEMPLATES.items()))
        return DONE
    name = template or DEFAULT
    try:
        text, beside = template_text(name), template_files(name)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if sample and not beside:
        raise click.UsageError(f"the template {name} names no device list: try inventory")
    click.echo("".join(beside.values()) if sample else text, nl=False)
    for file in () if sample else beside:
        click.echo(f"Save your own {file} beside it, or: reissue new {name} --sample > {file}", err=True)
    return DONE


@options.command("reissue schema > reissue.schema.json")
def schema() -> int:
    """Print the JSON Schema of scenario files, for editors.

    An editor with yaml-language-server uses it where the scenario's first line is
    "# yaml-language-server: $schema=reissue.schema.json".
    """
    from sim.scenario.authoring import json_schema

    options.show_json(json_schema())
    return DONE


# --- answers -------------------------------------------------------------------------------------------


def _find(study: Callable[..., A], *, file: Path, overrides: Pairs, **choices: Any) -> tuple[Scenario, A]:
    """The scenario in a file, and what a study finds for it, with a progress bar."""
    (scenario,) = options.read_all([file], overrides)
    with options.progress(scenario.name) as calls:
        return scenario, study(scenario, **choices, **calls)


def _show(study: Callable[..., A], *, as_json: bool, **given: Any) -> A:
    """What a study finds, printed."""
    _, found = _find(study, **given)
    options.show(found, as_json=as_json)
    return found


@options.command("reissue curve scenarios/delayed_30d.yaml")
@options.one_file
@options.reissue
@options.flag("--exact", help="Every delay at which the number changes, not whole days.")
@options.study
def curve(**given: Any) -> int:
    """Lost devices against every activation delay up to the scenario's own, from one run."""
    from sim.studies.curve import curve as study

    _show(study, **given)
    return DONE


@options.command("reissue plan scenarios/delayed_30d.yaml --lost-at-most 2% --no-variants")
@options.one_file
@click.option(
    "--lost-at-most",
    type=options.SHARE,
    help="A share such as 0.1%, or a number of devices; default: what the guarantees say, else nobody.",
)
@click.option("--confidence", type=options.SHARE, default="95%", show_default=True, help="Of the promise.")
@options.reissue
@options.flag("--no-advice", help="Also less than the 30 days that Kaspersky recommends.")
@options.flag("--gate", help="Also say which gate keeps the promise, and when it opens.")
@options.flag("--no-variants", help="Do not ask how the answer moves with the assumptions.")
@options.path("--calendar", metavar="FILE", help="Write the dates to this new .ics file.")
@options.flag("--runbook", help="Print the console's steps with the dates instead.")
@options.study
def plan(
    no_advice: bool, no_variants: bool, calendar: Path | None, runbook: bool, as_json: bool, **given: Any
) -> int:
    """The least activation delay, and the latest day to specify the reserve, for a target.

    Exits with 1 where no plan reaches the target.
    """
    from sim.files import write_new_files
    from sim.report.schedule import calendar_of, runbook_of
    from sim.studies.decision import plan as study

    scenario, found = _find(study, follow_advice=not no_advice, vary=not no_variants, **given)
    if calendar is not None and found.delay_days is not None:
        write_new_files({calendar: calendar_of(found)})
        options.show_written(calendar)
    elif calendar is not None:
        click.echo(f"{calendar} is not written: no plan keeps the promise", err=True)
    if runbook and not as_json:
        options.show_summary(runbook_of(scenario, found))
    else:
        options.show(found, as_json=as_json)
    return FAILS if found.delay_days is None else DONE


@options.command("reissue why scenarios/delay_below_sync_period.yaml tablets/900")
@options.one_file
@click.argument("device", nargs=-1, required=True)
@click.option("--replication", type=click.IntRange(0, 2**31 - 1), help="Its number; default: the first.")
@options.seed
def why(device: Sequence[str], seed: int | None, overrides: Pairs, **given: Any) -> int:
    """Tell what became of one device, and what would have saved it.

    DEVICE is its name in results: the group's name and a number, as in office phones/17, or its id in the
    inventory.
    """
    from sim.studies.why.study import why as study

    own = () if seed is None else (("seed", str(seed)),)
    _show(study, device=" ".join(device), overrides=(*overrides, *own), **given)
    return DONE


@options.command("reissue verify scenarios/immediate_taken_back.yaml")
@options.one_file
def verify(**given: Any) -> int:
    """Run both engines and compare everything: one fingerprint, or the first difference."""
    from sim.studies.verify import verify as study

    found = _show(study, **given)
    return DONE if found.equal and found.is_explained else FAILS


@options.command("reissue exact scenarios/delayed_30d.yaml")
@options.one_file
def exact(**given: Any) -> int:
    """The probabilities without simulation: lost devices, and the chance of a device of each group."""
    from sim.studies.exact import exact as study

    _show(lambda scenario, **_: study(scenario), **given)
    return DONE


@options.command("reissue rehearse scenarios/immediate_taken_back.yaml")
@options.one_file
@click.option(
    "--devices", type=click.IntRange(1, 10_000), default=20, help="How many take part; default: 20."
)
@options.seed
def rehearse(**given: Any) -> int:
    """Play the plan with a real TLS server on this machine, and compare every connection.

    Exit codes: 0 all agreed; 1 a connection went otherwise than the simulation says; 3 there was none.
    """
    from sim.rehearsal.study import rehearse as study

    found = _show(study, **given)
    if not found.agrees:
        return FAILS
    return DONE if found.connections else UNDECIDED


@options.command("reissue sweep scenarios/delay_below_sync_period.yaml --vary fleet.1.sync.every=6h,12h,1d")
@options.one_file
@options.pairs(
    "--vary",
    metavar="KEY=VALUES",
    required=True,
    help="A key and its values: 6h,12h,1d; 'after 1d..60d step 1d'. The first is slowest.",
)
@options.study
@options.path("--out", metavar="FILE", help="Write the table to a new .parquet or .csv file.")
@options.overwrite
def sweep(vary: Pairs, out: Path | None, overwrite: bool, as_json: bool, **given: Any) -> int:
    """Run a scenario at many values of its keys: a table of runs.

    What is done is kept: an interrupted or repeated sweep goes on where it was.
    """
    from sim.studies.output import check_table_file, write_table
    from sim.studies.sweep import sweep as study

    values = {key.strip(): written for key, written in vary}
    if len(values) < len(vary):
        raise click.UsageError("a key is varied twice: write all its values at once")
    if out is not None:
        check_table_file(out, overwrite=overwrite)
    _, swept = _find(study, vary=values, **given)
    if out is not None:
        write_table(swept.table, out, overwrite=overwrite)
        options.show_written(out)
    options.show(swept, as_json=as_json, fits=True)
    return DONE


# --- all of them ---------------------------------------------------------------------------------------


@click.group(
    commands=[
        *(run.run, check, run.compare, curve, plan, sweep, lists.inventory, lists.forecast),
        *(why, verify, exact, cert.cert, rehearse, run.report, new, schema),
    ],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=options.end_of_help("reissue new > plan.yaml", "reissue check plan.yaml", "reissue run plan.yaml"),
)
@click.version_option(package_name="reissue", message="reissue %(version)s")
def cli() -> None:
    """How many managed phones lose their server when its certificate is reissued, and how to lose none.

    Exit codes: 0 done, every guarantee holds; 1 a guarantee fails; 2 the input is wrong; 3 a guarantee is
    undecided or vacuous; 70 a defect of the program; 130 interrupted, 143 terminated.
    """
    if os.environ.get("NO_COLOR"):
        click.get_current_context().color = False
