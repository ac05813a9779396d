"""What a planner's certificate file can be wrong in, and calling a library that may refuse in any way."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sim.errors import InputError, visible

_T = TypeVar("_T")


class CertificateError(InputError):
    """A certificate file cannot be read as one; the message says what would be right.

    Attributes:
        path: of the file.
        message: without the path.
    """

    def __init__(self, path: Path, message: str) -> None:
        self.path = path
        self.message = message
        super().__init__(f"{visible(str(path))}: {message}")


class PasswordNeededError(CertificateError):
    """The file is protected, and no password was given."""


class PasswordWrongError(CertificateError):
    """The password that was given does not open the file."""


def attempt(load: Callable[[], _T], *, reasons: list[str] | None = None) -> _T | None:
    """What `load` returns, or None where the library refuses, in whatever way it does.

    Raising is left to the caller, outside the handler, so that no exception of the library's, which may
    show what it was given, hangs on ours.

    Args:
        load: calls the library.
        reasons: the exception's class and text are added here; for telling cases apart, never for showing.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return load()
    except BaseException as error:
        is_panic = type(error).__name__ == "PanicException"  # of compiled Rust; it is no Exception
        if not isinstance(error, Exception) and not is_panic:
            raise
        if reasons is not None:
            reasons.append(f"{type(error).__name__}: {error}")
        return None
