"""`reissue cert check` and `reissue cert show`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sim.cli import DONE, FAILS, WRONG_INPUT, options, output
from sim.errors import visible

if TYPE_CHECKING:
    from sim.pki.reading import Material
    from sim.summary import Summary

Command = TypeVar("Command", bound=Callable[..., Any])
Problems = list[dict[str, str]]


def _options(command: Command) -> Command:
    """Files, the key's file, the password's variable, JSON."""
    for option in (
        options.as_json,
        click.option(
            "--password-env",
            metavar="NAME",
            help="The environment variable that holds the password; without, a terminal is asked.",
        ),
        click.option(
            "--key",
            metavar="FILE",
            type=options.PATH,
            help="The private key of an X.509 certificate, where it is in a file of its own.",
        ),
        options.files,
    ):
        command = option(command)
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
    key: Path | None,
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
    problems: Problems = []
    materials = _materials(files, key, password_env, problems)
    verdicts = [(material, judge(material, address=host, at=moment)) for material in materials]
    _show(verdicts, verdict_summary, verdict_document, problems, as_json=as_json)
    if problems:
        return WRONG_INPUT
    return DONE if all(verdict.is_accepted for _, verdict in verdicts) else FAILS


@cert.command(epilog=options.examples("reissue cert show scenarios/certs/mobile.pem"))
@_options
def show(files: tuple[Path, ...], key: Path | None, password_env: str | None, as_json: bool) -> int:
    """Show what is in certificates: names, dates, usages, chain; nothing of the private key.

    FILE is PKCS #12, or X.509 as PEM or DER.
    """
    from sim.cli.certificates import content_document, content_summary

    problems: Problems = []
    materials = [(material,) for material in _materials(files, key, password_env, problems)]
    _show(materials, content_summary, content_document, problems, as_json=as_json)
    return WRONG_INPUT if problems else DONE


def _show(
    certificates: Sequence[tuple[Any, ...]],
    summary: Callable[..., Summary],
    document: Callable[..., dict[str, Any]],
    problems: Problems,
    *,
    as_json: bool,
) -> None:
    """Print each certificate; in JSON also what is wrong with those that could not be read."""
    if as_json:
        documents = [document(*each) for each in certificates]
        output.show_json({"certificates": documents, **({"problems": problems} if problems else {})})
        return
    for place, each in enumerate(certificates):
        click.echo("\n" * (place > 0), nl=False)
        output.show_summary(summary(*each))


def _materials(
    files: Sequence[Path], key: Path | None, password_env: str | None, problems: Problems
) -> Iterator[Material]:
    """The certificates that can be read; what is wrong with the others goes to stderr and to `problems`."""
    from sim.pki.errors import CertificateError
    from sim.pki.reading import read

    if key is not None and len(files) > 1:
        raise click.UsageError("--key belongs to one certificate: check the files one by one")
    password = _password_from(password_env)
    for file in files:
        try:
            asked = _password_of(file, key) if password is None else password
            yield read(file, key_path=key, password=asked)
        except CertificateError as error:
            problems.append({"file": str(error.path), "message": error.message})
            click.echo(str(error), err=True)


def _password_of(file: Path, key: Path | None) -> bytes | None:
    """What the terminal's user types; None where the file needs no password.

    Raises:
        PasswordNeededError: it needs one, and there is no terminal.
    """
    from sim.pki.errors import PasswordNeededError
    from sim.pki.reading import needs_password

    if not needs_password(file, key_path=key):
        return None
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise PasswordNeededError(
            file,
            "is protected by a password (or damaged): name the variable that holds it, --password-env NAME",
        )
    return os.fsencode(click.prompt(f"Password of {visible(str(file))}", hide_input=True, err=True))


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


def _address(text: str | None) -> str | None:
    if text is None:
        return None
    from sim.scenario.fields import read_address

    try:
        return str(read_address(text, needs_port=False))
    except ValueError as error:
        raise click.UsageError(f"--address: {error}") from None


def _moment(text: str | None) -> datetime:
    if text is None:
        return datetime.now(UTC).replace(microsecond=0)
    from sim.scenario.instants import parse_moment

    try:
        return parse_moment(text)
    except ValueError as error:
        raise click.UsageError(f"--at: {error}") from None
