"""Certificates and verdicts about them, as lines and as JSON; never anything of a private key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click
from cryptography import x509

from sim.errors import visible
from sim.pki.chain import is_complete
from sim.pki.reading import Material, fingerprint_of
from sim.pki.subject import extension, key_words, signature_hash
from sim.pki.verdict import Judgement, Verdict
from sim.pki.words import name_words, short, utc
from sim.text import iso

_COLOURS = {"passes": "green", "fails": "red", "information": "cyan"}
_PLATFORMS = {"android": "Android", "ios": "iOS"}
_USAGES = {
    "digital_signature": "digital signature",
    "content_commitment": "content commitment",
    "key_encipherment": "key encipherment",
    "data_encipherment": "data encipherment",
    "key_agreement": "key agreement",
    "key_cert_sign": "certificate signing",
    "crl_sign": "CRL signing",
}


# --- verdicts ------------------------------------------------------------------------------------------


def judged_lines(material: Material, verdict: Verdict) -> Iterator[str]:
    """The certificate, the table of rules, and who accepts it."""
    yield click.style(visible(str(material.path)), bold=True)
    yield f"  {name_words(material.certificate.subject)}"
    yield f"  {material.fingerprint}"
    yield ""
    width = max(len(each.rule.name) for each in verdict.judgements)
    for each in verdict.judgements:
        mark = click.style(f"{each.result:11}", fg=_COLOURS[each.result])
        yield f"  {mark}  {each.rule.name:{width}}  {each.found}"
        if each.result == "fails":
            yield f"  {'':11}  {'':{width}}  asked for: {each.rule.asks} [{each.rule.source}]"
    yield ""
    for name, (accepts, why) in _who(verdict).items():
        yield f"  {name}: {click.style(why, fg='green' if accepts else 'red')}"


def _who(verdict: Verdict) -> dict[str, tuple[bool, str]]:
    """Whether the server and each platform take the certificate, and what follows."""
    fit = verdict.unfit is None
    told = {"Administration Server": (fit, "accepts" if fit else "refuses, it would never become a reserve")}
    for platform, name in _PLATFORMS.items():
        if platform not in verdict.refused_by:
            told[name] = True, "accepts"
        elif platform in verdict.stranded:
            told[name] = False, "refuses, would be stranded at activation"
        else:
            told[name] = False, "refuses"
    return told


def judged_document(material: Material, verdict: Verdict) -> dict[str, Any]:
    """The same for JSON."""
    return {
        "file": str(material.path),
        "fingerprint": material.fingerprint,
        "accepted": verdict.is_accepted,
        "server": "accepts" if verdict.unfit is None else "refuses",
        "platforms": {name: "refuses" if name in verdict.refused_by else "accepts" for name in _PLATFORMS},
        "stranded": sorted(verdict.stranded),
        "rules": [_rule(each) for each in verdict.judgements],
    }


def _rule(judgement: Judgement) -> dict[str, str]:
    rule = judgement.rule
    return {
        "rule": rule.name,
        "asked_by": rule.asked_by,
        "result": judgement.result,
        "asks": rule.asks,
        "found": judgement.found,
        "source": rule.source,
    }


# --- contents ------------------------------------------------------------------------------------------


def shown_lines(material: Material) -> Iterator[str]:
    """What a certificate says, and its chain."""
    shown = shown_document(material)
    begin, end = material.certificate.not_valid_before_utc, material.certificate.not_valid_after_utc
    yield click.style(visible(str(material.path)), bold=True)
    rows = {
        "subject": shown["subject"],
        "issuer": shown["issuer"],
        "names": ", ".join(shown["names"]) or "none (subject alternative name)",
        "valid": f"{utc(begin)} to {utc(end)} (refused from that second on)",
        "key": shown["key"],
        "signature": shown["signature_hash"] or "names no hash",
        "basic constraints": _constraints_words(material.certificate),
        "key usage": ", ".join(shown["key_usage"]) or "none",
        "extended usage": ", ".join(shown["extended_key_usage"]) or "none",
        "fingerprint": shown["fingerprint"],
        "private key": "in the file, belongs to the certificate" if shown["has_private_key"] else "not given",
    }
    for name, value in rows.items():
        yield f"  {name:18} {value}"
    for each in material.chain:
        yield f"  {'issued by':18} {name_words(each.subject)}, until {utc(each.not_valid_after_utc)}"
    if not shown["chain_is_complete"]:
        last = (material.certificate, *material.chain)[-1]
        yield f"  {'issued by':18} {name_words(last.issuer)}, which is not in the file"
    if material.unrelated:
        yield f"  {'beside it':18} {len(material.unrelated)} certificates that are no part of its chain"


def shown_document(material: Material) -> dict[str, Any]:
    """The same for JSON; texts are safe for a terminal there too."""
    certificate = material.certificate
    return {
        "file": str(material.path),
        "subject": name_words(certificate.subject),
        "issuer": name_words(certificate.issuer),
        "serial_number": f"{certificate.serial_number:x}",
        "names": _names(certificate),
        "not_before": iso(certificate.not_valid_before_utc),
        "not_after": iso(certificate.not_valid_after_utc),
        "key": key_words(certificate),
        "signature_hash": signature_hash(certificate),
        "key_usage": _key_usage(certificate),
        "extended_key_usage": _extended_key_usage(certificate),
        "is_authority": _is_authority(certificate),
        "fingerprint": material.fingerprint,
        "has_private_key": material.key is not None,
        "chain": [
            {"subject": name_words(each.subject), "fingerprint": fingerprint_of(each)}
            for each in material.chain
        ],
        "chain_is_complete": is_complete(certificate, material.chain),
    }


def _names(certificate: x509.Certificate) -> list[str]:
    names = extension(certificate, x509.SubjectAlternativeName) or ()
    return [short(str(name.value)) for name in names if not isinstance(name, x509.OtherName)]


def _key_usage(certificate: x509.Certificate) -> list[str]:
    usage = extension(certificate, x509.KeyUsage)
    return [] if usage is None else [words for name, words in _USAGES.items() if getattr(usage, name)]


def _extended_key_usage(certificate: x509.Certificate) -> list[str]:
    usages = extension(certificate, x509.ExtendedKeyUsage) or ()
    return [short(usage._name if usage._name != "Unknown OID" else usage.dotted_string) for usage in usages]


def _is_authority(certificate: x509.Certificate) -> bool:
    constraints = extension(certificate, x509.BasicConstraints)
    return constraints is not None and constraints.ca


def _constraints_words(certificate: x509.Certificate) -> str:
    constraints = extension(certificate, x509.BasicConstraints)
    if constraints is None:
        return "none"
    length = "no path length" if constraints.path_length is None else f"path length {constraints.path_length}"
    return f"CA {str(constraints.ca).lower()}, {length}"
