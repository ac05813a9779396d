"""The documented requirements for a custom certificate, as a table of named rules (model 3.2, 5.6).

Lengths are notAfter less notBefore: a certificate is valid on [notBefore, notAfter), as OpenSSL has it. RFC
5280 4.1.2.5 counts the second of notAfter in, which would make every certificate one second longer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Final, Literal

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from sim.errors import visible
from sim.pki.certificate import (
    extension,
    is_complete,
    is_self_signed,
    key_words,
    name_words,
    names_words,
    rsa_bits,
    signature_hash,
    utc,
)
from sim.pki.names import host_of, names_host
from sim.pki.reading import Material

AskedBy = Literal["server", "ios", "devices", "nobody"]
"""Who refuses what breaks a rule: the Administration Server, iOS, every device; or it is only told."""

Result = Literal["passes", "fails", "information"]
Platform = Literal["android", "ios"]


@dataclass(frozen=True)
class Subject:
    """A certificate under examination.

    Attributes:
        material: the certificate with its chain and key.
        host: the host that devices dial, without port; None: not known.
        at: the instant in question, aware; None: dates are not judged.
    """

    material: Material
    host: str | None
    at: datetime | None

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate itself."""
        return self.material.certificate

    @property
    def not_before(self) -> datetime:
        """The first second at which it is valid."""
        return self.certificate.not_valid_before_utc

    @property
    def not_after(self) -> datetime:
        """The first second at which OpenSSL refuses it; RFC 5280 still counts it as valid (model 1.4)."""
        return self.certificate.not_valid_after_utc

    @property
    def life_s(self) -> int:
        """How long it is valid: notAfter less notBefore, in seconds."""
        return int((self.not_after - self.not_before).total_seconds())

    @cached_property
    def names(self) -> list[x509.GeneralName]:
        """The subject alternative names; none where the extension is missing."""
        return list(extension(self.certificate, x509.SubjectAlternativeName) or ())

    @cached_property
    def extended_usages(self) -> list[x509.ObjectIdentifier] | None:
        """The extended key usages; None where the extension is missing."""
        usages = extension(self.certificate, x509.ExtendedKeyUsage)
        return None if usages is None else list(usages)


@dataclass(frozen=True, slots=True)
class Rule:
    """One requirement.

    Attributes:
        name: its name in verdicts and findings.
        asked_by: who refuses a certificate that breaks it.
        asks: what it asks for.
        source: who says so.
        check: how a certificate fares, and what was found.
    """

    name: str
    asked_by: AskedBy
    asks: str
    source: str
    check: Callable[[Subject], tuple[Result, str]]


