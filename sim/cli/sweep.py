"""`reissue sweep`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sim.cli.examples import examples
from sim.cli.exits import DONE
from sim.cli.output import show
from sim.cli.reading import json_option, read_all, set_option


class KeyValues(click.ParamType[tuple[str, str]]):
    """`key.path=values`."""

    name = "key=values"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Split at the first equals sign."""
        if isinstance(value, tuple):
            return value
        key, equals, written = str(value).partition("=")
        if not equals or not key:
            mend = "write for example --vary fleet.0.sync.every=6h,12h"
            self.fail(f"{value!r} is not key=values: {mend}", param, ctx)
        return key.strip(), written


def _unique(
    context: click.Context, parameter: click.Parameter, pairs: tuple[tuple[str, str], ...]
) -> dict[str, str]:
    """Keys and values; a key may be named once."""
    for number, (key, _) in enumerate(pairs):
        if key in dict(pairs[:number]):
            message = f"{key} is varied twice: write all its values at once"
            raise click.BadParameter(message, context, parameter)
    return dict(pairs)


@click.command(
    epilog=examples(
        "reissue sweep scenarios/delay_below_sync_period.yaml --vary fleet.1.sync.every=6h,12h,1d"
    )
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--vary",
    metavar="KEY=VALUES",
    type=KeyValues(),
    multiple=True,
    required=True,
    callback=_unique,
    help="A key and its values: 6h,12h,1d; a range inside a word; uniform(1d, 60d). The first is slowest.",
)
@click.option("--samples", type=click.IntRange(1), metavar="N", help="Draw keys with random values N times.")
@click.option("--latin-hypercube", type=click.IntRange(1), metavar="N", help="The same, spread evenly.")
@click.option("--sample-seed", type=click.IntRange(0, 2**63 - 1), help="Of draws; default: the scenario's.")
@click.option(
    "--sensitivity",
    is_flag=True,
    help="Which of the random keys matter: Sobol indices, from (keys + 2) x SAMPLES runs (64 samples).",
)
@click.option("--measure", default="lost_devices", help="What the sensitivity explains; lost_devices.")
@click.option("--dry-run", is_flag=True, help="List the points, and how many runs are kept; run none.")
@click.option(
    "--engine",
    type=click.Choice(["auto", "process", "fleet"]),
    default="auto",
    help="Which engine simulates; results do not depend on it.",
)
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="Instead of the scenario's seed.")
@click.option("--replications", type=click.IntRange(1, 1_000_000), help="Instead of the scenario's number.")
@click.option("--workers", type=click.IntRange(1, 1024), metavar="N", help="Processes; default: one a core.")
@click.option("--cluster", metavar="ADDRESS", help="A dask.distributed scheduler whose workers compute.")
@click.option(
    "--store",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where results are kept, and taken from; default: the user's cache.",
)
@click.option("--no-store", is_flag=True, help="Keep no results, and take none.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the table to a new .parquet or .csv file.",
)
@click.option("--overwrite", is_flag=True, help="Let --out replace a file.")
@json_option()
@set_option()
def sweep(
    file: Path,
    vary: dict[str, str],
    samples: int | None,
    latin_hypercube: int | None,
    sample_seed: int | None,
    sensitivity: bool,
    measure: str,
    dry_run: bool,
    engine: Any,
    seed: int | None,
    replications: int | None,
    workers: int | None,
    cluster: str | None,
    store: Path | None,
    no_store: bool,
    out: Path | None,
    overwrite: bool,
    as_json: bool,
    overrides: tuple[tuple[str, str], ...],
) -> int:
    """Run a scenario at many values of its keys: a table of runs.

    What is done is kept: an interrupted or repeated sweep goes on where it was.
    """
    number, sampling = _sampling(samples, latin_hypercube, sensitivity=sensitivity)
    if no_store and store is not None:
        raise click.UsageError("--store and --no-store exclude each other: give one of them")
    if cluster is not None and workers is not None:
        raise click.UsageError("--workers is for this machine, --cluster for others: give one of them")
    (scenario,) = read_all([file], overrides)

    from sim.cli.progress import Progress, notice
    from sim.studies.crews.archive import archive_at
    from sim.studies.store import to_text
    from sim.studies.sweeps.file import check_file, write_table
    from sim.studies.sweeps.sweep import crew_of, prepare

    if out is not None:
        check_file(out, overwrite=overwrite)
    if sensitivity:
        from sim.studies.sweeps.sensitivity import check_measure

        check_measure(measure)
    prepared = prepare(
        scenario,
        vary,
        samples=number,
        sampling=sampling,
        sample_seed=sample_seed,
        engine=engine,
        seed=seed,
        replications=replications,
    )
    archive = archive_at(store, keep=not no_store)
    if dry_run:
        stored = 0 if archive is None else prepared.stored(archive)
        if as_json:
            runs, units = list(prepared.design.points), len(prepared.units)
            click.echo(to_text({"runs": runs, "replications": units, "stored": stored}), nl=False)
        else:
            show(prepared.summary(stored), fits=True)
        return DONE
    with (
        crew_of(prepared, workers=workers, cluster=cluster, notice=notice) as crew,
        Progress(scenario.name) as progress,
    ):
        swept = prepared.run(crew, archive=archive, progress=progress.show)
    found = swept.sensitivity(measure) if sensitivity else None
    if out is not None:
        write_table(swept.table, out, overwrite=overwrite)
        click.echo(f"written to {out}", err=True)
    if as_json:
        told = {} if found is None else {"sensitivity": found.to_json()}
        click.echo(to_text({**swept.to_json(), **told}), nl=False)
    else:
        show(swept.summary(), fits=True)
        if found is not None:
            click.echo()
            show(found.summary())
    return DONE


def _sampling(
    samples: int | None, latin_hypercube: int | None, *, sensitivity: bool
) -> tuple[int | None, Any]:
    """The number of samples, and how they are drawn."""
    if samples is not None and latin_hypercube is not None:
        raise click.UsageError("--samples and --latin-hypercube exclude each other: give one of them")
    if sensitivity:
        if latin_hypercube is not None:
            raise click.UsageError("--sensitivity has its own way of sampling: write --samples N")
        return samples or 64, "sobol"
    if latin_hypercube is not None:
        return latin_hypercube, "latin-hypercube"
    return samples, "random"
