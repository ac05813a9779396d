"""What a plain YAML scalar is by the core schema of YAML 1.2, and nothing more."""

from __future__ import annotations

import re
from typing import Final

Scalar = bool | int | float | str | None

MOST_DIGITS: Final = 40
_NULL: Final = re.compile(r"null|Null|NULL|~|")
_BOOL: Final = re.compile(r"(true|True|TRUE)|false|False|FALSE")
_INT: Final = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)


def resolve_scalar(text: str) -> Scalar:
    """A plain scalar by the YAML 1.2 core schema: `yes` and `2026-03-01` are text, `010` is ten.

    Raises:
        ValueError: it is a number of unreasonable length.
    """
    if _NULL.fullmatch(text):
        return None
    if match := _BOOL.fullmatch(text):
        return match[1] is not None
    if _INT.fullmatch(text):
        if len(text) > MOST_DIGITS:
            raise ValueError(f"a number of {len(text)} digits is too large: write a number below 2^63")
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    if _FLOAT.fullmatch(text):
        return float(re.sub(r"\.(?=[in])", "", text.lower()))  # .inf and .NaN lose their dot
    return text