@dataclass(frozen=True, slots=True)
class Judgement:
    """How a certificate fares under one rule; `found` is what the certificate has."""

    rule: Rule
    result: Result
    found: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Who accepts a certificate; one judgement a rule, in the order of the table."""

    judgements: tuple[Judgement, ...]

    def broken(self, *asked_by: AskedBy) -> tuple[Judgement, ...]:
        """The broken rules of these, or of anybody."""
        broken = (each for each in self.judgements if each.result == "fails")
        return tuple(each for each in broken if not asked_by or each.rule.asked_by in asked_by)

    @property
    def unfit(self) -> str | None:
        """Why the server does not take it, so that it never is a reserve (model 5.6); None if it does."""
        broken = self.broken("server")
        if not broken:
            return None
        told = "; ".join(f"{each.rule.name} ({each.found})" for each in broken)
        return f"it breaks Kaspersky's requirements: {told}"

    @property
    def refused_by(self) -> frozenset[Platform]:
        """The platforms whose devices refuse it where it is presented (model 5.6)."""
        if self.broken("devices"):
            return frozenset({"android", "ios"})
        return frozenset({"ios"}) if self.broken("ios") else frozenset()

    @property
    def stranded(self) -> frozenset[Platform]:
        """The platforms that lose the server when it becomes main; none where it never does."""
        return self.refused_by if self.unfit is None else frozenset()

    @property
    def is_accepted(self) -> bool:
        """Whether the server and every platform take it."""
        return not self.broken()


KASPERSKY: Final = "support.kaspersky.com/help/KSC/15.1/en-US/191451.htm (types M and MR)"
LIFE: Final = "support.kaspersky.com/KSCLinux/15.1/en-US/206479.htm"
WITH_KEY: Final = "support.kaspersky.com/help/KSC/14.2/en-US/155201.htm"
APPLE: Final = "support.apple.com/en-us/103769"
BROWSERS: Final = "CA/Browser Forum, ballot SC-081v3; Apple: support.apple.com/en-us/102028"
OPENSSL: Final = "RFC 5280 4.1.2.5, with the end of OpenSSL (model 1.4)"

DAY: Final = timedelta(days=1)
LEAST_BITS: Final = 2048
LONGEST_DAYS: Final = 397
LONGEST_FOR_APPLE_DAYS: Final = 825
APPLE_SINCE: Final = datetime(2019, 7, 1, tzinfo=UTC)
SHA_2: Final = frozenset({"sha224", "sha256", "sha384", "sha512", "sha512-224", "sha512-256"})
PUBLIC_LIMITS: Final = (
    (datetime(2029, 3, 15, tzinfo=UTC), 47),
    (datetime(2027, 3, 15, tzinfo=UTC), 100),
    (datetime(2026, 3, 15, tzinfo=UTC), 200),
    (datetime(2020, 9, 1, tzinfo=UTC), 398),
)
"""From which date of issue on a public authority may issue for how many days at most, latest first."""


def judge(material: Material, *, address: str | None = None, at: datetime | None = None) -> Verdict:
    """Hold a certificate against every rule.

    Args:
        material: the certificate, its chain and its key.
        address: HOST or HOST:PORT that devices dial; None: whether it names the server is not judged.
        at: the instant in question, aware; None: whether it is valid then is not judged.
    """
    subject = Subject(material, None if address is None else host_of(address), at)
    return Verdict(tuple(Judgement(rule, *rule.check(subject)) for rule in RULES))


# --- the Administration Server -------------------------------------------------------------------------


def _private_key(subject: Subject) -> tuple[Result, str]:
    if subject.material.key is not None:
        return "passes", "a private key that belongs to it"
    if subject.material.is_pkcs12:
        return "fails", "PKCS #12 without a private key"
    return "information", "no private key was given, so that it belongs to the certificate is not checked"


def _life(subject: Subject) -> tuple[Result, str]:
    return _at_most(subject, LONGEST_DAYS), _life_words(subject)


def _key_length(subject: Subject) -> tuple[Result, str]:
    bits = rsa_bits(subject.certificate)
    return _passes(bits is not None and bits >= LEAST_BITS), key_words(subject.certificate)


def _authority(subject: Subject) -> tuple[Result, str]:
    constraints = extension(subject.certificate, x509.BasicConstraints)
    if constraints is None:
        return "fails", "no basic constraints"
    return _passes(constraints.ca), f"CA {str(constraints.ca).lower()}"


def _path_length(subject: Subject) -> tuple[Result, str]:
    constraints = extension(subject.certificate, x509.BasicConstraints)
    if constraints is None or constraints.path_length is None:
        return "passes", "no path length"
    return "fails", f"path length {constraints.path_length}"


def _key_usage(subject: Subject) -> tuple[Result, str]:
    usage = extension(subject.certificate, x509.KeyUsage)
    if usage is None:
        return "fails", "no key usage"
    has = {
        "digital signature": usage.digital_signature,
        "certificate signing": usage.key_cert_sign,
        "key encipherment": usage.key_encipherment,
        "CRL signing": usage.crl_sign,
    }
    missing = [name for name, there in has.items() if not there]
    return _passes(not missing), f"without {', '.join(missing)}" if missing else "all four"


def _extended_usage(subject: Subject) -> tuple[Result, str]:
    usages = subject.extended_usages
    if usages is None:
        return "passes", "no extended key usage"
    return _server_auth(usages)


# --- iOS -----------------------------------------------------------------------------------------------


def _apple_key_length(subject: Subject) -> tuple[Result, str]:
    for each in (subject.certificate, *subject.material.chain):
        bits = rsa_bits(each)
        if bits is not None and bits < LEAST_BITS:
            return "fails", f"{_whose(subject, each)}RSA of {bits} bits"
    words = key_words(subject.certificate)
    if rsa_bits(subject.certificate) is None:
        return "information", f"{words}: the source speaks of RSA only"
    return "passes", words


def _apple_hash(subject: Subject) -> tuple[Result, str]:
    above = [each for each in subject.material.chain if not is_self_signed(each)]
    for each in (subject.certificate, *above):
        name = signature_hash(each)
        if name not in SHA_2:
            return "fails", f"{_whose(subject, each)}signed with {name or 'no hash of its own'}"
    return "passes", f"signed with {signature_hash(subject.certificate)}"


def _apple_name(subject: Subject) -> tuple[Result, str]:
    if not any(isinstance(name, x509.DNSName | x509.IPAddress) for name in subject.names):
        return "fails", "no host in the subject alternative name; the common name is not looked at"
    written = names_words(subject.names)
    if subject.host is None:
        return "information", f"{written}: no address was given to hold this against"
    if names_host(subject.names, subject.host):
        return "passes", f"{visible(subject.host)} in {written}"
    return "fails", f"{visible(subject.host)} is not in {written}"


def _apple_extended_usage(subject: Subject) -> tuple[Result, str]:
    if subject.not_before <= APPLE_SINCE:
        return "passes", "issued before the rule"
    usages = subject.extended_usages
    return ("fails", "no extended key usage") if usages is None else _server_auth(usages)


def _apple_life(subject: Subject) -> tuple[Result, str]:
    if subject.not_before <= APPLE_SINCE:
        return "passes", "issued before the rule"
    return _at_most(subject, LONGEST_FOR_APPLE_DAYS), _life_words(subject)


# --- everybody, and nobody -----------------------------------------------------------------------------


def _valid_now(subject: Subject) -> tuple[Result, str]:
    words = f"{utc(subject.not_before)} to {utc(subject.not_after)}"
    if subject.at is None:
        return "information", words
    when = utc(subject.at)
    if subject.at < subject.not_before:
        return "fails", f"not yet valid on {when}: {words}"
    if subject.at >= subject.not_after:
        return "fails", f"expired on {when}: {words}"
    return "passes", words


def _chain(subject: Subject) -> tuple[Result, str]:
    chain = subject.material.chain
    if is_complete(subject.certificate, chain):
        return "information", f"{len(chain) + 1} certificates up to a root" if chain else "self-signed"
    last = (subject.certificate, *chain)[-1]
    return "information", f"the issuer {name_words(last.issuer)} is not in the file"


def _public_life(subject: Subject) -> tuple[Result, str]:
    limit = next((days for since, days in PUBLIC_LIMITS if subject.not_before >= since), None)
    if limit is None:
        return "information", "issued before these limits"
    within = "within" if _at_most(subject, limit) == "passes" else "above"
    return "information", f"{_life_words(subject)}, {within} the {limit} d of its date of issue"


# --- words ---------------------------------------------------------------------------------------------


def _passes(holds: bool) -> Result:
    return "passes" if holds else "fails"


def _at_most(subject: Subject, days: int) -> Result:
    return _passes(subject.not_after - subject.not_before <= days * DAY)


def _server_auth(usages: list[x509.ObjectIdentifier]) -> tuple[Result, str]:
    there = ExtendedKeyUsageOID.SERVER_AUTH in usages
    return _passes(there), f"extended key usage {'with' if there else 'without'} server authentication"


def _life_words(subject: Subject) -> str:
    days, seconds = divmod(subject.life_s, 86_400)
    return f"{days:,} d" + (f" {seconds:,} s" if seconds else "")


def _whose(subject: Subject, certificate: x509.Certificate) -> str:
    return "" if certificate is subject.certificate else f"its issuer {name_words(certificate.subject)}: "


RULES: Final = (
    Rule(
        "kaspersky-private-key", "server", "the private key is with the certificate", WITH_KEY, _private_key
    ),
    Rule("kaspersky-validity", "server", "valid for at most 397 days", LIFE, _life),
    Rule("kaspersky-key-length", "server", "a key of at least 2048 bits", KASPERSKY, _key_length),
    Rule("kaspersky-ca", "server", "basic constraints with CA true", KASPERSKY, _authority),
    Rule("kaspersky-path-length", "server", "no path length", KASPERSKY, _path_length),
    Rule(
        "kaspersky-key-usage",
        "server",
        "the key usages digital signature, certificate signing, key encipherment, CRL signing",
        KASPERSKY,
        _key_usage,
    ),
    Rule(
        "kaspersky-extended-key-usage",
        "server",
        "server authentication, if there is an extended key usage",
        KASPERSKY,
        _extended_usage,
    ),
    Rule("apple-key-length", "ios", "RSA keys of at least 2048 bits, issuers too", APPLE, _apple_key_length),
    Rule("apple-signature-hash", "ios", "signed with SHA-2, issuers too", APPLE, _apple_hash),
    Rule("apple-server-name", "ios", "the server's DNS name as subject alternative name", APPLE, _apple_name),
    Rule(
        "apple-extended-key-usage",
        "ios",
        "extended key usage with server authentication",
        APPLE,
        _apple_extended_usage,
    ),
    Rule("apple-validity", "ios", "valid for at most 825 days", APPLE, _apple_life),
    Rule("valid-now", "devices", "valid at the instant in question", OPENSSL, _valid_now),
    Rule("chain", "nobody", "not documented for the mobile certificate", "not documented", _chain),
    Rule("public-validity", "nobody", "for public authorities only", BROWSERS, _public_life),
)
"""Every rule, in the order in which verdicts tell them."""
