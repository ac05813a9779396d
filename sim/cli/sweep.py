"""`reissue sweep`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sim.cli import DONE, options, output


def _unique(
    context: click.Context, parameter: click.Parameter, pairs: tuple[tuple[str, str], ...]
) -> dict[str, str]:
    """Keys and values; a key may be named once."""
    values: dict[str, str] = {}
    for written, value in pairs:
        key = written.strip()
        if key in values:
            message = f"{key} is varied twice: write all its values at once"
            raise click.BadParameter(message, context, parameter)
        values[key] = value
    return values


@click.command(
    epilog=options.examples(
        "reissue sweep scenarios/delay_below_sync_period.yaml --vary fleet.1.sync.every=6h,12h,1d"
    )
)
@options.one_file
@click.option(
    "--vary",
    metavar="KEY=VALUES",
    type=options.KeyValue("key=values", "--vary fleet.0.sync.every=6h,12h"),
    multiple=True,
    required=True,
    callback=_unique,
    help="A key and its values: 6h,12h,1d; 'after 1d..60d step 1d'. The first is slowest.",
)
@click.option("--dry-run", is_flag=True, help="List the points, and how many runs are kept; run none.")
@options.study
@options.out("FILE", "Write the table to a new .parquet or .csv file.")
@options.overwrite("Let --out replace a file.")
@options.as_json
@options.overrides
def sweep(
    file: Path,
    vary: dict[str, str],
    dry_run: bool,
    workers: int | None,
    cluster: str | None,
    store: Path | None,
    keep: bool,
    out: Path | None,
    overwrite: bool,
    as_json: bool,
    overrides: tuple[tuple[str, str], ...],
    **choices: Any,
) -> int:
    """Run a scenario at many values of its keys: a table of runs.

    What is done is kept: an interrupted or repeated sweep goes on where it was.
    """
    (scenario,) = options.read_all([file], overrides)

    from sim.executor.cache import Cache
    from sim.studies.output import check_table_file, write_table
    from sim.studies.sweep import prepare_sweep, resources_of

    if out is not None:
        check_table_file(out, overwrite=overwrite)
    prepared = prepare_sweep(scenario, vary, **choices)
    if dry_run:
        stored = prepared.stored(Cache(store)) if keep else 0
        if as_json:
            runs, tasks = list(prepared.points), len(prepared.tasks)
            output.show_json({"runs": runs, "replications": tasks, "stored": stored})
        else:
            output.show_summary(prepared.summary(stored), fits=True)
        return DONE
    computing: dict[str, Any] = {"workers": workers, "cluster": cluster, "store": store, "keep": keep}
    with (
        output.progress(scenario.name) as calls,
        resources_of(prepared, **computing, notice=calls["notice"]) as means,
    ):
        swept = prepared.run(means, progress=calls["progress"])
    if out is not None:
        write_table(swept.table, out, overwrite=overwrite)
        output.show_written(out)
    if as_json:
        output.show_json(swept.to_json())
    else:
        output.show_summary(swept.summary(), fits=True)
    return DONE
