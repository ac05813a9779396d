"""`reissue plan`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sim.cli.examples import examples
from sim.cli.exits import DONE, FAILS
from sim.cli.output import show
from sim.cli.reading import json_option, read_all, set_option
from sim.cli.study import Share, one_file, study_options


@click.command(
    epilog=examples(
        "reissue plan scenarios/delayed_30d.yaml --lost-at-most 2% --no-variants --replications 19"
    )
)
@one_file()
@click.option(
    "--lost-at-most",
    "target",
    type=Share(),
    required=True,
    help="A share such as 0.1%, or a number of devices.",
)
@click.option("--confidence", type=Share(), default="95%", show_default=True, help="Of the promise.")
@click.option(
    "--reissue", type=click.IntRange(0), help="Which action of the strategy, where several have a delay."
)
@click.option("--no-advice", is_flag=True, help="Also less than the 30 days that Kaspersky recommends.")
@click.option("--no-variants", is_flag=True, help="Do not ask how the answer moves with the assumptions.")
@click.option(
    "--calendar", type=click.Path(path_type=Path, dir_okay=False), help="Write the dates to this .ics file."
)
@study_options
@json_option()
@set_option()
def plan(
    file: Path,
    target: float,
    confidence: float,
    reissue: int | None,
    no_advice: bool,
    no_variants: bool,
    calendar: Path | None,
    engine: Any,
    seed: int | None,
    replications: int | None,
    as_json: bool,
    overrides: tuple[tuple[str, str], ...],
) -> int:
    """The least activation delay, and the latest day to specify the reserve, for a target.

    Exits with 1 where no plan reaches the target.
    """
    from sim.cli.progress import Progress, notice
    from sim.studies.files import write_files
    from sim.studies.planning import plan as study
    from sim.studies.store import to_text

    (scenario,) = read_all([file], overrides)
    with Progress(scenario.name) as progress:
        found = study(
            scenario,
            lost_at_most=target,
            confidence=confidence,
            reissue=reissue,
            follow_advice=not no_advice,
            vary=not no_variants,
            engine=engine,
            seed=seed,
            replications=replications,
            progress=progress.show,
            notice=notice,
        )
    if calendar is not None and found.delay_days is not None:
        from sim.report.calendar import calendar_of

        write_files({calendar: calendar_of(found)})
        click.echo(f"written to {calendar}", err=True)
    if as_json:
        click.echo(to_text(found.to_json()), nl=False)
    else:
        show(found.summary())
    return FAILS if found.delay_days is None else DONE
