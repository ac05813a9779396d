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
    if as_json:
        click.echo(to_text(verification.to_json()), nl=False)
    else:
        click.echo(verification.summary().answer)
    return DONE if verification.equal else FAILS
