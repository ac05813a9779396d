"""`reissue cert check` and `reissue cert show`; nothing of a private key or a password is ever printed."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from sim.cli import DONE, FAILS, WRONG_INPUT, options
from sim.errors import visible
from sim.text import iso

if TYPE_CHECKING:
    from sim.pki.reading import Material
    from sim.pki.requirements import Verdict
    from sim.summary import Summary, Tone

Document = dict[str, Any]

_TONES: Final[dict[str, Tone]] = {"passes": "good", "fails": "bad", "information": "plain"}
_PLATFORMS: Final[dict[str, str]] = {"android": "Android", "ios": "iOS"}
_USAGES: Final = {
    "digital_signature": "digital signature",
    "content_commitment": "content commitment",
    "key_encipherment": "key encipherment",
    "data_encipherment": "data encipherment",
    "key_agreement": "key agreement",
    "key_cert_sign": "certificate signing",
    "crl_sign": "CRL signing",
}
"""Key usages (RFC 5280 4.2.1.3), by the library's names."""


_ADDRESS: Final = options.Read("address", "sim.cli.cert:address_of")
_MOMENT: Final = options.Read("date", "sim.scenario.instants:parse_moment")
_files: Final = options.together(
    options.several,
    options.path("--key", metavar="FILE", help="The private key, where it is in a file of its own."),
    click.option(
        "--password-env",
        metavar="NAME",
        help="The environment variable that holds the password; without, a terminal is asked.",
    ),
    options.as_json,
)


@options.command("reissue cert check scenarios/certs/mobile.pem --at 2026-03-01")
@_files
@click.option("--address", type=_ADDRESS, help="HOST or HOST:PORT, the connection address that devices dial.")
@click.option("--at", type=_MOMENT, help="Judge validity at this date or date and time (UTC), not now.")
def check(address: str | None, at: datetime | None, **given: Any) -> int:
    """Hold certificates against the requirements of Kaspersky and Apple.

    FILE is PKCS #12, or X.509 as PEM or DER. Exit codes: 0 everybody accepts it; 1 a requirement is broken;
    2 it cannot be read.
    """
    from sim.pki.requirements import judge

    moment = at or datetime.now(UTC).replace(microsecond=0)

    def tell(material: Material) -> tuple[Summary, Document]:
        verdict = judge(material, address=address, at=moment)
        return verdict_summary(material, verdict), verdict_document(material, verdict)

    documents, is_complete = _show(tell, **given)
    if not is_complete:
        return WRONG_INPUT
    return DONE if all(document["accepted"] for document in documents) else FAILS


@options.command("reissue cert show scenarios/certs/mobile.pem")
@_files
def show(**given: Any) -> int:
    """Show what is in certificates: names, dates, usages, chain; nothing of the private key.

    FILE is PKCS #12, or X.509 as PEM or DER.
    """
    _, is_complete = _show(lambda material: (content_summary(material), content_document(material)), **given)
    return DONE if is_complete else WRONG_INPUT


@click.group(
    commands=[check, show],
    epilog=options.end_of_help("reissue cert check scenarios/certs/mobile.pem --at 2026-03-01"),
)
def cert() -> None:
    """Certificates: who would accept one, and what is in it."""


# --- the files -----------------------------------------------------------------------------------------


def _show(
    tell: Callable[[Material], tuple[Summary, Document]],
    *,
    files: tuple[Path, ...],
    key: Path | None,
    password_env: str | None,
    as_json: bool,
) -> tuple[list[Document], bool]:
    """Print what is told of each certificate that can be read; that, and whether all of them could."""
    from sim.pki.reading import CertificateError, read

    if key is not None and len(files) > 1:
        raise click.UsageError("--key belongs to one certificate: check the files one by one")
    documents: list[Document] = []
    problems: list[Document] = []
    for file in files:
        try:
            material = read(file, key_path=key, password=_password(file, key, password_env))
        except CertificateError as error:
            problems.append({"file": str(error.path), "message": error.message})
            click.echo(str(error), err=True)
            continue
        summary, document = tell(material)
        documents.append(document)
        if not as_json:
            click.echo("\n" * (len(documents) > 1), nl=False)
            options.show_summary(summary)
    if as_json:
        options.show_json({"certificates": documents, **({"problems": problems} if problems else {})})
    return documents, not problems


def _password(file: Path, key: Path | None, variable: str | None) -> bytes | None:
    """What the variable holds, or the terminal's user types; None where the file needs no password.

    Raises:
        PasswordNeededError: it needs one, and there is neither a variable nor a terminal.
    """
    from sim.pki.reading import PasswordNeededError, needs_password

    if variable is not None:
        if (value := os.environ.get(variable)) is not None:
            return os.fsencode(value)
        # What was typed may be the password itself, so it is not repeated unless it is a variable's name.
        shown = f"{variable} " if variable.isidentifier() and variable.isascii() else ""
        raise click.UsageError(
            f"the environment variable {shown}of --password-env is not set: set it to the password, and "
            "write its name here, never the password itself"
        )
    if not needs_password(file, key_path=key):
        return None
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        advice = "name the variable that holds it, --password-env NAME"
        raise PasswordNeededError(file, f"is protected by a password (or damaged): {advice}")
    return os.fsencode(click.prompt(f"Password of {visible(str(file))}", hide_input=True, err=True))


