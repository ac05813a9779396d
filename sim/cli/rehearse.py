"""`reissue rehearse`."""

from __future__ import annotations

from pathlib import Path

import click

from sim.cli.examples import examples
from sim.cli.exits import DONE, FAILS, UNDECIDED
from sim.cli.output import show
from sim.cli.reading import json_option, read_all, set_option


@click.command(epilog=examples("reissue rehearse scenarios/immediate_taken_back.yaml"))
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--devices", type=click.IntRange(1, 10_000), help="How many devices take part at most; default: 20."
)
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="Instead of the scenario's seed.")
@json_option()
@set_option()
def rehearse(
    file: Path,
    devices: int | None,
    seed: int | None,
    as_json: bool,
    overrides: tuple[tuple[str, str], ...],
) -> int:
    """Play the plan with a real TLS server on this machine, and compare every connection.

    Exit codes: 0 all agreed; 1 a connection went otherwise than the simulation says; 3 there was none.
    """
    (scenario,) = read_all([file], overrides)

    from sim.cli.progress import Progress, notice
    from sim.rehearsal.study import DEVICES
    from sim.rehearsal.study import rehearse as play
    from sim.studies.store import to_text

    with Progress(scenario.name) as progress:
        rehearsal = play(
            scenario, devices=devices or DEVICES, seed=seed, progress=progress.show, notice=notice
        )
    if as_json:
        click.echo(to_text(rehearsal.to_json()), nl=False)
    else:
        show(rehearsal.summary())
    if not rehearsal.agrees:
        return FAILS
    return UNDECIDED if rehearsal.is_vacuous else DONE
