"""The Administration Server on loopback: it presents certificates and hands over the reserve (model 4).

Each end of a connection is a generator that yields while it waits for bytes, and both are driven in one
thread: there is nothing to join and no lock, and an interrupt ends both ends at once.
"""

from __future__ import annotations

import select
import socket
import struct
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from hashlib import sha256
from types import TracebackType
from typing import Final, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL

from sim.errors import InputError
from sim.pki.issue import issue, server_key
from sim.pki.names import host_of
from sim.scenario.certificates import Custom
from sim.scenario.prepare import Prepared
from sim.scenario.problems import Problem, ScenarioError
from sim.scenario.scenario import Scenario
from sim.text import quoted
from sim.world.certificates import Certificate
from sim.world.timeline import UNKNOWN_CERTIFICATE, State

_STRAY: Final = 1_000_000
"""The generation that a certificate is issued under which the server never presents."""


@dataclass(frozen=True)
class Credential:
    """A certificate that the server can present.

    Attributes:
        generation: its number in the run.
        address: the connection address that comes with it (model 4.3).
        certificate: the certificate that is presented.
        key: its private key, only ever handed to OpenSSL in memory; None: it is never presented.
        chain: further certificates that the server sends along.
    """

    generation: int
    address: str
    certificate: x509.Certificate
    key: PrivateKeyTypes | None = field(repr=False)
    chain: tuple[x509.Certificate, ...] = ()

    @cached_property
    def der(self) -> bytes:
        """The certificate in DER."""
        return self.certificate.public_bytes(Encoding.DER)

    @cached_property
    def fingerprint(self) -> str:
        """`sha256:…` of the certificate."""
        return fingerprint_of(self.der)

    @property
    def not_after(self) -> datetime:
        """What its notAfter field says, in UTC."""
        return self.certificate.not_valid_after_utc


def fingerprint_of(der: bytes) -> str:
    """The identity of a certificate (model 3.1)."""
    return f"sha256:{sha256(der).hexdigest()}"


def credentials_of(prepared: Prepared) -> Mapping[int, Credential]:
    """The real certificate and key behind every generation of a run, and one that is never presented.

    Raises:
        ScenarioError: a file holds no private key although its certificate is presented.
    """
    scenario, server = prepared.scenario, prepared.timeline.server
    custom = {each.identity: each for each in prepared.certificates.values()}
    stray = replace(server.certificates[0], generation=_STRAY, identity=None)
    credentials = {UNKNOWN_CERTIFICATE: _made_up(scenario, stray)}
    problems = []
    for certificate in server.certificates:
        generation = certificate.generation
        if certificate.identity is None:
            credentials[generation] = _made_up(scenario, certificate)
            continue
        source = custom[certificate.identity]
        material = source.material
        key = material.key or _published_key(material.certificate)
        credentials[generation] = Credential(
            generation, certificate.address, material.certificate, key, material.chain
        )
        if key is None and generation in server.activated:
            problems.append(_without_key(scenario, source))
    if problems:
        raise ScenarioError(problems)
    return credentials


def _published_key(certificate: x509.Certificate) -> PrivateKeyTypes | None:
    """The test key that everyone knows (RFC 9500), if the certificate is made with it."""
    return server_key() if certificate.public_key() == server_key().public_key() else None


def _without_key(scenario: Scenario, source: Custom) -> Problem:
    key = f"{source.key}.file"
    message = (
        f"{quoted(source.file)} holds no private key, and without it no server can present the certificate: "
        "name the key's file with key:, or take the PKCS #12 file"
    )
    place = scenario.place_of(key)
    if place is None:
        return Problem("<scenario>", None, None, key, message)
    return Problem.at(place, key=key, message=message)


