"""`reissue new`."""

from __future__ import annotations

import click


@click.command(epilog="Example: reissue new delayed > plan.yaml")
@click.argument("template", required=False)
@click.option("--list", "lists", is_flag=True, help="Print the names of the templates.")
def new(template: str | None, lists: bool) -> int:
    """Print a scenario to start from: TEMPLATE, or a delayed activation."""
    from sim.scenario import templates

    if lists:
        for name in templates.names():
            click.echo(name)
        return 0
    try:
        click.echo(templates.text(template or "delayed"), nl=False)
    except KeyError:
        raise click.UsageError(
            f"there is no template {template!r}: choose {', '.join(templates.names())}"
        ) from None
    return 0
