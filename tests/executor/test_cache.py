"""Results on disk: whole or not at all, checked when read, and only for the task that they belong to."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sweeps

from sim.executor import Cache, CacheError, Resources
from sim.executor.local import Here
from sim.executor.task import Arrays, Task, compute, pack


@pytest.fixture(scope="module")
def tasks() -> tuple[Task, ...]:
    return tuple(sweeps.tasks())


def equal(one: Arrays | None, other: Arrays | None) -> bool:
    assert one is not None
    assert other is not None
    return one.keys() == other.keys() and all(
        np.array_equal(one[name], other[name], equal_nan=one[name].dtype.kind == "f") for name in one
    )


def resigned(content: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """The file with other content under a head that fits it."""
    head, _, body = content.partition(b"\n")
    body = change(body)
    return json.dumps({**json.loads(head), "sha256": sha256(body).hexdigest()}).encode() + b"\n" + body


def with_arrays(change: Callable[[Arrays], Any]) -> Callable[[bytes], bytes]:
    """Well-formed and signed, but other arrays."""

    def changed(body: bytes) -> bytes:
        arrays = dict(np.load(io.BytesIO(body)))
        change(arrays)
        return pack(arrays)

    return lambda content: resigned(content, changed)


def pickled(body: bytes) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, counts=np.array([{"a": 1}], dtype=object))
    return stream.getvalue()


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 2],
        lambda content: b"",
        lambda content: content[:-40] + bytes([content[-40] ^ 1]) + content[-39:],
        lambda content: content.replace(b"reissue result", b"something else"),
        lambda content: b"[" * 100_000,
        lambda content: b"[]",
        lambda content: b"\xff\xfe\n" + content,
        lambda content: resigned(content, lambda body: b""),
        lambda content: resigned(content, lambda body: body[:100]),
        lambda content: resigned(content, lambda body: b"no archive"),
        lambda content: resigned(content, pickled),
        with_arrays(lambda arrays: arrays.pop("counts")),
        with_arrays(lambda arrays: arrays.update(more=np.zeros(3))),
        with_arrays(lambda arrays: arrays.update(counts=arrays["counts"][:-1])),
        with_arrays(lambda arrays: arrays.update(counts=arrays["counts"].astype(np.float32))),
        with_arrays(lambda arrays: arrays.update(counts=arrays["counts"].ravel())),
    ],
)
def test_a_torn_or_foreign_file_is_computed_again(
    tmp_path: Path, tasks: tuple[Task, ...], damage: Callable[[bytes], bytes]
) -> None:
    task, cache = tasks[0], Cache(tmp_path)
    ((_, arrays),) = Resources(Here(), cache).results([task])
    assert equal(cache.get(task), arrays)
    path = cache.path(task)
    path.write_bytes(damage(path.read_bytes()))
    assert cache.get(task) is None
    ((_, again),) = Resources(Here(), cache).results([task])
    assert equal(again, arrays)
    assert equal(cache.get(task), arrays)
    assert not list(tmp_path.rglob("*.partial"))


def test_the_file_of_another_task_is_not_taken(tmp_path: Path, tasks: tuple[Task, ...]) -> None:
    cache, (one, other) = Cache(tmp_path), tasks[:2]
    cache.put(one, compute(one))
    cache.path(other).parent.mkdir(exist_ok=True)
    cache.path(one).rename(cache.path(other))
    assert cache.get(other) is None


def test_a_file_may_not_claim_more_than_it_holds(tmp_path: Path, tasks: tuple[Task, ...]) -> None:
    """A header that promises 2^60 numbers is refused without memory for them."""
    stream, cache = io.BytesIO(), Cache(tmp_path)
    huge = {"descr": "<f8", "fortran_order": False, "shape": (2**60,)}
    np.lib.format.write_array_header_1_0(stream, huge)
    task = replace(tasks[0], form={"measures": ("<f8", (None,))})
    archive = io.BytesIO()
    np.savez(archive, measures=np.zeros(1))
    content = archive.getvalue()
    import zipfile

    forged = io.BytesIO()
    with zipfile.ZipFile(forged, "w") as members:
        members.writestr("measures.npy", stream.getvalue())
    cache.put(task, content)
    assert cache.get(task) is not None
    cache.put(task, forged.getvalue())
    assert cache.get(task) is None


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path, tasks: tuple[Task, ...]) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(CacheError, match="--no-store"):
        Cache(tmp_path / "file").put(tasks[0], b"")
