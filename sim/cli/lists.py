"""`reissue inventory` and `reissue forecast`: what a list of devices tells, without a scenario."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from sim.cli import DONE, FAILS, options

_reading: Final = options.together(
    click.argument("list_", metavar="LIST", type=options.PATH),
    options.pairs(
        "--columns",
        metavar="NAME=HEADER",
        help="The header of a column: id, last_sync, platform, group, sync_every, holds_reserve.",
    ),
    click.option(
        "--exported", metavar="INSTANT", help="When the list was made; default: its newest contact."
    ),
    click.option("--timezone", metavar="ZONE", help="Of dates that name none, such as Europe/Berlin."),
    click.option(
        "--dates",
        type=click.Choice(["day first", "month first", "year first"]),
        help="Where the list does not decide it.",
    ),
    click.option("--encoding", metavar="NAME", help="Of the file, such as cp1252; default: UTF-8."),
    options.pairs(
        "--only",
        metavar="HEADER=TEXT",
        help="Take only rows with this text under this header; of several texts any.",
    ),
    click.option("--gone-after", metavar="DURATION", help="Silent for longer: not connected any more."),
    options.as_json,
)
"""The list, and how to read it."""


@options.command("reissue inventory scenarios/devices.csv")
@_reading
def inventory(list_: Path, as_json: bool, **reading: Any) -> int:
    """Tell what was understood of a list of devices, how long they are silent, and a group to paste."""
    from sim.studies.device_lists import inventory as study

    options.show(study(list_, **_given(reading)), as_json=as_json)
    return DONE


@options.command("reissue forecast scenarios/devices.csv --delay 28d")
@_reading
@click.option("--delay", metavar="DURATION", help="From the list to the activation; default: the usual ones.")
@click.option("--activates", metavar="INSTANT", help="Instead of --delay: when the certificate becomes main.")
@options.path("--history", metavar="DIR", help="Earlier lists of the same devices.")
@click.option("--lost-at-most", type=options.SHARE, help="A promise: exit 1 if it has become unlikely.")
@options.path(
    "--out", metavar="DIR", help="Write devices.csv, worst first, and a figure to new files in DIR."
)
def forecast(list_: Path, out: Path | None, as_json: bool, **reading: Any) -> int:
    """Tell who will not have the reserve in time, from a list of devices alone.

    Devices that hold the reserve are safe: the list of a later day tells whether a reissue is on track.
    """
    from sim.files import write_new_files
    from sim.studies.device_lists import forecast as study

    found = study(list_, **_given(reading))
    if out is not None:
        from sim.figures.style import svg_bytes

        out.mkdir(parents=True, exist_ok=True)
        files = {out / "devices.csv": found.to_csv().encode()}
        if found.at.size:
            files[out / "forecast.svg"] = svg_bytes(found.plot(), name="forecast")
        write_new_files(files)
        for path in files:
            options.show_written(path)
    options.show(found, as_json=as_json)
    return FAILS if found.kept is not None and found.kept < 0.5 else DONE


def _given(reading: dict[str, Any]) -> dict[str, Any]:
    """The options that were given, as the studies take them."""
    only: dict[str, list[str]] = {}
    for header, text in reading["only"]:
        only.setdefault(header, []).append(text)
    given = {name: value for name, value in reading.items() if value is not None}
    return given | {"columns": dict(reading["columns"]), "only": only}
