"""A process beside this one that computes units, and the conversation with it over its pipes.

It is started as a program of its own, not as a copy of the caller's: so a caller needs no guard around its
main module, a notebook can call, and one that is killed takes nothing else with it.
"""

from __future__ import annotations

import json
import os
import pickle
import signal
import struct
import subprocess
import sys
import traceback
from pathlib import Path
from typing import IO, Final

from sim.errors import EngineUnavailableError, InputError
from sim.studies.crews.unit import Unit, compute

_LENGTH: Final = struct.Struct("<Q")
_WHAT: Final = "from sim.studies.crews.hand import main; main()"
_OURS: Final = 3  # sim/studies/crews/hand.py lies so many folders below what is imported from


class WorkersError(InputError):
    """Those who should compute cannot; the message says what would help."""


class HandDiedError(Exception):
    """The process ended before it answered."""


class Hand:
    """A process, started when it is first asked, and again after it died."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False

    @property
    def pid(self) -> int | None:
        """Of the process; None before the first question."""
        return None if self._process is None else self._process.pid

    def ask(self, unit: Unit) -> bytes:
        """The value of a unit.

        Raises:
            HandDiedError: it was killed, or could not start; the next question starts another.
            EngineUnavailableError: the engine is not installed.
            RuntimeError: a defect of ours, with the traceback over there.
        """
        if self._closed:
            raise HandDiedError
        if self._process is None:
            self._process = _start()
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            _write(process.stdin, pickle.dumps(unit))
            is_value, content = _read(process.stdout, 1), _read_long(process.stdout)
        except (OSError, EOFError, ValueError):
            self._process = None
            _end(process)
            raise HandDiedError from None
        if is_value == b"v":
            return content
        told = json.loads(content)
        if told["kind"] == EngineUnavailableError.__name__:
            raise EngineUnavailableError(told["message"])
        raise RuntimeError(told["traceback"])

    def close(self) -> None:
        """End the process, whatever it does; nothing more can be asked."""
        self._closed = True
        process, self._process = self._process, None
        if process is not None:
            _end(process)


def _start() -> subprocess.Popen[bytes]:
    here = str(Path(__file__).parents[_OURS])
    path = os.pathsep.join(part for part in (here, os.environ.get("PYTHONPATH")) if part)
    return subprocess.Popen(  # noqa: S603 - this very Python
        [sys.executable, "-P", "-c", _WHAT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            try:
                stream.close()
            except OSError:  # what was buffered can no longer be written
                continue


def main() -> None:
    """Answer questions on standard input until it ends; the life of the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one who asks decides what an interrupt means
    questions = sys.stdin.buffer
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever else prints goes to stderr
    while True:
        try:
            unit = pickle.loads(_read_long(questions))  # noqa: S301 - from the process that started this one
        except EOFError:
            return
        try:
            head, content = b"v", compute(unit)
        except Exception as error:  # told to the one who asks
            told = {"kind": type(error).__name__, "message": str(error), "traceback": traceback.format_exc()}
            head, content = b"e", json.dumps(told).encode()
        try:
            answers.write(head)
            _write(answers, content)
        except OSError:  # nobody listens any more
            return


def _write(stream: IO[bytes], content: bytes) -> None:
    stream.write(_LENGTH.pack(len(content)))
    stream.write(content)
    stream.flush()


def _read_long(stream: IO[bytes]) -> bytes:
    (length,) = _LENGTH.unpack(_read(stream, _LENGTH.size))
    return _read(stream, length)


def _read(stream: IO[bytes], length: int) -> bytes:
    content = stream.read(length)
    if len(content) < length:
        raise EOFError
    return content
