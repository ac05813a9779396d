"""`reissue new` and `reissue schema`."""

from __future__ import annotations

import click

from sim.cli import DONE, options, output


@click.command(epilog=options.examples("reissue new --list", "reissue new delayed > plan.yaml"))
@click.argument("template", required=False)
@click.option("--list", "lists", is_flag=True, help="Print the names of the templates, and what each shows.")
@click.option(
    "--sample", is_flag=True, help="Print instead a sample of the device list that the template names."
)
def new(template: str | None, lists: bool, sample: bool) -> int:
    """Print a scenario to start from: TEMPLATE, or a delayed activation."""
    from sim.scenario.templates import DEFAULT, TEMPLATES, template_files, template_text

    if lists:
        width = max(map(len, TEMPLATES))
        for name, shows in TEMPLATES.items():
            click.echo(f"{name:{width}}  {shows}")
        return DONE
    name = template or DEFAULT
    try:
        text, beside = template_text(name), template_files(name)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if sample and not beside:
        raise click.UsageError(f"the template {name} names no device list: try inventory")
    click.echo("".join(beside.values()) if sample else text, nl=False)
    if beside and not sample:
        files = ", ".join(beside)
        click.echo(f"Save your own {files} beside it, or: reissue new {name} --sample > {files}", err=True)
    return DONE


@click.command(epilog=options.examples("reissue schema > reissue.schema.json"))
def schema() -> int:
    """Print the JSON Schema of scenario files, for editors.

    An editor with yaml-language-server uses it where the scenario's first line is
    "# yaml-language-server: $schema=reissue.schema.json".
    """
    from sim.scenario.json_schema import json_schema

    output.show_json(json_schema())
    return DONE
