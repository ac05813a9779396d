"""A managed device with real certificates in its two slots (model 5).

It shares no line with the engines: what it trusts is decided by OpenSSL, and what it does with its slots
is written here from the model alone, so that agreement with a simulation means something.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Final, Literal

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL, crypto

from sim.pki.issue import issue
from sim.pki.reading import Material
from sim.pki.requirements import judge
from sim.rehearsal.server import (
    ANY_STRENGTH,
    LENGTHS,
    LOOK,
    SYNCHRONIZE,
    Credential,
    LoopbackServer,
    Talk,
    Wire,
    converse,
    dial,
    fingerprint_of,
)

Verdict = Literal["accepted", "refused", "unreachable"]
"""How an attempt to connect ends (model 5.4)."""

REASONS: Final = {
    2: "not one of the trusted certificates",
    9: "not yet valid",
    10: "expired",
    18: "not one of the trusted certificates",
    19: "not one of the trusted certificates",
    20: "not one of the trusted certificates",
    21: "not one of the trusted certificates",
    24: "not allowed to be a certificate authority",
    26: "not meant for servers",
}
"""OpenSSL's verification errors in words (X509_STORE_CTX_get_error(3))."""
ISSUER_ONLY: Final = "trusted through its issuer only"
"""Why a device refuses a certificate that a certificate in its slots has signed."""


@dataclass(frozen=True, slots=True)
class Meeting:
    """How one attempt went.

    Attributes:
        verdict: how it ended.
        reason: why the device refused; None where it did not.
    """

    verdict: Verdict
    reason: str | None = None

    def __str__(self) -> str:
        return f"{self.verdict} ({self.reason})" if self.reason else self.verdict


@dataclass(frozen=True, slots=True)
class Held:
    """A certificate in a slot, with the connection address that came with it."""

    der: bytes
    address: str

    @property
    def fingerprint(self) -> str:
        """Its identity."""
        return fingerprint_of(self.der)

    @classmethod
    def of(cls, credential: Credential) -> Held:
        """What a device holds that was given this credential's certificate."""
        return cls(credential.der, credential.address)


class Phone:
    """One device.

    Attributes:
        name: as in the results.
        main: its main slot.
        reserve: its reserve slot.
        platform: `ios` asks more of a certificate than identity and validity (model 5.6).
    """

    def __init__(self, name: str, main: Held, reserve: Held | None, *, platform: str = "android") -> None:
        self.name = name
        self.main = main
        self.reserve = reserve
        self.platform = platform

    @property
    def slots(self) -> tuple[str | None, str | None]:
        """Fingerprints of what it holds: main, reserve."""
        return self.main.fingerprint, None if self.reserve is None else self.reserve.fingerprint

    def trusted(self) -> list[x509.Certificate]:
        """The certificates that it trusts: exactly those in its slots."""
        held = (self.main, self.reserve)
        return [x509.load_der_x509_certificate(each.der) for each in held if each is not None]

    def dials(self, *, presented: str, ever_presented: Collection[str]) -> str:
        """The address it dials (model 4.3), knowing which certificates have become main so far.

        Args:
            presented: fingerprint of the server's main certificate.
            ever_presented: fingerprints of all that are or were main.
        """
        for held in (self.main, self.reserve):
            if held is not None and held.fingerprint == presented:
                return held.address
        if self.reserve is not None and self.reserve.fingerprint in ever_presented:
            return self.reserve.address
        return self.main.address

    def reinstall(self, main: Held, reserve: Held | None) -> None:
        """The app is reinstalled: both slots hold what the server has (model 6.2)."""
        self.main, self.reserve = main, reserve

    def meet(self, server: LoopbackServer, address: str, *, at: datetime, synchronizes: bool) -> Meeting:
        """Connect to the address as if it were `at`, and synchronize if asked to and all is well.

        Raises:
            LoopbackError: the machine's loopback does not work.
        """
        sock = dial(server.port_of(address))
        if sock is None:
            return Meeting("unreachable")
        context = self._context(at)
        connection = SSL.Connection(context)
        connection.set_connect_state()
        with sock:
            wire = Wire(sock, connection)
            try:
                reserve = converse(
                    self._talk(wire, connection, address, synchronizes), server.answer(address)
                )
            except SSL.Error as error:
                return Meeting("refused", _diagnosis(context, server.main.certificate) or _words(error))
            except ObjectionError as objection:
                return Meeting("refused", str(objection))
        if synchronizes:
            self._store(fingerprint_of(_der(_received(connection)[0])), reserve)
        return Meeting("accepted")

    def _talk(
        self, wire: Wire, connection: SSL.Connection, address: str, synchronizes: bool
    ) -> Talk[Held | None]:
        """Handshake, a look at the certificate, request and answer."""
        yield from wire.until(connection.do_handshake)
        leaf, *chain = _received(connection)
        if fingerprint_of(_der(leaf)) not in self.slots:
            raise ObjectionError(ISSUER_ONLY)
        objection = _apple_objection(leaf, chain, address) if self.platform == "ios" else None
        if objection is not None:
            raise ObjectionError(objection)
        request = SYNCHRONIZE if synchronizes else LOOK
        yield from wire.until(lambda: connection.sendall(request))
        reply = b""
        while len(reply) < LENGTHS.size or len(reply) < LENGTHS.size + sum(LENGTHS.unpack_from(reply)):
            reply += yield from wire.until(lambda: connection.recv(1 << 16))
        der_bytes, _ = LENGTHS.unpack_from(reply)
        body = reply[LENGTHS.size :]
        return Held(body[:der_bytes], body[der_bytes:].decode()) if der_bytes else None

    def _store(self, presented: str, reserve: Held | None) -> None:
        """Slots after a synchronization (model 5.4 d)."""
        if self.reserve is not None and self.reserve.fingerprint == presented:
            self.main, self.reserve = self.reserve, None
        if reserve is not None:
            self.reserve = reserve

    def _context(self, at: datetime) -> SSL.Context:
        """The device's side of TLS: its slots as trust anchors, the clock at `at`.

        There is no callback on purpose: an interrupt in one would end in OpenSSL and be lost.
        """
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_cipher_list(ANY_STRENGTH)
        context.set_verify(SSL.VERIFY_PEER)
        store = _store_of(context)
        for certificate in self.trusted():
            store.add_cert(crypto.X509.from_cryptography(certificate))
        store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
        store.set_time(at)
        return context


