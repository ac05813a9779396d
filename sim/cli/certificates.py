"""Certificates and verdicts about them, as summaries and as JSON; never anything of a private key."""

from __future__ import annotations

from typing import Any, Final

from cryptography import x509

from sim.pki.certificate import (
    extension,
    fingerprint_of,
    is_complete,
    key_words,
    name_words,
    serial_number,
    short,
    signature_hash,
    utc,
)
from sim.pki.reading import Material
from sim.pki.requirements import Judgement, Verdict
from sim.summary import Column, Note, Notes, Summary, Table, Tone, notes
from sim.text import iso

_TONES: Final[dict[str, Tone]] = {"passes": "good", "fails": "bad", "information": "plain"}
_PLATFORMS: Final = {"android": "Android", "ios": "iOS"}
_USAGES: Final = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
)
_NAMES: Final = {"key_cert_sign": "certificate signing", "crl_sign": "CRL signing"}


# --- verdicts ------------------------------------------------------------------------------------------


def verdict_summary(material: Material, verdict: Verdict) -> Summary:
    """The certificate, how it fares under each rule, and who accepts it."""
    width = max(len(each.rule.name) for each in verdict.judgements)
    accepted = _who(verdict)
    refusing = [name for name, (accepts, _) in accepted.items() if not accepts]
    return Summary(
        str(material.path),
        f"Refused by: {', '.join(refusing)}." if refusing else "The server and all devices accept it.",
        (
            notes(name_words(material.certificate.subject), material.fingerprint),
            Notes(tuple(_judged(each, width) for each in verdict.judgements), is_list=True),
            Notes(
                tuple(
                    Note(f"{name}: {words}", tone="good" if accepts else "bad")
                    for name, (accepts, words) in accepted.items()
                )
            ),
        ),
        tone="good" if verdict.is_accepted else "bad",
    )


def _judged(each: Judgement, width: int) -> Note:
    asks = f"; asked for: {each.rule.asks} [{each.rule.source}]" if each.result == "fails" else ""
    return Note(f"{each.rule.name:{width}}  {each.found}{asks}", each.result, _TONES[each.result])


def _who(verdict: Verdict) -> dict[str, tuple[bool, str]]:
    """Whether the server and each platform take the certificate, and what follows."""
    fit = verdict.unfit is None
    words = {"Administration Server": (fit, "accepts" if fit else "refuses, it would never become a reserve")}
    for platform, name in _PLATFORMS.items():
        if platform not in verdict.refused_by:
            words[name] = True, "accepts"
        elif platform in verdict.stranded:
            words[name] = False, "refuses, would be stranded at activation"
        else:
            words[name] = False, "refuses"
    return words


def verdict_document(material: Material, verdict: Verdict) -> dict[str, Any]:
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
    shown, certificate = content_document(material), material.certificate
    key = "in the file, belongs to the certificate" if shown["has_private_key"] else "not given"
    begin, end = utc(certificate.not_valid_before_utc), utc(certificate.not_valid_after_utc)
    rows = [
        ("subject", shown["subject"]),
        ("issuer", shown["issuer"]),
        ("names", ", ".join(shown["names"]) or "none (subject alternative name)"),
        ("valid", f"{begin} to {end} (refused from that second on)"),
        ("key", shown["key"]),
        ("signature", shown["signature_hash"] or "names no hash"),
        ("basic constraints", _constraints(certificate)),
        ("key usage", ", ".join(shown["key_usage"]) or "none"),
        ("extended usage", ", ".join(shown["extended_key_usage"]) or "none"),
        ("fingerprint", shown["fingerprint"]),
        ("private key", key),
    ]
    for each in material.chain:
        rows.append(("issued by", f"{name_words(each.subject)}, until {utc(each.not_valid_after_utc)}"))
    if not shown["chain_is_complete"]:
        last = (certificate, *material.chain)[-1]
        rows.append(("issued by", f"{name_words(last.issuer)}, which is not in the file"))
    if material.unrelated:
        rows.append(("beside it", f"{len(material.unrelated)} certificates that are no part of its chain"))
    table = Table((Column(""), Column("")), tuple(rows))
    return Summary(str(material.path), f"Valid until {end}.", (table,))


def content_document(material: Material) -> dict[str, Any]:
    """The same for JSON."""
    certificate = material.certificate
    return {
        "file": str(material.path),
        "subject": name_words(certificate.subject),
        "issuer": name_words(certificate.issuer),
        "serial_number": f"{serial_number(certificate):x}",
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
    given = [] if usage is None else [name for name in _USAGES if getattr(usage, name)]
    return [_NAMES.get(name, name.replace("_", " ")) for name in given]


def _extended_key_usage(certificate: x509.Certificate) -> list[str]:
    usages = extension(certificate, x509.ExtendedKeyUsage) or ()
    return [short(usage._name if usage._name != "Unknown OID" else usage.dotted_string) for usage in usages]


def _is_authority(certificate: x509.Certificate) -> bool:
    constraints = extension(certificate, x509.BasicConstraints)
    return constraints is not None and constraints.ca


def _constraints(certificate: x509.Certificate) -> str:
    constraints = extension(certificate, x509.BasicConstraints)
    if constraints is None:
        return "none"
    length = "no path length" if constraints.path_length is None else f"path length {constraints.path_length}"
    return f"CA {str(constraints.ca).lower()}, {length}"
