"""Options that the studies of one scenario share: seed, replications, engine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


def one_file() -> Callable[[Command], Command]:
    """The scenario file."""
    return click.argument("file", type=click.Path(path_type=Path))


def study_options(command: Command) -> Command:
    """`--engine`, `--seed` and `--replications`."""
    for option in (
        click.option(
            "--replications", type=click.IntRange(1, 1_000_000), help="Instead of the scenario's number."
        ),
        click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="Instead of the scenario's seed."),
        click.option(
            "--engine",
            type=click.Choice(["auto", "process", "fleet"]),
            default="auto",
            help="Which engine simulates; auto: by the size of the fleet.",
        ),
    ):
        command = option(command)
    return command


def cluster_options(command: Command) -> Command:
    """`--cluster`, `--store` and `--no-store`."""
    for option in (
        click.option("--no-store", is_flag=True, help="With --cluster: keep no results, and take none."),
        click.option(
            "--store",
            type=click.Path(path_type=Path),
            metavar="DIR",
            help="With --cluster: where its results are kept, and taken from; default: the user's cache.",
        ),
        click.option(
            "--cluster",
            metavar="ADDRESS",
            help="A dask.distributed scheduler whose workers run replications, or parts of a large fleet.",
        ),
    ):
        command = option(command)
    return command


def check_cluster_options(cluster: str | None, store: Path | None, *, no_store: bool) -> None:
    """Refuse what goes with a cluster only, or excludes each other."""
    if no_store and store is not None:
        raise click.UsageError("--store and --no-store exclude each other: give one of them")
    if cluster is None and (no_store or store is not None):
        raise click.UsageError(
            "--store and --no-store go with --cluster: a run on this machine keeps nothing but --out"
        )


class Share(click.ParamType[float]):
    """A share, `0.1%` or `0.001`, or a number of devices from 1 on."""

    name = "share or number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Per cent or plain."""
        if isinstance(value, float):
            return value
        text = str(value).strip()
        try:
            number = float(text.removesuffix("%").strip()) / (100 if text.endswith("%") else 1)
        except ValueError:
            number = -1.0
        if not 0 <= number < float("inf") or (text.endswith("%") and number > 1):
            self.fail(
                f"{value!r} is not a share or a number of devices: write for example 0.1% or 20", param, ctx
            )
        if text.endswith("%") and number == 1:
            self.fail("100 % may be lost: then nothing needs a plan", param, ctx)
        return number
