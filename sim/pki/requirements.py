"""The documented requirements for a custom certificate, as a table of named rules (model 3.2, 5.6).

Lengths are notAfter less notBefore: a certificate is valid on [notBefore, notAfter), as OpenSSL has it. RFC
5280 4.1.2.5 counts the second of notAfter in, which would make every certificate one second longer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
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
    """A certificate under examination; the host that devices dial and the instant in question, if known."""

    material: Material
    host: str | None
    at: datetime | None

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate itself."""
        return self.material.certificate

    @property
    def valid(self) -> tuple[datetime, datetime]:
        """The first second at which it is valid, and the first at which OpenSSL refuses it (model 1.4)."""
        return self.certificate.not_valid_before_utc, self.certificate.not_valid_after_utc

    def at_most(self, days: int) -> tuple[bool, str]:
        """Whether it is valid for no longer, and for how long."""
        life = self.valid[1] - self.valid[0]
        return life <= days * DAY, f"{life.days:,} d" + (f" {life.seconds:,} s" if life.seconds else "")


Found = tuple[Result, str]
"""How a certificate fares under a rule, and what was found."""
Check = Callable[[Subject], Found]


@dataclass(frozen=True, slots=True)
class Rule:
    """One requirement: its name in verdicts and findings, who refuses what breaks it, and who says so."""

    name: str
    asked_by: AskedBy
    asks: str
    source: str
    check: Check


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


RULES: Final[list[Rule]] = []
"""Every rule, in the order in which verdicts tell them."""


def judge(material: Material, *, address: str | None = None, at: datetime | None = None) -> Verdict:
    """Hold a certificate against every rule.

    Args:
        material: the certificate, its chain and its key.
        address: HOST or HOST:PORT that devices dial; None: whether it names the server is not judged.
        at: the instant in question, aware; None: whether it is valid then is not judged.
    """
    subject = Subject(material, None if address is None else host_of(address), at)
    return Verdict(tuple(Judgement(rule, *rule.check(subject)) for rule in RULES))


def _rule(name: str, asked_by: AskedBy, asks: str, source: str) -> Callable[[Check], Check]:
    """Put a rule into `RULES`."""

    def add(check: Check) -> Check:
        RULES.append(Rule(name, asked_by, asks, source, check))
        return check

    return add


# --- the Administration Server -------------------------------------------------------------------------


@_rule("kaspersky-private-key", "server", "the private key is with the certificate", WITH_KEY)
def _private_key(subject: Subject) -> Found:
    if subject.material.key is not None:
        return "passes", "a private key that belongs to it"
    if subject.material.is_pkcs12:
        return "fails", "PKCS #12 without a private key"
    return "information", "no private key was given, so that it belongs to the certificate is not checked"


@_rule("kaspersky-validity", "server", "valid for at most 397 days", LIFE)
def _life(subject: Subject) -> Found:
    return _passes(*subject.at_most(LONGEST_DAYS))


@_rule("kaspersky-key-length", "server", "a key of at least 2048 bits", KASPERSKY)
def _key_length(subject: Subject) -> Found:
    return _passes((rsa_bits(subject.certificate) or 0) >= LEAST_BITS, key_words(subject.certificate))


@_rule("kaspersky-ca", "server", "basic constraints with CA true", KASPERSKY)
def _authority(subject: Subject) -> Found:
    constraints = extension(subject.certificate, x509.BasicConstraints)
    if constraints is None:
        return "fails", "no basic constraints"
    return _passes(constraints.ca, f"CA {str(constraints.ca).lower()}")


@_rule("kaspersky-path-length", "server", "no path length", KASPERSKY)
def _path_length(subject: Subject) -> Found:
    constraints = extension(subject.certificate, x509.BasicConstraints)
    length = None if constraints is None else constraints.path_length
    return _passes(length is None, "no path length" if length is None else f"path length {length}")


@_rule(
    "kaspersky-key-usage",
    "server",
    "the key usages digital signature, certificate signing, key encipherment, CRL signing",
    KASPERSKY,
)
def _key_usage(subject: Subject) -> Found:
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
    return _passes(not missing, f"without {', '.join(missing)}" if missing else "all four")


@_rule(
    "kaspersky-extended-key-usage",
    "server",
    "server authentication, if there is an extended key usage",
    KASPERSKY,
)
def _extended_usage(subject: Subject) -> Found:
    return _server_auth(subject, without="passes")


