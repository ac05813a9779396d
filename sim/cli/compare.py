"""`reissue compare`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sim.cli.examples import examples
from sim.cli.exits import DONE
from sim.cli.output import show
from sim.cli.reading import file_argument, json_option, read_all, set_option
from sim.cli.study import study_options

if TYPE_CHECKING:
    from sim.scenario.scenario import Scenario


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
        show(found.summary())
    return DONE


def _names(scenarios: Sequence[Scenario], files: Sequence[Path]) -> list[str]:
    """What each is called: by its name, and by its file where several have one name."""
    names = [scenario.name for scenario in scenarios]
    return [
        f"{name} ({file})" if names.count(name) > 1 else name for name, file in zip(names, files, strict=True)
    ]
