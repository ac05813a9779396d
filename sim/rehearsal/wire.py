"""Two ends of a TLS connection over loopback sockets, driven in one thread.

Each end is a generator that yields while it waits for bytes. Without a second thread there is nothing to
join and no lock, and an interrupt ends both ends at once.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Callable, Generator
from typing import Final, TypeVar

from OpenSSL import SSL

from sim.errors import InputError

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
