"""Parts of a certificate in words: short, in UTC, and safe for a terminal."""

from __future__ import annotations

from datetime import UTC, datetime

from cryptography import x509

from sim.errors import visible


def utc(moment: datetime) -> str:
    """A date and time in UTC to the second."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def name_words(name: x509.Name) -> str:
    """A distinguished name (RFC 4514), shortened and safe for a terminal."""
    return short(name.rfc4514_string() or "without a name")


def names_words(names: list[x509.GeneralName]) -> str:
    """Hosts and addresses of a subject alternative name, shortened and safe for a terminal."""
    hosts = [str(name.value) for name in names if isinstance(name, x509.DNSName | x509.IPAddress)]
    more = f" and {len(hosts) - 5:,} more" if len(hosts) > 5 else ""
    return ", ".join(short(host) for host in hosts[:5]) + more


def short(text: str, longest: int = 300) -> str:
    """At most `longest` characters, none of which a terminal would act on."""
    return visible(text if len(text) <= longest else text[: longest - 1] + "…")
