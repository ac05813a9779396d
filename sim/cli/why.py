"""`reissue why`."""

from __future__ import annotations

from pathlib import Path

import click

from sim.cli.examples import examples
from sim.cli.exits import DONE
from sim.cli.output import show
from sim.cli.reading import json_option, read_all, set_option


@click.command(epilog=examples("reissue why scenarios/delay_below_sync_period.yaml tablets/900"))
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("device")
@click.option(
    "--replication",
    type=click.IntRange(0, 2**31 - 1),
    help="Its number, as in results; default: the first.",
)
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="Instead of the scenario's seed.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write a scenario of this device alone, with the same draws, to a new file.",
)
@json_option()
@set_option()
def why(
    file: Path,
    device: str,
    replication: int | None,
    seed: int | None,
    out: Path | None,
    as_json: bool,
    overrides: tuple[tuple[str, str], ...],
) -> int:
    """Tell what became of one device, and what would have saved it.

    DEVICE is its name in results: the group's name and a number, as in 'office phones/17', or its id in the
    inventory.
    """
    (scenario,) = read_all([file], overrides)

    from sim.cli.progress import Progress, notice
    from sim.studies.store import to_text
    from sim.studies.why.extract import write_scenario
    from sim.studies.why.study import why as tell

    if seed is not None:
        scenario = scenario.changed({"seed": seed})
    with Progress(scenario.name) as progress:
        story = tell(scenario, device, replication=replication, progress=progress.show, notice=notice)
    if out is not None:
        for path in write_scenario(story.extract(), out):
            click.echo(f"written to {path}", err=True)
    if as_json:
        click.echo(to_text(story.to_json()), nl=False)
    else:
        show(story.summary())
    return DONE
