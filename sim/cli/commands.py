"""The commands of `reissue`, together."""

from __future__ import annotations

import os

import click

from sim.cli import cert, lists, options, run, scenarios, studies


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=options.examples("reissue new > plan.yaml", "reissue check plan.yaml", "reissue run plan.yaml"),
)
@click.version_option(package_name="reissue", message="reissue %(version)s")
def cli() -> None:
    """How many managed phones lose their server when its certificate is reissued, and how to lose none.

    Exit codes: 0 done, every guarantee holds; 1 a guarantee fails; 2 the input is wrong; 3 a guarantee is
    undecided or vacuous; 70 a defect of the program; 130 interrupted, 143 terminated.
    """
    if os.environ.get("NO_COLOR"):
        click.get_current_context().color = False


for _command in (
    run.run,
    scenarios.check,
    studies.compare,
    studies.curve,
    studies.plan,
    studies.sweep,
    lists.inventory,
    lists.forecast,
    studies.why,
    studies.verify,
    studies.exact,
    cert.cert,
    studies.rehearse,
    run.report,
    scenarios.new,
    scenarios.schema,
):
    cli.add_command(_command)
