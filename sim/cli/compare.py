"""`reissue compare`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sim.cli.examples import examples
from sim.cli.exits import DONE
from sim.cli.reading import file_argument, json_option, read_all, set_option
from sim.cli.study import study_options

if TYPE_CHECKING:
    from sim.scenario.scenario import Scenario
    from sim.studies.compare import Comparison

_NAMES = 10


@click.command(
    epilog=examples(
        "reissue compare scenarios/automatic_reissue_6_0.yaml scenarios/no_automatic_reissue_4_1.yaml"
    )
)
@file_argument()
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="DIR", help="Write each run to a directory in DIR."
)
@click.option("--overwrite", is_flag=True, help="Let --out replace earlier results.")
@study_options
@json_option()
@set_option()
def compare(
    files: tuple[Path, ...],
    out: Path | None,
    overwrite: bool,
    engine: Any,
    seed: int | None,
    replications: int | None,
    as_json: bool,
    overrides: tuple[tuple[str, str], ...],
) -> int:
    """Different strategies for the same fleet living the same days: paired differences.

    Every file takes the first one's seed and number of replications, unless you say otherwise.
    """
    from sim.cli.progress import Progress, notice
    from sim.cli.run import directories_of
    from sim.studies.compare import compare as study
    from sim.studies.store import make_folder, to_text, write

    if len(files) < 2:
        raise click.UsageError("a comparison needs at least two scenario files")
    scenarios = read_all(files, overrides)
    directories = directories_of(files, out, overwrite=overwrite)
    with Progress("comparing") as progress:
        found = study(
            *scenarios,
            engine=engine,
            seed=seed,
            replications=replications,
            names=_names(scenarios, files),
            progress=progress.show,
            notice=notice,
        )
    for directory, result in zip(directories, found.results, strict=False):
        make_folder(directory.parent)
        write(result, directory, command=["reissue", *sys.argv[1:]], overwrite=overwrite)
    if as_json:
        click.echo(to_text(found.to_json()), nl=False)
    else:
        _print(found)
    return DONE


def _names(scenarios: Sequence[Scenario], files: Sequence[Path]) -> list[str]:
    """What each is called: by its name, and by its file where several have one name."""
    names = [scenario.name for scenario in scenarios]
    return [
        f"{name} ({file})" if names.count(name) > 1 else name for name, file in zip(names, files, strict=True)
    ]


def _print(found: Comparison) -> None:
    from sim.cli.table import aligned
    from sim.errors import visible
    from sim.studies.decisions import difference_words
    from sim.studies.words import number, share

    first = found.results[0]
    runs = "" if first.replications == 1 else f", {first.replications:,} replications (means)"
    click.echo(f"{first.tallies[0].size:,} devices, seed {first.scenario.seed}{runs}\n")
    rows = [("strategy", "lost", "share", "reconnected", "still lost", "device days lost")]
    for name, result in zip(found.names, found.results, strict=True):
        m = result.measures
        rows.append(
            (
                visible(name),
                number(m["lost_devices"]),
                share(m["lost_share"]),
                number(m["reconnected_devices"]),
                number(m["still_lost_devices"]),
                f"{m['device_days_lost'] or 0:,.1f}",
            )
        )
    for line in aligned(rows):
        click.echo(line)
    for each in found.differences:
        if each.measure == "lost_devices":
            click.echo(f"  {visible(difference_words(each))}")
    for pair in found.discordances:
        for name, other, devices in ((pair.a, pair.b, pair.only_a), (pair.b, pair.a, pair.only_b)):
            if devices:
                more = "" if len(devices) <= _NAMES else ", ..."
                click.echo(
                    f"  lost under {visible(name)} and not under {visible(other)}: {len(devices):,} "
                    f"({visible(', '.join(devices[:_NAMES]))}{more})"
                )
    click.echo("\nFewest losses first: " + "; then ".join(_place(place) for place in found.ranking))


def _place(names: tuple[str, ...]) -> str:
    from sim.errors import visible

    together = " and ".join(visible(name) for name in names)
    return together if len(names) == 1 else f"{together} (no difference shown)"