def _made_up(scenario: Scenario, certificate: Certificate) -> Credential:
    issued = issue(
        generation=certificate.generation,
        host=host_of(certificate.address),
        not_before=scenario.start + timedelta(seconds=certificate.not_before_s),
        not_after=scenario.start + timedelta(seconds=certificate.not_after_s),
        issuer=certificate.issuer,
    )
    return Credential(certificate.generation, certificate.address, issued.x509, server_key())


T = TypeVar("T")
Talk = Generator[socket.socket, None, T]
"""What one end says and hears; it yields the socket it waits for."""

LOOPBACK: Final = "127.0.0.1"
"""The only interface that anything here binds to or dials."""
PATIENCE_S: Final = 10.0
"""A loopback connection that makes no progress for this long has failed."""
_READ_BYTES: Final = 16_384
_STUCK: Final = f"a connection to 127.0.0.1 made no progress for {PATIENCE_S:g} s: does a firewall stop it?"


class LoopbackError(InputError):
    """This machine's loopback does not carry the rehearsal; the text says what failed."""


def dial(port: int) -> socket.socket | None:
    """A connection to a port of this machine; None: nobody listens there.

    Raises:
        LoopbackError: neither came about.
    """
    try:
        return socket.create_connection((LOOPBACK, port), timeout=PATIENCE_S)
    except ConnectionRefusedError:
        return None
    except OSError as error:
        raise LoopbackError(f"{LOOPBACK} cannot be dialled here: {error.strerror or error}") from None


class Wire:
    """One end: a connected socket, and the TLS connection whose records it carries."""

    def __init__(self, sock: socket.socket, connection: SSL.Connection) -> None:
        sock.setblocking(False)
        self.sock, self.connection = sock, connection

    def until(self, action: Callable[[], T]) -> Talk[T]:
        """Repeat a TLS action until it needs no more bytes; what it has to say is sent in any case."""
        while True:
            try:
                result = action()
            except SSL.WantReadError:
                self._send()
            except SSL.Error:
                self._send()  # the alert that tells the other end why
                raise
            else:
                self._send()
                return result
            yield self.sock
            self._receive()

    def _send(self) -> None:
        try:
            waiting = self.connection.bio_read(1 << 20)
        except SSL.WantReadError:
            return
        while waiting:
            try:
                waiting = waiting[self.sock.send(waiting) :]
            except BlockingIOError:
                if not select.select([], [self.sock], [], PATIENCE_S)[1]:
                    raise LoopbackError(_STUCK) from None
            except (BrokenPipeError, ConnectionResetError):
                return  # the other end has heard enough

    def _receive(self) -> None:
        try:
            data = self.sock.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except ConnectionResetError:
            data = b""
        if data:
            self.connection.bio_write(data)
        else:
            self.connection.bio_shutdown()


def converse(client: Talk[T], server: Talk[None]) -> T:
    """Let both ends talk until the client is done; the client's result, or what it raised.

    Raises:
        LoopbackError: neither end has heard anything for `PATIENCE_S`.
    """
    waiting: dict[socket.socket, Talk[T] | Talk[None]] = {}
    ready: list[Talk[T] | Talk[None]] = [client, server]
    try:
        while True:
            for talk in ready:
                try:
                    waiting[next(talk)] = talk
                except StopIteration as end:
                    if talk is client:
                        return end.value  # type: ignore[no-any-return]
                except SSL.Error:
                    if talk is client:
                        raise
            ready = [waiting.pop(sock) for sock in _readable(list(waiting))]
    finally:
        client.close()
        server.close()


def _readable(socks: list[socket.socket]) -> list[socket.socket]:
    readable, _, _ = select.select(socks, [], [], PATIENCE_S)
    if readable:
        return readable
    raise LoopbackError(_STUCK)


# --- the server ----------------------------------------------------------------------------------------

SYNCHRONIZE: Final = b"S"
"""A device asks for the reserve."""
LOOK: Final = b"L"
"""A device asks for nothing: it only wants to know whether the server is accepted."""
LENGTHS: Final = struct.Struct("!IH")
"""What precedes an answer: the lengths of the reserve in DER and of its address; zeros for no reserve."""

