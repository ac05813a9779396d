"""`reissue compare`, `curve`, `plan`, `why`, `verify`, `exact`, `rehearse`, `sweep`: answers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sim.cli import DONE, FAILS, UNDECIDED, options, output

if TYPE_CHECKING:
    pass

T = TypeVar("T")


def _answer(study: Callable[..., T], file: Path, overrides: Sequence[tuple[str, str]], **choices: Any) -> T:
    """What a study of the scenario in a file finds, with a progress bar."""
    (scenario,) = options.read_all([file], overrides)
    with output.progress(scenario.name) as calls:
        return study(scenario, **choices, **calls)


@click.command(
    epilog=options.examples(
        "reissue compare scenarios/automatic_reissue_6_0.yaml scenarios/no_automatic_reissue_4_1.yaml"
    )
)
@options.files
@options.out("DIR", "Write each run to a directory in DIR.")
@options.overwrite("Let --out replace earlier results.")
@click.option("--measure", help="Rank by this measure; default: the first in which they differ.")
@options.study
@options.as_json
@options.overrides
def compare(
    files: tuple[Path, ...],
    out: Path | None,
    overwrite: bool,
    as_json: bool,
    overrides: tuple[tuple[str, str], ...],
    **choices: Any,
) -> int:
    """Different strategies for the same fleet living the same days: paired differences.

    Every file takes the first one's seed and number of replications, unless you say otherwise.
    """
    from sim.cli.run import directories_of
    from sim.studies.compare import compare as study
    from sim.studies.output import make_folder, write

    if len(files) < 2:
        raise click.UsageError("a comparison needs at least two scenario files")
    scenarios = options.read_all(files, overrides)
    directories = directories_of(files, out, overwrite=overwrite)
    with output.progress("comparing") as calls:
        comparison = study(*scenarios, **choices, **calls)
    for directory, result in zip(directories, comparison.results, strict=False):
        make_folder(directory.parent)
        write(result, directory, command=["reissue", *sys.argv[1:]], overwrite=overwrite)
    output.show(comparison, as_json=as_json)
    return DONE


@click.command(epilog=options.examples("reissue curve scenarios/delayed_30d.yaml"))
@options.one_file
@options.reissue
@click.option("--exact", is_flag=True, help="Every delay at which the number changes, not whole days.")
@options.study
@options.as_json
@options.overrides
def curve(file: Path, as_json: bool, overrides: tuple[tuple[str, str], ...], **choices: Any) -> int:
    """Lost devices against every activation delay up to the scenario's own, from one run."""
    from sim.studies.curve import curve as study

    output.show(_answer(study, file, overrides, **choices), as_json=as_json)
    return DONE


@click.command(
    epilog=options.examples(
        "reissue plan scenarios/delayed_30d.yaml --lost-at-most 2% --no-variants --replications 19"
    )
)
@options.one_file
@click.option(
    "--lost-at-most",
    type=options.SHARE,
    help="A share such as 0.1%, or a number of devices; default: what the guarantees say, else nobody.",
)
@click.option("--confidence", type=options.SHARE, default="95%", show_default=True, help="Of the promise.")
@options.reissue
@click.option("--no-advice", is_flag=True, help="Also less than the 30 days that Kaspersky recommends.")
@click.option("--gate", is_flag=True, help="Also say which gate keeps the promise, and when it opens.")
@click.option("--no-variants", is_flag=True, help="Do not ask how the answer moves with the assumptions.")
@click.option(
    "--calendar", type=click.Path(path_type=Path, dir_okay=False), help="Write the dates to this .ics file."
)
@click.option("--runbook", is_flag=True, help="Print the console's steps with the dates instead.")
@options.study
@options.as_json
@options.overrides
def plan(
    file: Path,
    no_advice: bool,
    no_variants: bool,
    calendar: Path | None,
    runbook: bool,
    as_json: bool,
    overrides: tuple[tuple[str, str], ...],
    **choices: Any,
) -> int:
    """The least activation delay, and the latest day to specify the reserve, for a target.

    Exits with 1 where no plan reaches the target.
    """
    from sim.files import write_new_files
    from sim.report.calendar import calendar_of
    from sim.report.runbook import runbook_of
    from sim.studies.plan import plan as study

    choices |= {"follow_advice": not no_advice, "vary": not no_variants}
    (scenario,) = options.read_all([file], overrides)
    with output.progress(scenario.name) as calls:
        found = study(scenario, **choices, **calls)
    if calendar is not None and found.delay_days is not None:
        write_new_files({calendar: calendar_of(found)})
        output.show_written(calendar)
    elif calendar is not None:
        click.echo(f"{calendar} is not written: no plan keeps the promise", err=True)
    if runbook and not as_json:
        output.show_summary(runbook_of(scenario, found))
    else:
        output.show(found, as_json=as_json)
    return FAILS if found.delay_days is None else DONE


