"""A task: what it is called by, what it computes, and the form of its result."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import zipfile
import zlib
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, fields
from functools import cache
from importlib.metadata import version
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sim.errors import InputError
from sim.world import SEMANTICS

Results = Generator[tuple["Task", bytes], None, None]
"""Tasks with their packed results, as they are done."""

Arrays = dict[str, NDArray[Any]]
"""A result: arrays by name."""

Form = Mapping[str, tuple[str, tuple[int | None, ...]]]
"""What a result must look like: dtype and shape of each array by its name; None is any length."""

_MOST_BYTES: Final = 1 << 31


class WorkersError(InputError):
    """Those who should compute cannot; the message says what would help."""


class VersionError(InputError):
    """A worker runs another program than the one that asks."""


class DamagedError(ValueError):
    """Bytes that are not a result of the form that is expected."""


@cache
def program() -> str:
    """What must be the same wherever tasks are computed."""
    python = ".".join(platform.python_version_tuple()[:2])
    return f"reissue {version('reissue')}, semantics {SEMANTICS}, Python {python}"


@dataclass(frozen=True, eq=False, slots=True)
class Task:
    """A pure function of small inputs, so that any process on any machine can compute it.

    Attributes:
        key: hash of all that can change the result, and of nothing else (`key_of`).
        function: of a module, known by its name on every machine; called with `threads=` and the arguments.
        arguments: bytes, numbers and texts; no private key and no password is among them.
        form: of the result.
        program: see `program`.
    """

    key: str
    function: Callable[..., Arrays]
    arguments: tuple[Any, ...]
    form: Form
    program: str


def compute(task: Task, *, threads: int | None = 1) -> bytes:
    """The result of a task, packed, with so many threads of the array engine; None: one a core.

    Raises:
        VersionError: this is not the program that made the task.
        EngineUnavailableError: the array engine is asked for, and numba is not installed.
    """
    if task.program != program():
        raise VersionError(f"this worker runs {program()}, and the study {task.program}: install the same")
    return pack(task.function(*task.arguments, threads=threads))


def pack(arrays: Arrays) -> bytes:
    """Arrays as the bytes of an .npz file; the same for equal arrays."""
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False, **arrays)
    return stream.getvalue()


def unpack(content: bytes, form: Form) -> Arrays:
    """The arrays again; nothing in the bytes is run.

    Raises:
        DamagedError: they are not arrays of this form.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as packed:
            members = [] if packed.zip is None else packed.zip.infolist()
            if sum(member.file_size for member in members) > _MOST_BYTES:
                raise DamagedError("too large")
            arrays = {name: packed[name] for name in packed.files}
    except (ValueError, OSError, EOFError, MemoryError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise DamagedError(str(error)) from None
    if arrays.keys() != form.keys() or not all(_is_like(arrays[name], *form[name]) for name in form):
        raise DamagedError("arrays of another form")
    return arrays


def _is_like(array: object, dtype: str, shape: tuple[int | None, ...]) -> bool:
    return (
        isinstance(array, np.ndarray)
        and array.dtype.str == dtype
        and array.ndim == len(shape)
        and all(wanted in (None, length) for length, wanted in zip(array.shape, shape, strict=True))
    )


def key_of(document: object) -> str:
    """SHA-256, hexadecimal, of a value in one form only: JSON with sorted keys; frozen values as `plain`."""
    text = json.dumps(document, default=plain, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def plain(value: Any) -> object:
    """What JSON does not know: a dataclass is its name and what it compares by, a set is sorted."""
    if isinstance(value, frozenset):
        return sorted(value)
    compared = {each.name: getattr(value, each.name) for each in fields(value) if each.compare}
    return {"is": type(value).__name__, **compared}
