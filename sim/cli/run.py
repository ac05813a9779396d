"""`reissue run`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sim.cli.examples import examples
from sim.cli.exits import DONE, FAILS, UNDECIDED
from sim.cli.reading import file_argument, json_option, read_all, set_option
from sim.cli.study import check_cluster_options, cluster_options

if TYPE_CHECKING:
    from sim.studies.result import Result


@click.command(
    epilog=examples(
        "reissue run scenarios/delayed_30d.yaml",
        "reissue run scenarios/changed_address.yaml --set strategy.0.at='day 5'",
    )
)
@file_argument()
@click.option(
    "--engine",
    type=click.Choice(["auto", "process", "fleet"]),
    default="auto",
    help="Which engine simulates; auto: by the size of the fleet.",
)
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="Instead of the scenario's seed.")
@click.option("--replications", type=click.IntRange(1, 1_000_000), help="Instead of the scenario's number.")
@click.option(
    "--until-decided",
    type=click.IntRange(1, 1_000_000),
    metavar="LIMIT",
    help="Add replications until every guarantee with a probability is decided, up to so many.",
)
@cluster_options
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write tables, figures and provenance to a new directory.",
)
@click.option("--no-figures", is_flag=True, help="Write no figures to --out.")
@click.option(
    "--report",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Also write a page: one HTML file with the answer, figures and tables.",
)
@click.option("--overwrite", is_flag=True, help="Let --out and --report replace an earlier result.")
@json_option()
@set_option()
def run(
    files: tuple[Path, ...],
    engine: Any,
    seed: int | None,
    replications: int | None,
    until_decided: int | None,
    cluster: str | None,
    store: Path | None,
    no_store: bool,
    out: Path | None,
    no_figures: bool,
    report: Path | None,
    overwrite: bool,
    as_json: bool,
    overrides: tuple[tuple[str, str], ...],
) -> int:
    """Simulate scenarios, and tell how many devices lose their server."""
    from sim.cli.progress import Progress, notice
    from sim.studies.run import run as simulate
    from sim.studies.store import make_folder, to_text, write

    check_cluster_options(cluster, store, no_store=no_store)
    if report is not None and len(files) > 1:
        raise click.UsageError("--report makes the page of one scenario: run them one by one")
    scenarios = read_all(files, overrides)
    directories = directories_of(files, out, overwrite=overwrite)
    if report is not None:
        from sim.report.publish import check_page

        check_page(report, overwrite=overwrite)
    documents = []
    code = DONE
    for number, scenario in enumerate(scenarios):
        with Progress(scenario.name) as progress:
            result = simulate(
                scenario,
                engine=engine,
                seed=seed,
                replications=replications,
                until_decided=until_decided,
                cluster=cluster,
                store=store,
                keep=not no_store,
                progress=progress.show,
                notice=notice,
            )
            if directories or report is not None:
                from sim.report.publish import Publisher, reproducing, write_page

                again = reproducing(
                    files[number].name,
                    overrides=overrides,
                    seed=seed,
                    replications=replications,
                    until_decided=until_decided,
                )
                publisher = Publisher(result, command=again, with_figures=not no_figures)
            if directories:
                make_folder(directories[number].parent)
                command = ["reissue", *sys.argv[1:]]
                write(result, directories[number], command=command, overwrite=overwrite, beside=publisher)
            if report is not None:
                write_page(publisher.page(), report, overwrite=overwrite)
                click.echo(f"written to {report}", err=True)
        if as_json:
            documents.append(result.to_json())
        else:
            _print(result, first=number == 0, directory=directories[number] if directories else None)
        code = worse(code, exit_code(result))
    if as_json:
        click.echo(to_text(documents[0] if len(documents) == 1 else {"runs": documents}), nl=False)
    return code


def exit_code(result: Result) -> int:
    """0: every guarantee holds; 1: one fails; 3: one is undecided or vacuous."""
    verdicts = {verdict.verdict for verdict in result.guarantees if not verdict.passes}
    if "fails" in verdicts:
        return FAILS
    return UNDECIDED if verdicts else DONE


def worse(one: int, other: int) -> int:
    """The exit code that says more: a failure before an open question before none."""
    return max(one, other, key=(DONE, UNDECIDED, FAILS).index)


def directories_of(files: tuple[Path, ...], out: Path | None, *, overwrite: bool) -> list[Path]:
    """Where each file's result goes, found free: DIR itself, or a directory in it for each of several."""
    from sim.studies.store import check_free

    if out is None:
        return []
    if len(files) == 1:
        check_free(out, overwrite=overwrite)
        return [out]
    names = [file.stem for file in files]
    if len(set(names)) < len(names):
        raise click.UsageError("--out needs scenario files of different names: run them one by one")
    directories = [out / name for name in names]
    for directory in directories if out.is_dir() else [out]:
        check_free(directory, overwrite=overwrite)
    return directories


def _print(result: Result, *, first: bool, directory: Path | None) -> None:
    from sim.cli.output import show

    if not first:
        click.echo()
    show(result.summary())
    if directory is not None:
        click.echo(f"written to {directory}", err=True)