def address_of(text: str) -> str:
    """A connection address, whose port may be left out."""
    from sim.scenario.fields import read_address

    return str(read_address(text, needs_port=False))


# --- verdicts ------------------------------------------------------------------------------------------


def verdict_summary(material: Material, verdict: Verdict) -> Summary:
    """The certificate, how it fares under each rule, and who accepts it."""
    from sim.pki.certificate import name_words
    from sim.summary import Note, Notes, Summary, notes

    rules, width = [], max(len(each.rule.name) for each in verdict.judgements)
    for each in verdict.judgements:
        asked = f"; asked for: {each.rule.asks} [{each.rule.source}]" if each.result == "fails" else ""
        rules.append(Note(f"{each.rule.name:{width}}  {each.found}{asked}", each.result, _TONES[each.result]))
    refuses: dict[str, str] = {}
    if verdict.unfit is not None:
        refuses["Administration Server"] = "refuses, it would never become a reserve"
    for platform in verdict.refused_by:
        stranded = ", would be stranded at activation" if platform in verdict.stranded else ""
        refuses[_PLATFORMS[platform]] = f"refuses{stranded}"
    who = (
        Note(f"{name}: {refuses.get(name, 'accepts')}", tone="bad" if name in refuses else "good")
        for name in ("Administration Server", *_PLATFORMS.values())
    )
    return Summary(
        str(material.path),
        f"Refused by: {', '.join(sorted(refuses))}." if refuses else "The server and all devices accept it.",
        (
            notes(name_words(material.certificate.subject), material.fingerprint),
            Notes(tuple(rules), is_list=True),
            Notes(tuple(who)),
        ),
        tone="good" if verdict.is_accepted else "bad",
    )


def verdict_document(material: Material, verdict: Verdict) -> Document:
    """The same for JSON."""
    return {
        "file": str(material.path),
        "fingerprint": material.fingerprint,
        "accepted": verdict.is_accepted,
        "server": "accepts" if verdict.unfit is None else "refuses",
        "platforms": {name: "refuses" if name in verdict.refused_by else "accepts" for name in _PLATFORMS},
        "stranded": sorted(verdict.stranded),
        "rules": [
            {
                "rule": each.rule.name,
                "asked_by": each.rule.asked_by,
                "result": each.result,
                "asks": each.rule.asks,
                "found": each.found,
                "source": each.rule.source,
            }
            for each in verdict.judgements
        ],
    }


# --- contents ------------------------------------------------------------------------------------------


def content_summary(material: Material) -> Summary:
    """What a certificate says, and its chain."""
    from sim.pki.certificate import name_words, utc
    from sim.summary import Column, Summary, Table

    words = {True: "yes", False: "no"}
    rows = []
    for name, value in content_document(material).items():
        if name not in ("file", "chain"):
            text = ", ".join(value) if isinstance(value, list) else words.get(value, value)
            rows.append((name.replace("_", " "), text or "none"))
    for each in material.chain:
        rows.append(("issued by", f"{name_words(each.subject)}, until {utc(each.not_valid_after_utc)}"))
    if material.unrelated:
        rows.append(("beside it", f"{len(material.unrelated)} certificates that are no part of its chain"))
    answer = f"Valid until {utc(material.certificate.not_valid_after_utc)}."
    return Summary(str(material.path), answer, (Table((Column(""), Column("")), tuple(rows)),))


def content_document(material: Material) -> Document:
    """What a certificate says, for JSON."""
    from cryptography import x509

    from sim.pki import certificate as pki

    certificate = material.certificate
    names = pki.extension(certificate, x509.SubjectAlternativeName) or ()
    usage = pki.extension(certificate, x509.KeyUsage)
    extended = pki.extension(certificate, x509.ExtendedKeyUsage) or ()
    constraints = pki.extension(certificate, x509.BasicConstraints)
    return {
        "file": str(material.path),
        "subject": pki.name_words(certificate.subject),
        "issuer": pki.name_words(certificate.issuer),
        "serial_number": f"{pki.serial_number(certificate):x}",
        "names": [pki.short(str(name.value)) for name in names if not isinstance(name, x509.OtherName)],
        "not_before": iso(certificate.not_valid_before_utc),
        "not_after": iso(certificate.not_valid_after_utc),
        "key": pki.key_words(certificate),
        "signature_hash": pki.signature_hash(certificate),
        "key_usage": [words for name, words in _USAGES.items() if usage is not None and getattr(usage, name)],
        "extended_key_usage": [
            pki.short(each._name if each._name != "Unknown OID" else each.dotted_string) for each in extended
        ],
        "is_authority": constraints is not None and constraints.ca,
        "fingerprint": material.fingerprint,
        "has_private_key": material.key is not None,
        "chain": [
            {"subject": pki.name_words(each.subject), "fingerprint": pki.fingerprint_of(each)}
            for each in material.chain
        ],
        "chain_is_complete": pki.is_complete(certificate, material.chain),
    }
