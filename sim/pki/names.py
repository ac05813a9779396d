"""Whom a certificate names: hosts against subject alternative names (RFC 6125 6.4, RFC 9525 6.3)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Final

from sim.text import quoted

if TYPE_CHECKING:
    from cryptography import x509

_LABEL: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_DEVIATIONS: Final = frozenset("\u00df\u03c2\u200c\u200d")
"""Characters that IDNA 2003 and IDNA 2008 turn into different host names (UTS #46 section 7)."""


def host_of(address: str) -> str:
    """The host of HOST or HOST:PORT; an IPv6 literal keeps its brackets."""
    match = re.fullmatch(r"(\[[^\]]*\]|[^:]*)(?::[0-9]*)?", address)
    return match[1] if match is not None else address


def certified_name(host: str) -> str | IPv4Address | IPv6Address:
    """What a certificate for a host names: the IP address of a literal, else the DNS name with A-labels.

    Raises:
        ValueError: no certificate can name the host; the message says what to write instead.
    """
    literal = None if re.fullmatch(r"\[[^:]*\]|\[[^\]]*", host) else _literal(host)
    if isinstance(literal, IPv6Address) and literal.scope_id is not None:
        raise ValueError(
            f"a certificate cannot name the zone of {quoted(host)}: write the address without it"
        )
    if literal is not None:
        return literal
    if ambiguous := sorted(_DEVIATIONS.intersection(host)):
        raise ValueError(
            f"{quoted(host)} names different hosts in IDNA 2003 and 2008 because of {ambiguous[0]!a}:"
            " write its xn-- form"
        )
    name = _dns(host)
    labels = name.split(".")
    if len(name) > 253 or not all(map(_LABEL.fullmatch, labels)) or labels[-1].isdigit():
        raise ValueError(f"{quoted(host)} is no name of a host: write a DNS name, an IPv4 address or [IPv6]")
    return name


def names_host(names: Iterable[x509.GeneralName], host: str) -> bool:
    """Whether one of the names is the host's: a DNS name for a name, an IP address for a literal."""
    from cryptography import x509

    literal = _literal(host)
    if literal is not None:
        return any(isinstance(name, x509.IPAddress) and name.value == literal for name in names)
    wanted = _dns(host)
    return any(isinstance(name, x509.DNSName) and _covers(name.value, wanted) for name in names)


def _covers(pattern: str, host: str) -> bool:
    """Whether a DNS name of a certificate is the host's; `*` stands for exactly one whole first label.

    As OpenSSL does, a wildcard needs two labels behind it: `*.com` covers nothing.
    """
    pattern = pattern.lower().removesuffix(".")
    if not pattern.startswith("*."):
        return pattern == host and "*" not in pattern
    behind = pattern[2:]
    _, dot, rest = host.partition(".")
    return bool(dot) and "*" not in behind and "." in behind and rest == behind


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None


def _dns(host: str) -> str:
    """In lower case, without a final dot, international labels in the form that certificates have."""
    try:
        return host.encode("idna").decode("ascii").lower().removesuffix(".")
    except UnicodeError:
        return host.lower().removesuffix(".")
