"""`reissue curve`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sim.cli.examples import examples
from sim.cli.exits import DONE
from sim.cli.reading import json_option, read_all, set_option
from sim.cli.study import one_file, study_options

if TYPE_CHECKING:
    from sim.studies.curve import Curve

_ROWS = 31
_BAR = 40


@click.command(epilog=examples("reissue curve scenarios/delayed_30d.yaml"))
@one_file()
@click.option(
    "--reissue", type=click.IntRange(0), help="Which action of the strategy, where several have a delay."
)
@click.option("--exact", is_flag=True, help="Every delay at which the number changes, not whole days.")
@study_options
@json_option()
@set_option()
def curve(
    file: Path,
    reissue: int | None,
    exact: bool,
    engine: Any,
    seed: int | None,
    replications: int | None,
    as_json: bool,
    overrides: tuple[tuple[str, str], ...],
) -> int:
    """Lost devices against every activation delay up to the scenario's own, from one run."""
    from sim.cli.progress import Progress, notice
    from sim.studies.curve import curve as study
    from sim.studies.store import to_text

    (scenario,) = read_all([file], overrides)
    with Progress(scenario.name) as progress:
        found = study(
            scenario,
            reissue=reissue,
            exact=exact,
            engine=engine,
            seed=seed,
            replications=replications,
            progress=progress.show,
            notice=notice,
        )
    if as_json:
        click.echo(to_text(found.to_json()), nl=False)
    else:
        _print(found)
    return DONE


def _print(found: Curve) -> None:
    from sim.errors import visible
    from sim.studies.decisions import thinned
    from sim.studies.words import number, share

    runs = f"{len(found.lost):,} replications (means)" if len(found.lost) > 1 else "one run"
    how = runs if found.runs == 1 else f"{found.runs:,} runs, since more happens than one activation"
    click.echo(click.style(visible(found.scenario.name), bold=True))
    click.echo(f"{found.devices:,} devices, lost by activation delay; seed {found.scenario.seed}, {how}\n")
    rows = thinned(found.table.to_dict(orient="records"), _ROWS)
    most = max((row["lost_devices"] for row in rows), default=0)
    band = "low" in found.table
    click.echo(f"  {'days':>8}  {'lost':>12}  {'share':>9}" + ("  nine of ten lie in" if band else ""))
    for row in rows:
        bar = "#" * round(_BAR * row["lost_devices"] / most) if most else ""
        between = f"  {number(row['low']):>8} - {number(row['high']):<8}" if band else ""
        lost = f"{number(row['lost_devices']):>12}  {share(row['lost_share']):>9}"
        click.echo(f"  {row['delay_days']:>8.6g}  {lost}{between}  {bar}".rstrip())
    if len(rows) < len(found.table):
        click.echo(f"  ({len(found.table) - len(rows):,} rows left out; all of them with --json)")
