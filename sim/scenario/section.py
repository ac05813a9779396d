"""What every section of a scenario has in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from pydantic import BaseModel, ConfigDict, model_validator

IN_SECTION: Final = "\0section"
IN_OTHER: Final = "\0other section"
IN_WORD: Final = "\0word"
"""Marks in pydantic's error paths that stand for a choice and not for a key."""


class Section(BaseModel):
    """A section of a scenario: frozen, strict, no unknown keys; a key without a value counts as absent."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True, defer_build=True
    )

    example: ClassVar[str] = ""
    """What a message shows where this section belongs."""
    stand_in: ClassVar[Mapping[str, object]] = {}
    """Values for required keys while other mistakes of a file are looked for."""
    bare_keys: ClassVar[tuple[str, ...]] = ()
    """Keys that mean something without a value."""

    @model_validator(mode="before")
    @classmethod
    def _take(cls, written: object) -> object:
        if not isinstance(written, Mapping):
            return written
        known = cls.keys()
        taken: dict[object, object] = {}
        for key, value in written.items():
            if value is not None or key not in known:
                taken[key] = tuple(value) if isinstance(value, list) else value
            elif key in cls.bare_keys:
                taken[key] = {}
        return taken

    @classmethod
    def keys(cls) -> dict[str, str]:
        """The keys as written, each with the name of its attribute."""
        return {field.alias or name: name for name, field in cls.model_fields.items()}


def form_of(value: object) -> str:
    """Whether something is written as a section or as a word, for values that may be either."""
    return IN_SECTION if isinstance(value, Mapping | Section) else IN_WORD
