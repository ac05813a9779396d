"""The second of notAfter: what OpenSSL itself does with it, in real handshakes (model 1.4).

OpenSSL up to 3.x leaves this second out, as the model does; from 4.0 on it counts it in (RFC 5280 4.1.2.5).
"""

from __future__ import annotations

import math
import ssl
import time
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from OpenSSL import SSL

from sim.pki.issue import issue, server_key
from sim.rehearsal.credentials import Credential, twin_of
from sim.rehearsal.notafter import (
    connect_with_python,
    openssl_counts_not_after_in,
    python_counts_not_after_in,
)
from sim.rehearsal.phone import Held, Phone
from sim.rehearsal.server import LoopbackServer
from sim.world.timeline import State

BEGIN = datetime(2031, 1, 1, tzinfo=UTC)
END = datetime(2031, 2, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ADDRESS = "mdm.example.com:13292"

PYTHON_LEAVES_OUT = ssl.OPENSSL_VERSION_INFO < (4,)
DEVICES_LEAVE_OUT = SSL.OPENSSL_VERSION_NUMBER < 0x4000_0000


def credential(generation: int = 0, *, begin: datetime = BEGIN, end: datetime = END) -> Credential:
    issued = issue(
        generation=generation, host="mdm.example.com", not_before=begin, not_after=end, issuer="ksc"
    )
    return Credential(generation, ADDRESS, issued.x509, server_key())


def presenting(generation: int) -> State:
    none: frozenset[int] = frozenset()
    return State(0, None, generation, True, -1, False, frozenset({ADDRESS}), none, none, none)


@pytest.mark.parametrize(
    ("instant", "is_accepted"),
    [
        (BEGIN - SECOND, False),
        (BEGIN, True),
        (END - SECOND, True),
        (END, not DEVICES_LEAVE_OUT),
        (END + SECOND, False),
    ],
)
def test_a_handshake_on_a_set_clock_keeps_to_the_dates_to_the_second(
    instant: datetime, is_accepted: bool
) -> None:
    with LoopbackServer({0: credential()}) as server:
        server.become(presenting(0))
        phone = Phone("phone", Held.of(credential()), None)
        meeting = phone.meet(server, ADDRESS, at=instant, synchronizes=True)
    assert (meeting.verdict == "accepted") == is_accepted
    if not is_accepted:
        assert meeting.reason == ("not yet valid" if instant < BEGIN else "expired")


@pytest.mark.parametrize(
    ("instant", "is_accepted"),
    [
        (BEGIN - SECOND, False),
        (BEGIN, True),
        (END - SECOND, True),
        (END, not PYTHON_LEAVES_OUT),
        (END + SECOND, False),
    ],
)
def test_pythons_ssl_with_twins_keeps_to_the_dates_to_the_second(
    instant: datetime, is_accepted: bool
) -> None:
    meeting = connect_with_python(credential(), [credential().certificate], at=instant)
    assert (meeting.verdict == "accepted") == is_accepted


def test_on_the_real_clock_a_certificate_is_accepted_until_one_second_before_its_not_after() -> None:
    """Nothing is set and nothing is moved here: a certificate that lives for some seconds, and `ssl`."""
    for _ in range(10):
        end = datetime.fromtimestamp(math.floor(time.time()) + 3, UTC)
        short = credential(begin=end - timedelta(days=1), end=end)
        met = [met_in_its_second(short, end - SECOND), met_in_its_second(short, end)]
        if None not in met:  # else the machine was too slow: once more
            break
    assert met == ["accepted", "refused" if PYTHON_LEAVES_OUT else "accepted"]


def met_in_its_second(presented: Credential, second: datetime) -> str | None:
    """How a handshake in a real second ends; None if it is not done within that second."""
    time.sleep(max(0.0, second.timestamp() + 0.06 - time.time()))
    meeting = connect_with_python(presented, [presented.certificate], at=second)
    return meeting.verdict if math.floor(time.time()) == second.timestamp() else None


def test_how_each_library_reads_not_after_is_measured_and_follows_its_version() -> None:
    assert openssl_counts_not_after_in() is not DEVICES_LEAVE_OUT
    assert python_counts_not_after_in() is not PYTHON_LEAVES_OUT


def test_a_twin_differs_in_its_dates_and_signature_only() -> None:
    original = credential().certificate
    twin = twin_of(original, shift=timedelta(days=-1000, seconds=7))
    assert twin.not_valid_before_utc - original.not_valid_before_utc == timedelta(days=-1000, seconds=7)
    assert twin.not_valid_after_utc - original.not_valid_after_utc == timedelta(days=-1000, seconds=7)
    for name in ("subject", "issuer", "serial_number"):
        assert getattr(twin, name) == getattr(original, name)
    assert twin.public_key() == original.public_key()
    assert list(twin.extensions) == list(original.extensions)


def test_pythons_ssl_trusts_the_slots_and_not_who_signed_what_is_in_them() -> None:
    assert connect_with_python(credential(0), [credential(0).certificate], at=BEGIN).verdict == "accepted"
    assert connect_with_python(credential(0), [credential(1).certificate], at=BEGIN).verdict == "refused"


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
    signed = Credential(7, ADDRESS, leaf, server_key())
    with LoopbackServer({7: signed}) as server:
        server.become(presenting(7))
        meeting = Phone("phone", Held.of(issuer), None).meet(server, ADDRESS, at=BEGIN, synchronizes=False)
    assert (meeting.verdict, meeting.reason) == ("refused", "trusted through its issuer only")
    by_python = connect_with_python(signed, [issuer.certificate], at=BEGIN)
    assert (by_python.verdict, by_python.reason) == ("refused", "trusted through its issuer only")
