"""The Administration Server on loopback: it presents certificates and hands over the reserve (model 4)."""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping
from types import TracebackType
from typing import Final

from OpenSSL import SSL

from sim.rehearsal.credentials import Credential
from sim.rehearsal.wire import LOOPBACK, LoopbackError, Talk, Wire
from sim.world.timeline import State

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