@click.command(epilog=options.examples("reissue why scenarios/delay_below_sync_period.yaml tablets/900"))
@options.one_file
@click.argument("device", nargs=-1, required=True)
@click.option(
    "--replication",
    type=click.IntRange(0, 2**31 - 1),
    help="Its number, as in results; default: the first.",
)
@options.seed
@options.as_json
@options.overrides
def why(
    file: Path,
    device: tuple[str, ...],
    replication: int | None,
    seed: int | None,
    as_json: bool,
    overrides: tuple[tuple[str, str], ...],
) -> int:
    """Tell what became of one device, and what would have saved it.

    DEVICE is its name in results: the group's name and a number, as in office phones/17, or its id in the
    inventory.
    """
    from sim.studies.why.study import why as study

    (scenario,) = options.read_all([file], overrides)
    if seed is not None:
        scenario = scenario.changed({"seed": seed})
    with output.progress(scenario.name) as calls:
        story = study(scenario, " ".join(device), replication=replication, **calls)
    output.show(story, as_json=as_json)
    return DONE


@click.command(epilog=options.examples("reissue verify scenarios/immediate_taken_back.yaml"))
@options.one_file
@options.as_json
@options.overrides
def verify(file: Path, as_json: bool, overrides: tuple[tuple[str, str], ...]) -> int:
    """Run both engines and compare everything: one fingerprint, or the first difference."""
    from sim.studies.verify import verify as study

    verification = _answer(study, file, overrides)
    if as_json:
        output.show_json(verification.to_json())
    else:
        output.show_summary(verification.summary())
    return DONE if verification.equal and verification.is_explained else FAILS


@click.command(epilog=options.examples("reissue exact scenarios/delayed_30d.yaml"))
@options.one_file
@options.as_json
@options.overrides
def exact(file: Path, as_json: bool, overrides: tuple[tuple[str, str], ...]) -> int:
    """The probabilities without simulation: lost devices, and the chance of a device of each group."""
    from sim.studies.exact import exact as study

    (scenario,) = options.read_all([file], overrides)
    output.show(study(scenario), as_json=as_json)
    return DONE


@click.command(epilog=options.examples("reissue rehearse scenarios/immediate_taken_back.yaml"))
@options.one_file
@click.option(
    "--devices",
    type=click.IntRange(1, 10_000),
    default=20,
    show_default=True,
    help="How many devices take part at most.",
)
@options.seed
@options.as_json
@options.overrides
def rehearse(
    file: Path, devices: int, seed: int | None, as_json: bool, overrides: tuple[tuple[str, str], ...]
) -> int:
    """Play the plan with a real TLS server on this machine, and compare every connection.

    Exit codes: 0 all agreed; 1 a connection went otherwise than the simulation says; 3 there was none.
    """
    from sim.rehearsal.study import rehearse as study

    rehearsal = _answer(study, file, overrides, devices=devices, seed=seed)
    output.show(rehearsal, as_json=as_json)
    if not rehearsal.agrees:
        return FAILS
    return UNDECIDED if rehearsal.is_vacuous else DONE


def _unique(
    context: click.Context, parameter: click.Parameter, pairs: tuple[tuple[str, str], ...]
) -> dict[str, str]:
    """Keys and values; a key may be named once."""
    values: dict[str, str] = {}
    for written, value in pairs:
        key = written.strip()
        if key in values:
            message = f"{key} is varied twice: write all its values at once"
            raise click.BadParameter(message, context, parameter)
        values[key] = value
    return values


@click.command(
    epilog=options.examples(
        "reissue sweep scenarios/delay_below_sync_period.yaml --vary fleet.1.sync.every=6h,12h,1d"
    )
)
@options.one_file
@click.option(
    "--vary",
    metavar="KEY=VALUES",
    type=options.KeyValue("key=values", "--vary fleet.0.sync.every=6h,12h"),
    multiple=True,
    required=True,
    callback=_unique,
    help="A key and its values: 6h,12h,1d; 'after 1d..60d step 1d'. The first is slowest.",
)
@options.study
@options.out("FILE", "Write the table to a new .parquet or .csv file.")
@options.overwrite("Let --out replace a file.")
@options.as_json
@options.overrides
def sweep(
    file: Path,
    vary: dict[str, str],
    out: Path | None,
    overwrite: bool,
    as_json: bool,
    overrides: tuple[tuple[str, str], ...],
    **choices: Any,
) -> int:
    """Run a scenario at many values of its keys: a table of runs.

    What is done is kept: an interrupted or repeated sweep goes on where it was.
    """
    from sim.studies.output import check_table_file, write_table
    from sim.studies.sweep import sweep as study

    if out is not None:
        check_table_file(out, overwrite=overwrite)
    swept = _answer(study, file, overrides, vary=vary, **choices)
    if out is not None:
        write_table(swept.table, out, overwrite=overwrite)
        output.show_written(out)
    if as_json:
        output.show_json(swept.to_json())
    else:
        output.show_summary(swept.summary(), fits=True)
    return DONE
