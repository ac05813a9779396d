"""`reissue curve`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sim.cli.examples import examples
from sim.cli.exits import DONE
from sim.cli.output import show
from sim.cli.reading import json_option, read_all, set_option
from sim.cli.study import one_file, study_options


@click.command(epilog=examples("reissue curve scenarios/delayed_30d.yaml"))
@one_file()
@click.option(
    "--reissue", type=click.IntRange(0), help="Which action of the strategy, where several have a delay."
)
@click.option("--exact", is_flag=True, help="Every delay at which the number changes, not whole days.")
@study_options
@json_option()
@set_option()
def curve(
    file: Path,
    reissue: int | None,
    exact: bool,
    engine: Any,
    seed: int | None,
    replications: int | None,
    as_json: bool,
    overrides: tuple[tuple[str, str], ...],
) -> int:
    """Lost devices against every activation delay up to the scenario's own, from one run."""
    from sim.cli.progress import Progress, notice
    from sim.studies.curve import curve as study
    from sim.studies.store import to_text

    (scenario,) = read_all([file], overrides)
    with Progress(scenario.name) as progress:
        found = study(
            scenario,
            reissue=reissue,
            exact=exact,
            engine=engine,
            seed=seed,
            replications=replications,
            progress=progress.show,
            notice=notice,
        )
    if as_json:
        click.echo(to_text(found.to_json()), nl=False)
    else:
        show(found.summary())
    return DONE