# --- iOS -----------------------------------------------------------------------------------------------


@_rule("apple-key-length", "ios", "RSA keys of at least 2048 bits, issuers too", APPLE)
def _apple_key_length(subject: Subject) -> Found:
    for each in (subject.certificate, *subject.material.chain):
        bits = rsa_bits(each)
        if bits is not None and bits < LEAST_BITS:
            return "fails", f"{_whose(subject, each)}RSA of {bits} bits"
    words = key_words(subject.certificate)
    if rsa_bits(subject.certificate) is None:
        return "information", f"{words}: the source speaks of RSA only"
    return "passes", words


@_rule("apple-signature-hash", "ios", "signed with SHA-2, issuers too", APPLE)
def _apple_hash(subject: Subject) -> Found:
    above = [each for each in subject.material.chain if not is_self_signed(each)]
    for each in (subject.certificate, *above):
        name = signature_hash(each)
        if name not in SHA_2:
            return "fails", f"{_whose(subject, each)}signed with {name or 'no hash of its own'}"
    return "passes", f"signed with {signature_hash(subject.certificate)}"


@_rule("apple-server-name", "ios", "the server's DNS name as subject alternative name", APPLE)
def _apple_name(subject: Subject) -> Found:
    names = list(extension(subject.certificate, x509.SubjectAlternativeName) or ())
    if not any(isinstance(name, x509.DNSName | x509.IPAddress) for name in names):
        return "fails", "no host in the subject alternative name; the common name is not looked at"
    written = names_words(names)
    if subject.host is None:
        return "information", f"{written}: no address was given to hold this against"
    if names_host(names, subject.host):
        return "passes", f"{visible(subject.host)} in {written}"
    return "fails", f"{visible(subject.host)} is not in {written}"


@_rule("apple-extended-key-usage", "ios", "extended key usage with server authentication", APPLE)
def _apple_extended_usage(subject: Subject) -> Found:
    if subject.valid[0] <= APPLE_SINCE:
        return "passes", "issued before the rule"
    return _server_auth(subject, without="fails")


@_rule("apple-validity", "ios", "valid for at most 825 days", APPLE)
def _apple_life(subject: Subject) -> Found:
    if subject.valid[0] <= APPLE_SINCE:
        return "passes", "issued before the rule"
    return _passes(*subject.at_most(LONGEST_FOR_APPLE_DAYS))


# --- everybody, and nobody -----------------------------------------------------------------------------


@_rule("valid-now", "devices", "valid at the instant in question", OPENSSL)
def _valid_now(subject: Subject) -> Found:
    begin, end = subject.valid
    words = f"{utc(begin)} to {utc(end)}"
    if subject.at is None:
        return "information", words
    if begin <= subject.at < end:
        return "passes", words
    wrong = "not yet valid" if subject.at < begin else "expired"
    return "fails", f"{wrong} on {utc(subject.at)}: {words}"


@_rule("chain", "nobody", "not documented for the mobile certificate", "not documented")
def _chain(subject: Subject) -> Found:
    chain = subject.material.chain
    if is_complete(subject.certificate, chain):
        return "information", f"{len(chain) + 1} certificates up to a root" if chain else "self-signed"
    last = (subject.certificate, *chain)[-1]
    return "information", f"the issuer {name_words(last.issuer)} is not in the file"


@_rule("public-validity", "nobody", "for public authorities only", BROWSERS)
def _public_life(subject: Subject) -> Found:
    limit = next((days for since, days in PUBLIC_LIMITS if subject.valid[0] >= since), None)
    if limit is None:
        return "information", "issued before these limits"
    is_within, life = subject.at_most(limit)
    within = "within" if is_within else "above"
    return "information", f"{life}, {within} the {limit} d of its date of issue"


def _passes(holds: bool, found: str) -> Found:
    return ("passes" if holds else "fails"), found


def _server_auth(subject: Subject, *, without: Result) -> Found:
    usages = extension(subject.certificate, x509.ExtendedKeyUsage)
    if usages is None:
        return without, "no extended key usage"
    there = ExtendedKeyUsageOID.SERVER_AUTH in usages
    words = f"extended key usage {'with' if there else 'without'} server authentication"
    return _passes(there, words)


def _whose(subject: Subject, certificate: x509.Certificate) -> str:
    return "" if certificate is subject.certificate else f"its issuer {name_words(certificate.subject)}: "
