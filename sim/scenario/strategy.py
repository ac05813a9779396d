"""`strategy:` what the administrator does, and when (model 3)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Discriminator, Field, Tag

from sim.scenario.durations import format_duration, parse_duration
from sim.scenario.instants import Instant
from sim.scenario.kinds import INSTANT, Kind, duration, word
from sim.scenario.problems import quoted
from sim.scenario.section import IN_SECTION, IN_WORD, Section, form_of
from sim.scenario.server import ADDRESS, CERTIFICATE_LIFE, CertificateSource
from sim.scenario.values import closest, duration_of, kind_of


@dataclass(frozen=True, slots=True)
class Activate:
    """When a new certificate becomes main (model 3.4, 3.5); `after` in seconds, for kind `after` only."""

    kind: Literal["immediately", "after", "at expiry"]
    after: int | None = None

    def __str__(self) -> str:
        return self.kind if self.after is None else f"after {format_duration(self.after)}"


def _activate(value: object) -> Activate:
    how = "write immediately, after 30d or at expiry"
    if isinstance(value, Activate):
        return value
    if isinstance(value, Mapping) and list(value) == ["after"] and isinstance(value["after"], str):
        raise ValueError(f"a section is not read here: write after {quoted(value['after'])[1:-1]}")
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError(f"{value:g} has no unit: write after {value:g}d")
    if not isinstance(value, str):
        raise ValueError(f"{kind_of(value)} is not a time of activation: {how}")
    if value == "immediately":
        return Activate("immediately")
    if value == "at expiry":
        return Activate("at expiry")
    if value.startswith("after "):
        return Activate("after", parse_duration(value[6:]))
    lower = " ".join(value.lower().split())
    if lower in ("expiry", "at the expiry", "on expiry", "at expiration", "at expiry") or closest(
        lower, ["at expiry"]
    ):
        raise ValueError(f"{quoted(value)} is not understood here: write at expiry")
    if lower in ("now", "at once", "immediate") or closest(lower, ["immediately"]):
        raise ValueError(f"{quoted(value)} is not understood here: write immediately")
    bare = re.sub(r"^(after|in) *", "", lower)
    try:
        duration_of(bare)
    except ValueError:
        raise ValueError(f"{quoted(value)} is not a time of activation: {how}") from None
    raise ValueError(f"{quoted(value)} is not understood here: write after {quoted(bare)[1:-1]}")


ACTIVATE: Final = Kind(
    _activate,
    {
        "type": "string",
        "pattern": r"^(immediately|at expiry|after +[0-9P].*)$",
        "examples": ["immediately", "after 30d", "at expiry"],
    },
)


class AddressChange(Section):
    """The server moves to another address when the certificate is activated (model 4.3)."""

    example: ClassVar[str] = "{change_to: new.example.com:13292}"
    stand_in: ClassVar[Mapping[str, object]] = {"change_to": "stand-in:1"}

    change_to: Annotated[str, ADDRESS] = Field(examples=["new.example.com:13292"])
    """The new address, host:port."""
    opens: Annotated[Instant, INSTANT] | None = None
    """When the new address opens; default: at activation."""
    old_address_stays: Annotated[int, duration()] = 0
    """How long after activation the old address stays open, in seconds."""


class Reissue(CertificateSource):
    """A new certificate is specified (model 3.4, 3.5)."""

    example: ClassVar[str] = "{activate: after 30d}"

    activate: Annotated[Activate, ACTIVATE] = Activate("after", 30 * 86_400)
    """When it becomes main: immediately, after DURATION, or at expiry."""
    valid_for: Annotated[int, CERTIFICATE_LIFE] | None = None
    """How long it is valid, in seconds; default: as the certificate it succeeds (model 3.6)."""
    address: Annotated[
        Annotated[Literal["keep"], word("keep", otherwise=AddressChange.example), Tag(IN_WORD)]
        | Annotated[AddressChange, Tag(IN_SECTION)],
        Discriminator(form_of),
    ] = "keep"
    """Whether devices keep the connection address or change it: keep, or {change_to: HOST:PORT}."""


class Empty(Section):
    """An action that takes no settings."""

    example: ClassVar[str] = "{}"


class Step(Section):
    """One action of the administrator: `at`, and exactly one of the actions (model 3)."""

    example: ClassVar[str] = "{at: expiry - 33d, reissue: {activate: after 30d}}"
    stand_in: ClassVar[Mapping[str, object]] = {"at": "start"}
    bare_keys: ClassVar[tuple[str, ...]] = ("reissue", "cancel_reserve", "restore_previous")

    at: Annotated[Instant, INSTANT] = Field(examples=["expiry - 33d"])
    """When it is done."""
    reissue: Reissue | None = None
    """Specify a new certificate."""
    cancel_reserve: Empty | None = None
    """Remove the waiting reserve from the server, not from the devices (model 3.9)."""
    restore_previous: Empty | None = None
    """Put the previous main certificate back (model 3.9)."""