ANY_STRENGTH: Final = b"DEFAULT:@SECLEVEL=0"
"""Key lengths and hashes are judged by the platform's rules (model 5.6), not by OpenSSL's own level."""


class Door:
    """A connection address on a port of its own, which the machine chooses.

    A closed door is a socket that is bound and does not listen: a connection to it is refused, and no
    other program can be given its port meanwhile.
    """

    def __init__(self) -> None:
        self.is_open = False
        self.sock = _bound()

    @property
    def port(self) -> int:
        """Where it can be dialled; another one after each closing."""
        return int(self.sock.getsockname()[1])

    def turn(self, *, is_open: bool) -> None:
        """Open or close it."""
        if is_open == self.is_open:
            return
        if is_open:
            self.sock.listen(8)
        else:
            self.sock.close()
            self.sock = _bound()
        self.is_open = is_open


def _bound() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.bind((LOOPBACK, 0))
    except OSError as error:
        sock.close()
        raise LoopbackError(f"no server can be opened on {LOOPBACK} here: {error.strerror}") from None
    return sock


class LoopbackServer:
    """Presents what a state of the timeline says, at the addresses that it says are open.

    Attributes:
        credentials: certificates and keys by generation.
        state: what it does now.
    """

    def __init__(self, credentials: Mapping[int, Credential]) -> None:
        self.credentials = credentials
        self.state: State | None = None
        self._contexts: dict[int, SSL.Context] = {}
        self._doors = {address: Door() for address in {each.address for each in credentials.values()}}

    @property
    def main(self) -> Credential:
        """What it presents."""
        assert self.state is not None
        return self.credentials[self.state.main]

    @property
    def reserve(self) -> Credential | None:
        """What it hands over."""
        assert self.state is not None
        return self.credentials.get(self.state.reserve)

    def become(self, state: State) -> None:
        """Do from now on what the state says."""
        self.state = state
        for address, door in self._doors.items():
            door.turn(is_open=not state.is_out and address in state.open_addresses)

    def is_open(self, address: str) -> bool:
        """Whether somebody answers at the address."""
        return self._doors[address].is_open

    def port_of(self, address: str) -> int:
        """The port that stands for a connection address, open or not."""
        return self._doors[address].port

    def answer(self, address: str) -> Talk[None]:
        """Take one connection at the address, at which somebody waits: handshake, request, answer."""
        sock, _ = self._doors[address].sock.accept()
        with sock:
            connection = SSL.Connection(self._context(self.main))
            connection.set_accept_state()
            wire = Wire(sock, connection)
            yield from wire.until(connection.do_handshake)
            request = yield from wire.until(lambda: connection.recv(1))
            reserve = self.reserve if request == SYNCHRONIZE else None
            der, dialled = (b"", b"") if reserve is None else (reserve.der, reserve.address.encode())
            reply = LENGTHS.pack(len(der), len(dialled)) + der + dialled
            yield from wire.until(lambda: connection.sendall(reply))

    def _context(self, credential: Credential) -> SSL.Context:
        if credential.generation not in self._contexts:
            self._contexts[credential.generation] = _context_presenting(credential)
        return self._contexts[credential.generation]

    def __enter__(self) -> LoopbackServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        for door in self._doors.values():
            door.sock.close()


def _context_presenting(credential: Credential) -> SSL.Context:
    """A server's side of TLS with this certificate; every handshake is a full one, none is resumed."""
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_options(SSL.OP_NO_TICKET)
    context.set_cipher_list(ANY_STRENGTH)
    context.use_certificate(credential.certificate)
    for certificate in credential.chain:
        context.add_extra_chain_cert(certificate)
    assert credential.key is not None
    context.use_privatekey(credential.key)  # type: ignore[arg-type]
    context.check_privatekey()
    return context
