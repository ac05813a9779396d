"""What a scenario file may hold, all in one place: one frozen class per section, one attribute per key."""

from __future__ import annotations

from sim.results.measures import MEASURES
from sim.scenario.fleet import MOST_DEVICES, Group, Spells, Sync
from sim.scenario.guarantees import Guarantee, Recovery
from sim.scenario.scenario import Scenario, Source
from sim.scenario.section import Section
from sim.scenario.server import (
    LONGEST_CERTIFICATE_S,
    AutomaticReissue,
    Certificate,
    CertificateSource,
    Outage,
    Server,
)
from sim.scenario.strategy import Activate, AddressChange, Empty, Reissue, Step

__all__ = [
    "LONGEST_CERTIFICATE_S",
    "MEASURES",
    "MOST_DEVICES",
    "Activate",
    "AddressChange",
    "AutomaticReissue",
    "Certificate",
    "CertificateSource",
    "Empty",
    "Group",
    "Guarantee",
    "Outage",
    "Recovery",
    "Reissue",
    "Scenario",
    "Section",
    "Server",
    "Source",
    "Spells",
    "Step",
    "Sync",
]
