"""`reissue report`."""

from __future__ import annotations

from pathlib import Path

import click

from sim.cli.exits import DONE


@click.command(epilog="Example: reissue report result, after reissue run plan.yaml --out result")
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--page",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where the page goes; default: page.html in DIR.",
)
@click.option("--overwrite", is_flag=True, help="Replace an earlier page, and nothing else.")
def report(directory: Path, page: Path | None, overwrite: bool) -> int:
    """Make a page of the result in DIR: one HTML file with the answer, figures and tables.

    DIR was written by `reissue run FILE --out DIR`. Nothing is simulated again.
    """
    from sim.report.page import page_of
    from sim.report.publish import check_page, page_in, read_record, write_page

    record = read_record(directory)
    path = page_in(directory) if page is None else page
    check_page(path, overwrite=overwrite)
    write_page(page_of(record), path, overwrite=overwrite)
    click.echo(f"written to {path}", err=True)
    return DONE
