"""The second of notAfter: what OpenSSL itself does with it, in real handshakes (model 1.4).

OpenSSL up to 3.x leaves this second out, as the model does; from 4.0 on it counts it in (RFC 5280 4.1.2.5).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from sim.pki.issue import issue, server_key
from sim.rehearsal.phone import COUNTS_NOT_AFTER_IN, Phone
from sim.rehearsal.server import Credential, LoopbackServer
from sim.world.timeline import State

BEGIN = datetime(2031, 1, 1, tzinfo=UTC)
END = datetime(2031, 2, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ADDRESS = "mdm.example.com:13292"


def credential(generation: int = 0, *, begin: datetime = BEGIN, end: datetime = END) -> Credential:
    issued = issue(
        generation=generation, host="mdm.example.com", not_before=begin, not_after=end, issuer="ksc"
    )
    return Credential(issued, ADDRESS, server_key())


def presenting(generation: int) -> State:
    return State(0, None, generation, True, -1, False, frozenset({ADDRESS}))


@pytest.mark.parametrize(
    ("instant", "is_accepted"),
    [
        (BEGIN - SECOND, False),
        (BEGIN, True),
        (END - SECOND, True),
        (END, COUNTS_NOT_AFTER_IN),
        (END + SECOND, False),
    ],
)
def test_a_handshake_on_a_set_clock_keeps_to_the_dates_to_the_second(
    instant: datetime, is_accepted: bool
) -> None:
    with LoopbackServer({0: credential()}) as server:
        server.become(presenting(0))
        phone = Phone(credential(), None)
        meeting = phone.meet(server, ADDRESS, at=instant, synchronizes=True)
    assert (meeting.verdict == "accepted") == is_accepted
    if not is_accepted:
        assert meeting.reason == ("not yet valid" if instant < BEGIN else "expired")


def test_a_certificate_signed_by_one_in_a_slot_is_not_trusted_for_that() -> None:
    issuer = credential(0)  # CA true: OpenSSL would follow a chain up to it
    leaf = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(issuer.certificate.subject)
        .public_key(server_key().public_key())
        .serial_number(1)
        .not_valid_before(BEGIN)
        .not_valid_after(END)
        .sign(server_key(), issuer.certificate.signature_hash_algorithm)
    )
    signed = Credential(leaf, ADDRESS, server_key())
    with LoopbackServer({7: signed}) as server:
        server.become(presenting(7))
        meeting = Phone(issuer, None).meet(server, ADDRESS, at=BEGIN, synchronizes=False)
    assert (meeting.verdict, meeting.reason) == ("refused", "trusted through its issuer only")
