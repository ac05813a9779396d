"""`reissue schema`."""

from __future__ import annotations

import click

from sim.cli.examples import examples


@click.command(epilog=examples("reissue schema > reissue.schema.json"))
def schema() -> int:
    """Print the JSON Schema of scenario files, for editors.

    An editor with yaml-language-server uses it where the scenario's first line is
    "# yaml-language-server: $schema=reissue.schema.json".
    """
    from sim.scenario.json_schema import json_schema
    from sim.studies.store import to_text

    click.echo(to_text(json_schema()), nl=False)
    return 0
