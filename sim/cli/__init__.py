"""The command `reissue`: one thin module per command."""

from __future__ import annotations

import os
import sys
import traceback

import click

from sim.cli import cert, check, compare, curve, new, plan, rehearse, report, run, schema, sweep, verify, why
from sim.cli.exits import BROKEN_PIPE, DEFECT, INTERRUPTED, WRONG_INPUT
from sim.errors import InputError


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Example: reissue new > plan.yaml, then reissue check plan.yaml, then reissue run plan.yaml.",
)
@click.version_option(package_name="reissue", message="reissue %(version)s")
def cli() -> None:
    """How many managed phones lose their server when its certificate is reissued, and how to lose none.

    Exit codes: 0 done, every guarantee holds; 1 a guarantee fails; 2 the input is wrong; 3 a guarantee is
    undecided or vacuous; 70 a defect of the program; 130 interrupted.
    """
    if os.environ.get("NO_COLOR"):
        click.get_current_context().color = False


for _command in (
    run.run,
    check.check,
    compare.compare,
    curve.curve,
    plan.plan,
    sweep.sweep,
    why.why,
    verify.verify,
    cert.cert,
    rehearse.rehearse,
    report.report,
    new.new,
    schema.schema,
):
    cli.add_command(_command)


def main() -> None:
    """Run the command line; a user's mistake is a message and an exit code, never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        code = cli.main(standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Exit as exit_:
        code = exit_.exit_code
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except InputError as error:
        click.echo(str(error), err=True)
        code = WRONG_INPUT
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted: no result is left half-written", err=True)
        code = INTERRUPTED
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 - nobody reads on; say nothing at exit
        code = BROKEN_PIPE
    except OSError as error:
        click.echo(f"the output cannot be written: {error.strerror or error}", err=True)
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115
        code = WRONG_INPUT
    except Exception:
        traceback.print_exc()
        click.echo("this is a defect of reissue, not of your scenario: please report it", err=True)
        code = DEFECT
    sys.exit(code)
