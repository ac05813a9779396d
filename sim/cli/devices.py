"""`reissue why` and `reissue rehearse`: single devices."""

from __future__ import annotations

from pathlib import Path

import click

from sim.cli import DONE, FAILS, UNDECIDED, options, output


@click.command(epilog=options.examples("reissue why scenarios/delay_below_sync_period.yaml tablets/900"))
@options.one_file
@click.argument("device")
@click.option(
    "--replication",
    type=click.IntRange(0, 2**31 - 1),
    help="Its number, as in results; default: the first.",
)
@options.seed
@options.out("FILE", "Write a scenario of this device alone, with the same draws, to a new file.")
@options.as_json
@options.overrides
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
    from sim.studies.why.extract import write_scenario
    from sim.studies.why.study import why as study

    (scenario,) = options.read_all([file], overrides)
    if seed is not None:
        scenario = scenario.changed({"seed": seed})
    with output.progress(scenario.name) as calls:
        story = study(scenario, device, replication=replication, **calls)
    if out is not None:
        for path in write_scenario(story.extract(), out):
            output.show_written(path)
    output.show(story, as_json=as_json)
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

    (scenario,) = options.read_all([file], overrides)
    with output.progress(scenario.name) as calls:
        rehearsal = study(scenario, devices=devices, seed=seed, **calls)
    output.show(rehearsal, as_json=as_json)
    if not rehearsal.agrees:
        return FAILS
    return UNDECIDED if rehearsal.is_vacuous else DONE
