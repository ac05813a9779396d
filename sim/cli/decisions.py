"""`reissue compare`, `reissue curve` and `reissue plan`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sim.cli import DONE, FAILS, options, output

if TYPE_CHECKING:
    from sim.scenario.scenario import Scenario


@click.command(
    epilog=options.examples(
        "reissue compare scenarios/automatic_reissue_6_0.yaml scenarios/no_automatic_reissue_4_1.yaml"
    )
)
@options.files
@options.out("DIR", "Write each run to a directory in DIR.")
@options.overwrite("Let --out replace earlier results.")
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
        comparison = study(*scenarios, names=_names(scenarios, files), **choices, **calls)
    for directory, result in zip(directories, comparison.results, strict=False):
        make_folder(directory.parent)
        write(result, directory, command=["reissue", *sys.argv[1:]], overwrite=overwrite)
    output.show(comparison, as_json=as_json)
    return DONE


def _names(scenarios: Sequence[Scenario], files: Sequence[Path]) -> list[str]:
    """What each is called: by its name, and by its file where several have one name."""
    names = [scenario.name for scenario in scenarios]
    return [
        f"{name} ({file})" if names.count(name) > 1 else name for name, file in zip(names, files, strict=True)
    ]


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

    (scenario,) = options.read_all([file], overrides)
    with output.progress(scenario.name) as calls:
        found = study(scenario, **choices, **calls)
    output.show(found, as_json=as_json)
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
    required=True,
    help="A share such as 0.1%, or a number of devices.",
)
@click.option("--confidence", type=options.SHARE, default="95%", show_default=True, help="Of the promise.")
@options.reissue
@click.option("--no-advice", is_flag=True, help="Also less than the 30 days that Kaspersky recommends.")
@click.option("--no-variants", is_flag=True, help="Do not ask how the answer moves with the assumptions.")
@click.option(
    "--calendar", type=click.Path(path_type=Path, dir_okay=False), help="Write the dates to this .ics file."
)
@options.study
@options.as_json
@options.overrides
def plan(
    file: Path,
    no_advice: bool,
    no_variants: bool,
    calendar: Path | None,
    as_json: bool,
    overrides: tuple[tuple[str, str], ...],
    **choices: Any,
) -> int:
    """The least activation delay, and the latest day to specify the reserve, for a target.

    Exits with 1 where no plan reaches the target.
    """
    from sim.files import write_new_files
    from sim.report.calendar import calendar_of
    from sim.studies.plan import plan as study

    (scenario,) = options.read_all([file], overrides)
    with output.progress(scenario.name) as calls:
        found = study(scenario, follow_advice=not no_advice, vary=not no_variants, **choices, **calls)
    if calendar is not None and found.delay_days is not None:
        write_new_files({calendar: calendar_of(found)})
        output.show_written(calendar)
    output.show(found, as_json=as_json)
    return FAILS if found.delay_days is None else DONE
