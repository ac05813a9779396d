"""The Administration Server on loopback: it presents certificates and hands over the reserve (model 4)."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL

from sim.pki.certificate import fingerprint_of
from sim.pki.issue import issue, server_key
from sim.pki.names import host_of
from sim.scenario.certificates import Custom, mistake
from sim.scenario.prepare import Prepared
from sim.scenario.scenario import Scenario
from sim.text import quoted
from sim.world.certificates import Certificate
from sim.world.timeline import UNKNOWN_CERTIFICATE, State

T = TypeVar("T")

LOOPBACK: Final = "127.0.0.1"
"""The only interface that anything here binds to or dials."""
PATIENCE_S: Final = 10.0
"""A loopback connection that makes no progress for this long has failed."""
ANY_STRENGTH: Final = b"DEFAULT:@SECLEVEL=0"
"""Key lengths and hashes are judged by the platform's rules (model 5.6), not by OpenSSL's own level."""
_STRAY: Final = 1_000_000
"""The generation that a certificate is issued under which the server never presents."""


# --- certificates --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Held:
    """A certificate, and the connection address that comes with it (model 4.3)."""

    certificate: x509.Certificate
    address: str

    @property
    def fingerprint(self) -> str:
        """`sha256:…` of the certificate."""
        return fingerprint_of(self.certificate)


@dataclass(frozen=True)
class Credential(Held):
    """A certificate that the server can present.

    Attributes:
        key: its private key, only ever handed to OpenSSL in memory; None: it is never presented.
        chain: further certificates that the server sends along.
    """

    key: PrivateKeyTypes | None = field(repr=False)
    chain: tuple[x509.Certificate, ...] = ()


def credentials_of(prepared: Prepared) -> dict[int, Credential]:
    """By generation, the certificates and keys of a run, and a certificate that is never presented.

    Raises:
        ScenarioError: a file holds no private key although its certificate is presented.
    """
    scenario, server = prepared.scenario, prepared.timeline.server
    custom = {each.identity: each for each in prepared.certificates.values()}
    stray = replace(server.certificates[0], generation=_STRAY, identity=None)
    credentials = {UNKNOWN_CERTIFICATE: _made_up(scenario, stray)}
    for certificate in server.certificates:
        generation, identity = certificate.generation, certificate.identity
        if identity is None:
            credentials[generation] = _made_up(scenario, certificate)
            continue
        credentials[generation] = _from_file(custom[identity], certificate.address)
        if credentials[generation].key is None and generation in server.activated:
            message = (
                f"{quoted(custom[identity].file)} holds no private key, and without it no server can present "
                "the certificate: name the key's file with key:, or take the PKCS #12 file"
            )
            raise mistake(scenario, f"{custom[identity].key}.file", message)
    return credentials


def _from_file(custom: Custom, address: str) -> Credential:
    """A planner's certificate; one made with the test key that everyone knows (RFC 9500) needs no other."""
    certificate, key = custom.material.certificate, custom.material.key
    if key is None and certificate.public_key() == server_key().public_key():
        key = server_key()
    return Credential(certificate, address, key, custom.material.chain)


def _made_up(scenario: Scenario, certificate: Certificate) -> Credential:
    issued = issue(
        generation=certificate.generation,
        host=host_of(certificate.address),
        not_before=scenario.start + timedelta(seconds=certificate.not_before_s),
        not_after=scenario.start + timedelta(seconds=certificate.not_after_s),
        issuer=certificate.issuer,
    )
    return Credential(issued, certificate.address, server_key())


# --- the server ----------------------------------------------------------------------------------------


class LoopbackServer:
    """Presents what a state of the timeline says, at the addresses that it says are open.

    Each open address is a port of its own, which the machine chooses; nobody listens at the others. What the
    system refuses is an `OSError`.

    Attributes:
        credentials: certificates and keys by generation.
        state: what it does now.
    """

    state: State

    def __init__(self, credentials: Mapping[int, Credential]) -> None:
        self.credentials = credentials
        self._contexts: dict[int, SSL.Context] = {}
        self._listening: dict[str, socket.socket] = {}
        self._thread = ThreadPoolExecutor(1)

    @property
    def main(self) -> Credential:
        """What it presents."""
        return self.credentials[self.state.main]

    @property
    def reserve(self) -> Credential | None:
        """What it hands over."""
        return self.credentials.get(self.state.reserve)

    def become(self, state: State) -> None:
        """Do from now on what the state says."""
        self.state = state
        is_open = frozenset() if state.is_out else state.open_addresses
        for address in self._listening.keys() - is_open:
            self._listening.pop(address).close()
        for address in is_open - self._listening.keys():
            self._listening[address] = socket.create_server((LOOPBACK, 0))

    def is_open(self, address: str) -> bool:
        """Whether somebody answers at the address."""
        return address in self._listening

    @contextmanager
    def dial(self, address: str) -> Iterator[socket.socket | None]:
        """The device's end of a connection that the server answers; None: nobody listens at the address."""
        if not self.is_open(address):
            yield None
            return
        listening = self._listening[address]
        with socket.create_connection(listening.getsockname(), timeout=PATIENCE_S) as sock:
            answered = self._thread.submit(self._answer, listening)
            yield sock
        answered.result()

    def _answer(self, listening: socket.socket) -> None:
        """Take one connection, which the device may end at any time; give the reserve to one that asks."""
        sock, _ = listening.accept()
        with sock, suppress(SSL.Error):
            sock.settimeout(PATIENCE_S)
            connection = SSL.Connection(self._context(), sock)
            connection.set_accept_state()
            patiently(connection, connection.do_handshake)
            patiently(connection, lambda: connection.recv(1))
            if self.reserve is not None:
                address = self.reserve.address.encode()
                connection.sendall(address + b"\n" + self.reserve.certificate.public_bytes(Encoding.DER))
            connection.shutdown()

    def _context(self) -> SSL.Context:
        """The server's side of TLS; every handshake is a full one, none is resumed."""
        context = self._contexts.get(self.state.main)
        if context is None:
            context = self._contexts[self.state.main] = SSL.Context(SSL.TLS_SERVER_METHOD)
            context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
            context.set_options(SSL.OP_NO_TICKET)
            context.set_cipher_list(ANY_STRENGTH)
            context.use_certificate(self.main.certificate)
            for certificate in self.main.chain:
                context.add_extra_chain_cert(certificate)
            context.use_privatekey(self.main.key)  # type: ignore[arg-type]
            context.check_privatekey()
        return context

    def __enter__(self) -> LoopbackServer:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()
        for listening in self._listening.values():
            listening.close()


def patiently(connection: SSL.Connection, action: Callable[[], T]) -> T:
    """Repeat a TLS action until it needs no more bytes.

    Raises:
        TimeoutError: the other end says nothing for `PATIENCE_S`.
    """
    while True:
        try:
            return action()
        except SSL.WantReadError:
            if not select.select([connection], [], [], PATIENCE_S)[0]:
                raise TimeoutError(f"no answer for {PATIENCE_S:g} s") from None
