"""A share of what `make fuzz` does: whatever is read, a mistake is told in words, soon, with its place."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from fuzz import TARGETS, failure, input_of, smaller

FEW = {"scenarios": 60, "lists": 60, "certificates": 100, "results": 20, "stores": 50}
LONG_S = 60


@pytest.mark.parametrize("name", TARGETS)
def test_a_damaged_input_is_read_or_refused_in_words(name: str, tmp_path: Path) -> None:
    for number in range(FEW[name]):
        assert failure(name, number, input_of(name, number), tmp_path) is None, number


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_as_many_as_a_minute_holds(name: str, tmp_path: Path) -> None:
    number, ends = 1_000_000, time.monotonic() + LONG_S
    while time.monotonic() < ends:
        assert failure(name, number, input_of(name, number), tmp_path) is None, number
        number += 1


def test_a_failing_input_is_made_small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def read(content: bytes, *_: object) -> None:
        if b"{" in content:
            raise KeyError("brace")

    monkeypatch.setitem(TARGETS, "lists", TARGETS["lists"]._replace(read=read))
    content = bytes(100) + b"{" + bytes(99)
    reason = failure("lists", 0, content, tmp_path)
    assert reason is not None
    assert smaller("lists", 0, content, tmp_path, reason) == b"{"
