"""Compilation by numba, with a cache that cannot go stale.

Numba keys a cached function by the one file it stands in, so a function that calls another file's keeps
that file's old code (numba issue 1833). Here the cache lies in a directory named after a hash of every
source that is compiled, of numba and of Python; a changed source is another directory.
"""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from types import FunctionType
from typing import Any, Final, TypeVar

import numpy as np

from sim.errors import EngineUnavailableError
from sim.files import cache_folder

Function = TypeVar("Function", bound=Callable[..., Any])

_SIM: Final = Path(__file__).parent.parent
SOURCES: Final = (*sorted((_SIM / "fleet").glob("*.py")), *sorted((_SIM / "world").glob("*.py")))
"""Every file whose code or constants may be compiled in."""


@cache
def cache_directory() -> Path:
    """Where the compiled code of these very sources is kept."""
    processor = os.environ.get("NUMBA_CPU_NAME", platform.machine())
    digest = hashlib.sha256(f"{version('numba')} {platform.python_version()} {processor}".encode())
    for source in SOURCES:
        digest.update(source.read_bytes())
    return cache_folder(digest.hexdigest()[:24])


def needs_compilation(*, has_desk: bool) -> bool:
    """Whether the first run has to wait for the compiler; this imports no compiler."""
    entries = ("run_devices", "work") if has_desk else ("run_devices",)
    return not all(any(cache_directory().rglob(f"*.{entry}-*.nbi")) for entry in entries)


def start_s(*, has_desk: bool) -> float:
    """About how much processor time the array engine takes before it runs."""
    if needs_compilation(has_desk=has_desk):
        return 6.0 if has_desk else 4.0
    return 0.0 if any(getattr(entry, "signatures", ()) for entry in _ENTRIES) else 0.5


_ENTRIES: Final[list[Callable[..., Any]]] = []


def compiled(
    function: Function,
    *,
    is_entry: bool = False,
    is_inlined: bool = False,
    allocates: bool = False,
    **callees: Callable[..., Any],
) -> Function:
    """The function compiled to machine code at its first call.

    No arithmetic is reordered (`fastmath` off), so that it gives what Python gives.

    Args:
        function: plain scalar code.
        is_entry: Python calls it. It is kept in the cache with all that it calls; the others have no
            entry from Python, which would take a quarter of the time to compile.
        is_inlined: it becomes part of its callers: a call passes seven numbers for each array, which takes
            as long as much of what is called.
        allocates: it makes arrays or lists. Then numba counts references to arrays, which makes every look
            into one several times dearer (measured: 2 to 4 times the whole run).
        callees: compiled functions to call instead of the plain ones of these names, where `function`
            comes from a room that knows nothing of compilers.

    Raises:
        EngineUnavailableError: numba is missing.
    """
    try:
        import numba
    except ImportError as error:
        raise EngineUnavailableError(
            "the array engine needs numba, which is not installed: choose the process engine"
        ) from error
    if callees:
        known = {**function.__globals__, **callees}
        function = FunctionType(function.__code__, known, function.__name__)  # type: ignore[assignment]
    options = {} if is_entry else _linked()
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(cache_directory())
    try:
        wrapped: Function = numba.njit(
            nogil=True,
            _nrt=allocates,
            forceinline=is_inlined,
            cache=is_entry and _can_cache(),
            error_model="numpy",
            no_cpython_wrapper=not is_entry,
            no_cfunc_wrapper=True,
            **options,
        )(function)
    finally:
        numba.config.CACHE_DIR = before
    if not is_entry:
        return wrapped
    if numba.config.DISABLE_JIT:
        return np.errstate(over="ignore")(wrapped)  # what is compiled wraps around in silence
    _ENTRIES.append(wrapped)
    if _can_cache():
        _forgive(wrapped._cache)  # type: ignore[attr-defined]
    return wrapped


LINKING_TRIED: Final = "0.68."
"""The versions of numba whose inner names `linking` rests on."""


@cache
def _linked() -> dict[str, Any]:
    """How to compile what only compiled code calls; as everything else with a numba that was not tried."""
    import numba

    if not numba.__version__.startswith(LINKING_TRIED):
        return {}
    try:
        from sim.fleet.linking import LinkedCompiler
    except (ImportError, AttributeError):
        return {}
    return {"pipeline_class": LinkedCompiler}


inlined = partial(compiled, is_inlined=True)


def _forgive(kept: Any) -> None:
    """Discard what cannot be read from a cache of numba, and do without it where it cannot be written."""
    load, save = kept.load_overload, kept.save_overload

    def load_overload(*key: Any) -> Any:
        try:
            return load(*key)
        except Exception:
            with suppress(Exception):
                kept.flush()
            return None

    def save_overload(*key: Any) -> None:
        with suppress(Exception):
            save(*key)

    kept.load_overload, kept.save_overload = load_overload, save_overload


@cache
def _can_cache() -> bool:
    try:
        cache_directory().mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(cache_directory(), os.W_OK)
