"""`reissue cert check` and `reissue cert show`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sim.cli import DONE, FAILS, WRONG_INPUT, options, output

if TYPE_CHECKING:
    from sim.pki.reading import Material
    from sim.pki.verdict import Verdict
    from sim.summary import Summary

Command = TypeVar("Command", bound=Callable[..., Any])


def _options(command: Command) -> Command:
    """What both commands take: files, the key's file, the password's variable, JSON."""
    decorators = (
        click.argument("files", metavar="FILE...", nargs=-1, required=True, type=options.PATH),
        click.option(
            "--key",
            "key_path",
            metavar="FILE",
            type=options.PATH,
            help="The private key of an X.509 certificate, where it is in a file of its own.",
        ),
        click.option(
            "--password-env",
            metavar="NAME",
            help="The environment variable that holds the password; without, a terminal is asked.",
        ),
        options.as_json,
    )
    for decorator in reversed(decorators):
        command = decorator(command)
    return command


@click.group(epilog=options.examples("reissue cert check scenarios/certs/mobile.pem --at 2026-03-01"))
def cert() -> None:
    """Certificates: who would accept one, and what is in it."""


@cert.command(epilog=options.examples("reissue cert check scenarios/certs/mobile.pem --at 2026-03-01"))
@_options
@click.option("--address", metavar="HOST[:PORT]", help="The connection address that devices dial.")
@click.option("--at", metavar="DATE", help="Judge validity at this date or date and time (UTC), not now.")
def check(
    files: tuple[Path, ...],
    key_path: Path | None,
    password_env: str | None,
    as_json: bool,
    address: str | None,
    at: str | None,
) -> int:
    """Hold certificates against the requirements of Kaspersky and Apple.

    FILE is PKCS #12, or X.509 as PEM or DER. Exit codes: 0 everybody accepts it; 1 a requirement is broken;
    2 it cannot be read.
    """
    from sim.cli.certificates import verdict_document, verdict_summary
    from sim.pki.requirements import judge

    host, moment = _address(address), _moment(at)
    read = _Reading(key_path, password_env, len(files))
    verdicts = [(m, judge(m, address=host, at=moment)) for m in read.all(files)]
    if as_json:
        output.show_json(
            {"certificates": [verdict_document(m, v) for m, v in verdicts], **read.problems_document}
        )
    else:
        _show(verdict_summary(m, v) for m, v in verdicts)
    return _code(read, verdicts)


@cert.command(epilog=options.examples("reissue cert show scenarios/certs/mobile.pem"))
@_options
def show(files: tuple[Path, ...], key_path: Path | None, password_env: str | None, as_json: bool) -> int:
    """Show what is in certificates: names, dates, usages, chain; nothing of the private key.

    FILE is PKCS #12, or X.509 as PEM or DER.
    """
    from sim.cli.certificates import content_document, content_summary

    read = _Reading(key_path, password_env, len(files))
    materials = list(read.all(files))
    if as_json:
        output.show_json({"certificates": [content_document(m) for m in materials], **read.problems_document})
    else:
        _show(map(content_summary, materials))
    return _code(read, ())


class _Reading:
    """Reads certificate files one after another, and keeps what is wrong with them."""

    def __init__(self, key_path: Path | None, password_env: str | None, files: int) -> None:
        if key_path is not None and files > 1:
            raise click.UsageError("--key belongs to one certificate: check the files one by one")
        self.key_path = key_path
        self.password = _password_from(password_env)
        self.problems: list[dict[str, str]] = []

    def all(self, files: Sequence[Path]) -> Iterator[Material]:
        """Those that can be read; the others are told on stderr, whichever form the result has."""
        from sim.pki.errors import CertificateError

        for file in files:
            try:
                yield self._one(file)
            except CertificateError as error:
                self.problems.append({"file": str(error.path), "message": error.message})
                click.echo(str(error), err=True)

    @property
    def problems_document(self) -> dict[str, object]:
        """For JSON: nothing where every file was read."""
        return {"problems": self.problems} if self.problems else {}

    def _one(self, file: Path) -> Material:
        from sim.errors import visible
        from sim.pki.reading import needs_password, read

        password = self.password
        if password is None and needs_password(file, key_path=self.key_path):
            if not (sys.stdin.isatty() and sys.stderr.isatty()):
                raise _no_password(file)
            asked = click.prompt(f"Password of {visible(str(file))}", hide_input=True, err=True)
            password = os.fsencode(asked)
        return read(file, key_path=self.key_path, password=password)


def _no_password(file: Path) -> Exception:
    from sim.pki.errors import PasswordNeededError

    message = "is protected by a password (or damaged): name the variable that holds it, --password-env NAME"
    return PasswordNeededError(file, message)


def _password_from(name: str | None) -> bytes | None:
    if name is None:
        return None
    value = os.environ.get(name)
    if value is None:
        # What was typed may be the password itself, so it is not repeated unless it is a variable's name.
        shown = f"{name} " if name.isidentifier() and name.isascii() else ""
        raise click.UsageError(
            f"the environment variable {shown}of --password-env is not set: set it to the password, and "
            "write its name here, never the password itself"
        )
    return os.fsencode(value)


def _address(written: str | None) -> str | None:
    if written is None:
        return None
    from sim.scenario.server import ADDRESS

    try:
        return str(ADDRESS.read(written))
    except ValueError as error:
        raise click.UsageError(f"--address: {error}") from None


def _moment(written: str | None) -> datetime:
    if written is None:
        from datetime import UTC

        return datetime.now(UTC).replace(microsecond=0)
    from sim.scenario.instants import parse_moment

    try:
        return parse_moment(written)
    except ValueError as error:
        raise click.UsageError(f"--at: {error}") from None


def _code(read: _Reading, verdicts: Sequence[tuple[Material, Verdict]]) -> int:
    if read.problems:
        return WRONG_INPUT
    return DONE if all(verdict.is_accepted for _, verdict in verdicts) else FAILS


def _show(summaries: Iterable[Summary]) -> None:
    for number, summary in enumerate(summaries):
        if number:
            click.echo()
        output.show_summary(summary)
