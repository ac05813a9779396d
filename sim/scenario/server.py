"""`server:` the certificate, the address and the outages as they are at the start (model 3, 4)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from sim.scenario.distributions import WrongPart, WrongPartsError
from sim.scenario.instants import Instant
from sim.scenario.kinds import DURATION_SCHEMA, INSTANT, Kind, duration, text, word, wrong_word
from sim.scenario.problems import quoted
from sim.scenario.section import Section
from sim.scenario.values import kind_of

LONGEST_CERTIFICATE_S: Final = 397 * 86_400
"""No certificate is valid for longer (model 3.2)."""


def _address(value: object) -> str:
    how = "write host:port, such as mdm.example.com:13292"
    if not isinstance(value, str):
        raise ValueError(f"{kind_of(value)} is not an address: {how}")
    if re.match(r"[a-z]+://", value):
        raise ValueError(
            f"{quoted(value)} is a URL: write the host and port alone, such as mdm.example.com:13292"
        )
    match = re.fullmatch(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:/\[\]@]{1,253})(?::(?P<port>[0-9]{1,9}))?", value)
    if match is None or not value.isprintable():
        raise ValueError(f"{quoted(value)} is not an address: {how}")
    if match["port"] is not None and not 1 <= int(match["port"]) <= 65_535:
        raise ValueError(f"{quoted(value)} has no such port: write a port from 1 to 65535")
    return value


def _environment_name(value: object) -> str:
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,199}", value):
        return value
    raise ValueError(
        "this is not the name of an environment variable: write the name, such as MOBILE_P12_PASSWORD, "
        "and never the password itself"
    )


ADDRESS: Final = Kind(_address, {"type": "string", "examples": ["mdm.example.com:13292"]})
ENVIRONMENT_NAME: Final = Kind(_environment_name, {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$"})
CERTIFICATE_LIFE: Final = duration(
    least_s=1, most_s=LONGEST_CERTIFICATE_S, why=", and no certificate is valid for more than 397 days"
)


class CertificateSource(Section):
    """Where a certificate comes from."""

    issuer: Annotated[Literal["ksc", "custom"], word("ksc", "custom")] = "ksc"
    """Who issues it: Kaspersky Security Center (ksc), or it is the planner's own (custom)."""
    file: Annotated[str, text("a path", "certs/mobile.p12", longest=1000)] | None = None
    """Issuer custom: the real certificate, PKCS #12, or X.509 with `key`; without, a made-up one."""
    key: Annotated[str, text("a path", "certs/mobile.key", longest=1000)] | None = None
    """Issuer custom, X.509 only: the file with the private key."""
    password_env: Annotated[str, ENVIRONMENT_NAME] | None = None
    """The name of the environment variable that holds the password; never the password."""


class Certificate(CertificateSource):
    """The main certificate at the start (model 3); its validity comes from `file`, if there is one."""

    example: ClassVar[str] = "{expires: day 61}"

    expires: Annotated[Instant, INSTANT] | None = None
    """When it expires; default: `valid_for` after the start."""
    valid_for: Annotated[int, CERTIFICATE_LIFE] = LONGEST_CERTIFICATE_S
    """How long it is valid in all, in seconds; at most 397 days (model 3.2)."""


class AutomaticReissue(Section):
    """Whether the server makes a reserve by itself, and how long before expiry (model 3.7)."""

    example: ClassVar[str] = "{lead: 90d}"

    mode: Literal["default", "off", "on"] = "default"
    """By behaviour and issuer (default), never (off), or `lead` before every expiry (on)."""
    lead: Annotated[int, duration(least_s=1)] = 90 * 86_400
    """How long before the main certificate expires, in seconds."""


def _automatic_reissue(value: object) -> object:
    if isinstance(value, AutomaticReissue):
        return value
    if isinstance(value, Mapping):
        if "mode" in value:
            message = "unknown key: write default, off or {lead: 90d}"
            raise WrongPartsError([WrongPart(("mode",), message, at_key=True)])
        return {"mode": "on", **value}
    words = ("default", "off", "on")
    if isinstance(value, str) and value in words:
        return {"mode": value}
    raise ValueError(wrong_word(value, words, "write default, off or {lead: 90d}"))


class Outage(Section):
    """A time in which no device reaches the server (model 4.1)."""

    example: ClassVar[str] = "{from: day 20 08:00, for: 6h}"
    stand_in: ClassVar[Mapping[str, object]] = {"from": "start", "for": "1s"}

    from_: Annotated[Instant, INSTANT] = Field(alias="from", examples=["day 20 08:00"])
    """When it begins."""
    for_: Annotated[int, duration(least_s=1)] = Field(alias="for", examples=["6h"])
    """How long it lasts, in seconds."""


class Server(Section):
    """The server as it is at the start (model 4)."""

    example: ClassVar[str] = "{behaviour: ksmm-6.0, certificate: {expires: day 61}}"

    behaviour: Annotated[Literal["ksmm-6.0", "ksmm-4.1"], word("ksmm-6.0", "ksmm-4.1")] = "ksmm-6.0"
    """The product version whose rules apply (model 3.7)."""
    address: Annotated[str, ADDRESS] = "mdm.example.com:13292"
    """The connection address of the devices, host:port."""
    certificate: Certificate = Certificate()
    """The main certificate at the start."""
    automatic_reissue: Annotated[
        AutomaticReissue,
        BeforeValidator(_automatic_reissue),
        WithJsonSchema(
            {
                "anyOf": [
                    {"enum": ["default", "off", "on"]},
                    {
                        "type": "object",
                        "description": "A reserve by itself, so long before every expiry (model 3.7).",
                        "properties": {
                            "lead": {
                                **DURATION_SCHEMA,
                                "default": "90d",
                                "description": "How long before the main certificate expires.",
                            }
                        },
                        "additionalProperties": False,
                    },
                ]
            }
        ),
    ] = AutomaticReissue()
    """Whether the server makes a reserve by itself: default (by behaviour and issuer), off or {lead: 90d}."""
    activation: Annotated[Literal["earliest", "date"], word("earliest", "date")] = "earliest"
    """Which wins where a reserve's date lies after the expiry (model 3.5)."""
    outages: tuple[Outage, ...] = ()
    """When no device reaches the server."""
