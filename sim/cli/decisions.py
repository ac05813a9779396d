"""`reissue compare`, `reissue curve` and `reissue plan`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sim.cli import DONE, FAILS
from sim.cli.options import (
    Share,
    examples,
    files,
    json_option,
    one_file,
    out_option,
    overwrite_option,
    read_all,
    reissue_option,
    set_option,
    study_options,
)
from sim.cli.output import progress, show, show_written

if TYPE_CHECKING:
    from sim.scenario.scenario import Scenario


@click.command(
    epilog=examples(
        "reissue compare scenarios/automatic_reissue_6_0.yaml scenarios/no_automatic_reissue_4_1.yaml"
    )
)
@files
@out_option("DIR", "Write each run to a directory in DIR.")
@overwrite_option("Let --out replace earlier results.")
@study_options
@json_option
@set_option
def compare(
    files: tuple[Path, ...],
    out: Path | None,
    overwrite: bool,
    as_json: bool,
    overrides: tuple[tuple[str, str], ...],
    **options: Any,
) -> int:
    """Different strategies for the same fleet living the same days: paired differences.

    Every file takes the first one's seed and number of replications, unless you say otherwise.
    """
    from sim.cli.run import directories_of
    from sim.studies.compare import compare as study
    from sim.studies.store import make_folder, write

    if len(files) < 2:
        raise click.UsageError("a comparison needs at least two scenario files")
    scenarios = read_all(files, overrides)
    directories = directories_of(files, out, overwrite=overwrite)
    with progress("comparing") as told:
        comparison = study(*scenarios, names=_names(scenarios, files), **options, **told)
    for directory, result in zip(directories, comparison.results, strict=False):
        make_folder(directory.parent)
        write(result, directory, command=["reissue", *sys.argv[1:]], overwrite=overwrite)
    show(comparison, as_json=as_json)
    return DONE


def _names(scenarios: Sequence[Scenario], files: Sequence[Path]) -> list[str]:
    """What each is called: by its name, and by its file where several have one name."""
    names = [scenario.name for scenario in scenarios]
    return [
        f"{name} ({file})" if names.count(name) > 1 else name for name, file in zip(names, files, strict=True)
    ]


@click.command(epilog=examples("reissue curve scenarios/delayed_30d.yaml"))
@one_file
@reissue_option
@click.option("--exact", is_flag=True, help="Every delay at which the number changes, not whole days.")
@study_options
@json_option
@set_option
def curve(file: Path, as_json: bool, overrides: tuple[tuple[str, str], ...], **options: Any) -> int:
    """Lost devices against every activation delay up to the scenario's own, from one run."""
    from sim.studies.curve import curve as study

    (scenario,) = read_all([file], overrides)
    with progress(scenario.name) as told:
        found = study(scenario, **options, **told)
    show(found, as_json=as_json)
    return DONE


@click.command(
    epilog=examples(
        "reissue plan scenarios/delayed_30d.yaml --lost-at-most 2% --no-variants --replications 19"
    )
)
@one_file
@click.option(
    "--lost-at-most", type=Share(), required=True, help="A share such as 0.1%, or a number of devices."
)
@click.option("--confidence", type=Share(), default="95%", show_default=True, help="Of the promise.")
@reissue_option
@click.option("--no-advice", is_flag=True, help="Also less than the 30 days that Kaspersky recommends.")
@click.option("--no-variants", is_flag=True, help="Do not ask how the answer moves with the assumptions.")
@click.option(
    "--calendar", type=click.Path(path_type=Path, dir_okay=False), help="Write the dates to this .ics file."
)
@study_options
@json_option
@set_option
def plan(
    file: Path,
    no_advice: bool,
    no_variants: bool,
    calendar: Path | None,
    as_json: bool,
    overrides: tuple[tuple[str, str], ...],
    **options: Any,
) -> int:
    """The least activation delay, and the latest day to specify the reserve, for a target.

    Exits with 1 where no plan reaches the target.
    """
    from sim.files import write_new_files
    from sim.report.calendar import calendar_of
    from sim.studies.planning import plan as study

    (scenario,) = read_all([file], overrides)
    with progress(scenario.name) as told:
        found = study(scenario, follow_advice=not no_advice, vary=not no_variants, **options, **told)
    if calendar is not None and found.delay_days is not None:
        write_new_files({calendar: calendar_of(found)})
        show_written(calendar)
    show(found, as_json=as_json)
    return FAILS if found.delay_days is None else DONE
