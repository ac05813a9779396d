"""`reissue verify`."""

from __future__ import annotations

from pathlib import Path

import click

from sim.cli.examples import examples
from sim.cli.exits import DONE, FAILS
from sim.cli.reading import json_option, read_all, set_option


@click.command(epilog=examples("reissue verify scenarios/immediate_taken_back.yaml"))
@click.argument("file", type=click.Path(path_type=Path))
@json_option()
@set_option()
def verify(file: Path, as_json: bool, overrides: tuple[tuple[str, str], ...]) -> int:
    """Run both engines and compare everything: one fingerprint, or the first difference."""
    from sim.cli.progress import Progress, notice
    from sim.studies.store import to_text
    from sim.studies.verify import verify as compare

    (scenario,) = read_all([file], overrides)
    with Progress(scenario.name) as progress:
        verification = compare(scenario, progress=progress.show, notice=notice)
    difference = verification.difference
    if as_json:
        document: dict[str, object] = {"equal": verification.equal, "fingerprint": verification.fingerprint}
        if difference is not None:
            document["difference"] = {
                "device": difference.device,
                "at_s": difference.at_s,
                "column": difference.column,
                "process": difference.process,
                "fleet": difference.fleet,
                "replication": difference.replication,
            }
        click.echo(to_text(document), nl=False)
    elif difference is None:
        click.echo(f"equal: {verification.fingerprint}")
    else:
        whose = "" if difference.device is None else f" of {difference.device}"
        when = "" if difference.at_s is None else f" at second {difference.at_s}"
        click.echo(
            f"different: {difference.column}{whose}{when} is {difference.process} in the process engine "
            f"and {difference.fleet} in the array engine (replication {difference.replication})"
        )
    return DONE if verification.equal else FAILS
