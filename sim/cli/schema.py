"""`reissue schema`."""

from __future__ import annotations

import click


@click.command(epilog="Example: reissue schema > reissue.schema.json, and in the scenario's first line: "
    "# yaml-language-server: $schema=reissue.schema.json")  # fmt: skip
def schema() -> int:
    """Print the JSON Schema of scenario files, for editors."""
    from sim.scenario.json_schema import json_schema
    from sim.studies.store import to_text

    click.echo(to_text(json_schema()), nl=False)
    return 0