class ObjectionError(Exception):
    """The device does not accept a certificate that OpenSSL accepts; the text says why."""


@cache
def counts_not_after_in() -> bool:
    """Whether this OpenSSL accepts a certificate in the second that its notAfter names.

    Up to 3.x it does not, as the model (1.4); from 4.0 on it does, as RFC 5280 4.1.2.5 says (openssl issue
    15124).
    """
    end = datetime(2030, 1, 2, tzinfo=UTC)
    issued = issue(
        generation=0, host="localhost", not_before=end - timedelta(days=1), not_after=end, issuer="ksc"
    )
    certificate = crypto.X509.from_cryptography(issued.x509)
    store = crypto.X509Store()
    store.add_cert(certificate)
    store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
    store.set_time(end)
    try:
        crypto.X509StoreContext(store, certificate).verify_certificate()
    except crypto.X509StoreContextError:
        return False
    return True


def _apple_objection(
    certificate: x509.Certificate, chain: Sequence[x509.Certificate], address: str
) -> str | None:
    """Which of Apple's requirements for trusted certificates are not met (support.apple.com/en-us/103769)."""
    received = Material(certificate=certificate, chain=tuple(chain), key=None, path=Path("received"))
    broken = judge(received, address=address).broken("ios")
    return "; ".join(f"{each.rule.name} ({each.found})" for each in broken) or None


def _store_of(context: SSL.Context) -> crypto.X509Store:
    store = context.get_cert_store()
    assert store is not None
    return store


def _diagnosis(context: SSL.Context, presented: x509.Certificate) -> str | None:
    """Why the handshake failed: the same verification again, as pyOpenSSL does not pass on its result."""
    verification = crypto.X509StoreContext(_store_of(context), crypto.X509.from_cryptography(presented))
    try:
        verification.verify_certificate()
    except crypto.X509StoreContextError as error:
        return REASONS.get(error.errors[0], str(error))
    return None


def _received(connection: SSL.Connection) -> list[x509.Certificate]:
    """The certificate that was presented, and the chain that came with it."""
    received = connection.get_peer_cert_chain(as_cryptography=True)
    assert received
    return list(received)


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def _words(error: SSL.Error) -> str:
    """OpenSSL's own words; they name no certificate and no key."""
    reasons = error.args[0] if error.args else ()
    return "; ".join(reason for _, _, reason in reasons) or "the connection was closed"
