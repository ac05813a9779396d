"""The second of notAfter, which libraries read differently, and Python's own `ssl` as a second witness.

OpenSSL up to 3.x refuses a certificate in the second that its notAfter names, as the model does (1.4).
From 4.0 on it counts that second in, as RFC 5280 4.1.2.5 says (openssl issue 15124). The library behind
`cryptography` and the one behind Python's `ssl` may differ in this, so both are asked.
"""

from __future__ import annotations

import math
import ssl
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import crypto

from sim.pki.issue import issue, server_key
from sim.rehearsal.credentials import Credential, OddCertificateError, twin_of
from sim.rehearsal.phone import ISSUER_ONLY, REASONS, Meeting, Phone
from sim.rehearsal.server import ANY_STRENGTH, LoopbackServer
from sim.rehearsal.wire import LoopbackError, PythonRecords, Wire, converse, dial
from sim.world.certificates import NO_CERTIFICATE
from sim.world.timeline import State

_SETTLED_S: Final = 0.05
"""The time that OpenSSL reads, time(2), follows the clock by up to one tick of the kernel (10 ms)."""
_ENOUGH_S: Final = 0.1
"""A handshake usually fits into this much of a second; else it is done again."""
_TRIES: Final = 20


@cache
def openssl_counts_not_after_in() -> bool:
    """Whether the OpenSSL of the devices accepts a certificate in the second of its notAfter."""
    end = datetime(2030, 1, 2, tzinfo=UTC)
    issued = issue(
        generation=0, host="localhost", not_before=end - timedelta(days=1), not_after=end, issuer="ksc"
    )
    store = crypto.X509Store()
    store.add_cert(crypto.X509.from_cryptography(issued.x509))
    store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
    store.set_time(end)
    try:
        crypto.X509StoreContext(store, crypto.X509.from_cryptography(issued.x509)).verify_certificate()
    except crypto.X509StoreContextError:
        return False
    return True


@cache
def python_counts_not_after_in() -> bool:
    """The same of Python's `ssl`, found by a real handshake in a real last second."""
    end = datetime(2030, 1, 2, tzinfo=UTC)
    issued = issue(
        generation=0, host="localhost", not_before=end - timedelta(days=1), not_after=end, issuer="ksc"
    )
    credential = Credential(0, "localhost", issued.x509, server_key())
    return connect_with_python(credential, [issued.x509], at=end).verdict == "accepted"


def meet_with_python(phone: Phone, server: LoopbackServer, address: str, *, at: datetime) -> Meeting | None:
    """What Python's `ssl` says in the phone's place, where the address is open; nothing is synchronized.

    None: it cannot be asked, since a certificate is too odd to be written anew.
    """
    try:
        meeting = connect_with_python(server.main, phone.trusted(), at=at)
    except OddCertificateError:
        return None
    if meeting.verdict == "accepted" and phone.refuses is not None:
        reason = phone.refuses(server.main.certificate, server.main.chain, address)
        return meeting if reason is None else Meeting("refused", reason)
    return meeting


def connect_with_python(
    presented: Credential, trusted: Sequence[x509.Certificate], *, at: datetime
) -> Meeting:
    """A handshake by Python's `ssl`, on the real clock.

    `ssl` has no clock to set. So every certificate is replaced by its twin, whose dates lie as far from the
    real second of the handshake as those of the original from `at`; all else in it is the same.

    Raises:
        OddCertificateError: a certificate cannot be written anew.
        LoopbackError: no handshake fitted into one second.
    """
    for _ in range(_TRIES):
        began_s = time.time()
        if not _SETTLED_S <= began_s % 1 <= 1 - _ENOUGH_S:
            time.sleep((_SETTLED_S - began_s) % 1)
            continue
        shift = datetime.fromtimestamp(math.floor(began_s), UTC) - at
        meeting = _handshake(
            Credential(
                presented.generation,
                presented.address,
                twin_of(presented.certificate, shift=shift),
                presented.key,
            ),
            [twin_of(each, shift=shift) for each in trusted],
        )
        if math.floor(time.time()) == math.floor(began_s):
            return meeting
    raise LoopbackError("no TLS handshake on 127.0.0.1 was done within a second")


def _handshake(presented: Credential, trusted: Sequence[x509.Certificate]) -> Meeting:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # identity is the certificate itself, not its names
    context.set_ciphers(ANY_STRENGTH.decode())
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if trusted:
        context.load_verify_locations(cadata=b"".join(each.public_bytes(Encoding.DER) for each in trusted))
    arrived, leaving = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(arrived, leaving)
    address = presented.address
    with LoopbackServer({presented.generation: presented}) as server:
        server.become(_presents(presented))
        sock = dial(server.port_of(address))
        assert sock is not None
        with sock:
            wire = Wire(sock, PythonRecords(arrived, leaving))
            try:
                converse(wire.until(tls.do_handshake), server.answer(address))
            except ssl.SSLCertVerificationError as error:
                return Meeting("refused", REASONS.get(error.verify_code, error.verify_message))
        if tls.getpeercert(binary_form=True) not in [each.public_bytes(Encoding.DER) for each in trusted]:
            return Meeting("refused", ISSUER_ONLY)
    return Meeting("accepted")


def _presents(credential: Credential) -> State:
    nothing: frozenset[int] = frozenset()
    return State(
        from_s=0,
        change=None,
        main=credential.generation,
        is_valid=True,
        reserve=NO_CERTIFICATE,
        is_out=False,
        open_addresses=frozenset({credential.address}),
        activated=nothing,
        replaced=nothing,
        specified=nothing,
    )
