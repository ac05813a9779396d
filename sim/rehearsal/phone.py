"""A managed device with real certificates in its two slots (model 5).

It shares no line with the engines: what it trusts is decided by OpenSSL, and what it does with its slots
is written here from the model alone, so that agreement with a simulation means something.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from cryptography import x509
from OpenSSL import SSL, crypto

from sim.pki.certificate import fingerprint_of
from sim.pki.reading import Material
from sim.pki.requirements import judge
from sim.rehearsal.server import ANY_STRENGTH, Held, LoopbackServer, patiently

Verdict = Literal["accepted", "refused", "unreachable"]
"""How an attempt to connect ends (model 5.4)."""

UNTRUSTED: Final = "not one of the trusted certificates"
REASONS: Final = {
    2: UNTRUSTED,
    9: "not yet valid",
    10: "expired",
    18: UNTRUSTED,
    19: UNTRUSTED,
    20: UNTRUSTED,
    21: UNTRUSTED,
    24: "not allowed to be a certificate authority",
    26: "not meant for servers",
}
"""OpenSSL's verification errors in words (X509_STORE_CTX_get_error(3))."""
COUNTS_NOT_AFTER_IN: Final = SSL.OPENSSL_VERSION_NUMBER >= 0x4000_0000
"""Whether this OpenSSL accepts a certificate in the second that its notAfter names.

Up to 3.x it does not, as the model (1.4); from 4.0 on it does, as RFC 5280 4.1.2.5 says (openssl 15124).
"""


@dataclass(frozen=True, slots=True)
class Meeting:
    """How one attempt ended, and why the device refused; None where it did not."""

    verdict: Verdict
    reason: str | None = None

    def __str__(self) -> str:
        return f"{self.verdict} ({self.reason})" if self.reason else self.verdict


class Phone:
    """One device.

    Attributes:
        main: its main slot.
        reserve: its reserve slot.
        platform: `ios` asks more of a certificate than identity and validity (model 5.6).
    """

    def __init__(self, main: Held, reserve: Held | None, *, platform: str = "android") -> None:
        self.main, self.reserve, self.platform = main, reserve, platform

    @property
    def slots(self) -> tuple[str | None, str | None]:
        """Fingerprints of what it holds: main, reserve."""
        return self.main.fingerprint, None if self.reserve is None else self.reserve.fingerprint

    def trusted(self) -> list[x509.Certificate]:
        """The certificates that it trusts: exactly those in its slots."""
        return [each.certificate for each in (self.main, self.reserve) if each is not None]

    def dials(self, *, presented: str, ever_presented: Collection[str]) -> str:
        """The address it dials (model 4.3).

        Args:
            presented: fingerprint of the server's main certificate.
            ever_presented: fingerprints of all that are or were main.
        """
        if self.main.fingerprint == presented or self.reserve is None:
            return self.main.address
        return (self.reserve if self.reserve.fingerprint in ever_presented else self.main).address

    def meet(self, server: LoopbackServer, address: str, *, at: datetime, synchronizes: bool) -> Meeting:
        """Connect to the address as if it were `at`, and synchronize if asked to and all is well.

        Raises:
            OSError: the machine's loopback does not work.
        """
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_cipher_list(ANY_STRENGTH)
        context.set_verify(SSL.VERIFY_PEER)  # no callback: an interrupt in one would be lost in OpenSSL
        store = self._trust_of(context, at)
        with server.dial(address) as sock:
            if sock is None:
                return Meeting("unreachable")
            connection = SSL.Connection(context, sock)
            connection.set_connect_state()
            try:
                patiently(connection, connection.do_handshake)
            except SSL.Error as error:
                return Meeting("refused", _diagnosis(store, server.main.certificate) or str(error))
            leaf, *chain = connection.get_peer_cert_chain(as_cryptography=True) or []
            objection = self._objection(leaf, chain, address)
            if objection is None and synchronizes:
                self._take(fingerprint_of(leaf), _reserve_from(connection))
        return Meeting("accepted" if objection is None else "refused", objection)

    def _objection(
        self, leaf: x509.Certificate, chain: Sequence[x509.Certificate], address: str
    ) -> str | None:
        """Why it refuses a certificate that OpenSSL accepts.

        An iPhone has Apple's requirements for trusted certificates (support.apple.com/en-us/103769).
        """
        if fingerprint_of(leaf) not in self.slots:
            return "trusted through its issuer only"
        if self.platform != "ios":
            return None
        received = Material(certificate=leaf, chain=tuple(chain), key=None, path=Path("received"))
        broken = judge(received, address=address).broken("ios")
        return "; ".join(f"{each.rule.name} ({each.found})" for each in broken) or None

    def _take(self, presented: str, reserve: Held | None) -> None:
        """Slots after a synchronization (model 5.4 d)."""
        if self.reserve is not None and self.reserve.fingerprint == presented:
            self.main, self.reserve = self.reserve, None
        if reserve is not None:
            self.reserve = reserve

    def _trust_of(self, context: SSL.Context, at: datetime) -> crypto.X509Store:
        """What verifies: its slots as trust anchors, the clock at `at`."""
        store = context.get_cert_store()
        assert store is not None
        for certificate in self.trusted():
            store.add_cert(crypto.X509.from_cryptography(certificate))
        store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
        store.set_time(at)
        return store


def _reserve_from(connection: SSL.Connection) -> Held | None:
    """Ask for the reserve."""
    connection.sendall(b"?")
    reply = b""
    with suppress(SSL.ZeroReturnError):  # the server has said all
        while True:
            reply += patiently(connection, lambda: connection.recv(1 << 16))
    address, _, der = reply.partition(b"\n")
    return Held(x509.load_der_x509_certificate(der), address.decode()) if der else None


def _diagnosis(store: crypto.X509Store, presented: x509.Certificate) -> str | None:
    """Why the handshake failed: the same verification again, as pyOpenSSL does not pass on its result."""
    try:
        crypto.X509StoreContext(store, crypto.X509.from_cryptography(presented)).verify_certificate()
    except crypto.X509StoreContextError as error:
        return REASONS.get(error.errors[0], str(error))
    return None
