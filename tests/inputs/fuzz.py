"""Damaged scenarios, lists, certificates, results and stores: whatever is read, a mistake is told in words.

    make fuzz                                        # each target for some minutes
    python tests/inputs/fuzz.py lists --seconds 60   # one of them

Input N of a target is the same everywhere. A run goes on where the last one stopped (`.fuzz/TARGET.next`). An
input that fails is made as small as it still fails, and kept as `.fuzz/TARGET-N`.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from anew import write_anew
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    pkcs12,
)

import sim
from sim.errors import InputError
from sim.executor import Cache
from sim.executor.task import Task, pack
from sim.pki.issue import issue, server_key
from sim.pki.reading import read as read_certificate
from sim.report.page import page_in
from sim.scenario import ScenarioError
from sim.scenario.authoring import TEMPLATES, template_text
from sim.scenario.findings import findings_of
from sim.scenario.prepare import prepare
from sim.studies.device_lists import forecast, inventory
from sim.studies.experiment import attempts_of
from sim.studies.output import sealed

ROOT: Final = Path(__file__).parents[2]
SLOWEST_S: Final = 1.0
"""Processor time that reading one input may take."""


class Target(NamedTuple):
    """What is damaged, and how it is read."""

    seeds: Callable[[], Sequence[bytes]]
    scraps: Sequence[bytes]
    read: Callable[[bytes, Path, random.Random], None]
    """Raises nothing but an InputError, in a folder of its own that stays from one input to the next."""


def damaged(target: Target, chance: random.Random) -> bytes:
    """A seed with some pieces cut, doubled, exchanged or put in, and some bits turned."""
    content = bytearray(chance.choice(target.seeds()))
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(content) + 1)
        to = min(len(content), at + int(chance.expovariate(0.1)))
        match chance.randrange(7):
            case 0:
                content[at:at] = chance.choice(target.scraps)
            case 1:
                del content[at:to]
            case 2:
                content[at:to] = chance.choice(target.scraps)
            case 3:
                content[at:to] = content[at:to] * chance.randint(2, 4)
            case 4 if at < len(content):
                content[at] ^= 1 << chance.randrange(8)
            case 5:  # the value behind a colon, a comma or an equals sign
                places = [i for i, byte in enumerate(content) if byte in b":,="]
                if places:
                    at = chance.choice(places) + 1
                    end = next((i for i in range(at, len(content)) if content[i] in b"\n,}]"), len(content))
                    content[at:end] = b" " + chance.choice(target.scraps)
            case _:
                other = chance.choice(target.seeds())
                content[at:] = other[chance.randrange(len(other)) :]
    return bytes(content)


def told(error: InputError) -> None:
    """Check a message: printable, short, and of a scenario with its place."""
    assert str(error).replace("\n", "").isprintable(), "a message that is not printable"
    assert 0 < len(str(error)) < 100_000, "a message without end"
    for problem in error.problems if isinstance(error, ScenarioError) else ():
        assert problem.line is not None or "certs/" in problem.file or "." in problem.key, "no place"
        assert len(problem.message) < 1_000, "a message without end"


# --- what is read -----------------------------------------------------------------------------------------


def read_scenario(content: bytes, folder: Path, chance: random.Random) -> None:
    """What `check` passes, `run` can run: tried of one in ten, as the rest takes a tenth of the time."""
    if not (folder / "certs").exists():
        shutil.copytree(ROOT / "scenarios" / "certs", folder / "certs")
        shutil.copy(ROOT / "scenarios" / "devices.csv", folder)
    write_anew(folder / "s.yaml", content)
    scenario = sim.load(folder / "s.yaml")
    findings_of(scenario)
    samples, prepared = scenario.duration / 3600, prepare(scenario)
    if (
        chance.random() < 0.1
        and attempts_of(prepared) < 5_000
        and max(samples, 200 * len(scenario.strategy)) < 10_000
    ):
        try:
            sim.run(scenario, engine="process", replications=1).summary()
        except InputError as error:
            raise AssertionError(f"check passes what run refuses: {error}") from error


LIST_OPTIONS: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"dates": "day first", "timezone": "America/Los_Angeles"},
    {"dates": "year first", "gone_after": "30d", "exported": "2026-03-01"},
    {"encoding": "cp1251", "only": {"OS": ["Android 14"]}},
    {"encoding": "utf-16", "columns": {"id": "Device name", "last_sync": "Last check-in"}},
    {"columns": {"id": "id", "platform": "last_sync", "last_sync": "platform"}},
)


def read_list(content: bytes, folder: Path, chance: random.Random) -> None:
    """Every device is counted, whatever the list holds."""
    path, options = folder / "devices.csv", chance.choice(LIST_OPTIONS)
    if chance.random() < 0.2:
        content = content.decode("utf-8", errors="replace").encode(chance.choice(("utf-16", "utf-8-sig")))
    write_anew(path, content)
    understood = inventory(path, **options)
    understood.summary()
    assert len(set(understood.devices.ids)) == len(understood.devices.ids)
    found = forecast(path, delay="14d", lost_at_most=2, **options)
    found.summary()
    found.to_csv()
    others = sum(found.to_json()[key] for key in ("unknown", "never_connected", "gone"))
    assert found.at.size + others >= len(understood.devices.ids) - int(understood.devices.holds_reserve.sum())


def read_certificates(content: bytes, folder: Path, chance: random.Random) -> None:
    """With its password or without."""
    path = folder / "file"
    write_anew(path, content)
    read_certificate(path, password=chance.choice((None, b"secret", b"reissue")))


@cache
def result() -> Path:
    """The folder of a result with every part."""
    from sim.report.page import Page
    from sim.studies.output import write

    folder = Path(tempfile.mkdtemp()) / "result"
    scenario = sim.load(ROOT / "scenarios" / "desk_hours.yaml").changed(
        {"fleet": [{"name": "g", "devices": 8, "presence": {"on": "1d", "off": "3d"}}], "replications": 3}
    )
    found = sim.run(scenario, engine="process")
    write(found, folder, beside=Page(found))
    return folder


PARTS: Final = ("run.json", "page.html", "timeline.parquet", "devices.parquet")


def read_result(content: bytes, folder: Path, chance: random.Random) -> None:
    """Refused, or equal; with digests that were made anew, at least no exception but our own."""
    name, kept = PARTS[content[0] % len(PARTS)], folder / "result"
    if not kept.exists():
        shutil.copytree(result(), kept)
    whole = (result() / name).read_bytes()
    write_anew(kept / name, content[1:])
    try:
        run = _json(kept / "run.json") if chance.random() < 0.7 else None
        if run is not None:
            write_anew(kept / "run.json", sealed(run, kept))
        elif content[1:] != whole:
            try:
                page_in(kept)
                sim.read(kept).devices, sim.read(kept).timeline
            except InputError as error:
                told(error)
                return
            raise AssertionError("a changed result is shown")
        page_in(kept)
        sim.read(kept)
    finally:
        write_anew(kept / name, whole)
        write_anew(kept / "run.json", (result() / "run.json").read_bytes())


def _json(path: Path) -> dict[str, Any] | None:
    """A document that digests can be made for anew; None where it is none."""
    try:
        document = json.loads(path.read_bytes())
        json.dumps(document, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _stored() -> tuple[Task, dict[str, Any]]:
    arrays = {"a": np.arange(6, dtype=np.int64).reshape(2, 3), "b": np.array([0.5, 1.5])}
    form = {name: (str(array.dtype), array.shape) for name, array in arrays.items()}
    return Task("ab" * 32, len, (), form, ""), arrays  # type: ignore[arg-type]


def read_store(content: bytes, folder: Path, chance: random.Random) -> None:
    """What was kept, or nothing."""
    del chance
    (task, arrays), cache_ = _stored(), Cache(folder)
    cache_.path(task).parent.mkdir(exist_ok=True)
    write_anew(cache_.path(task), content)
    found = cache_.get(task)
    assert found is None or all(np.array_equal(found[name], each) for name, each in arrays.items())


# --- what is damaged --------------------------------------------------------------------------------------


@cache
def scenarios() -> tuple[bytes, ...]:
    shipped = (path.read_bytes() for path in sorted((ROOT / "scenarios").glob("*.yaml")))
    return (*shipped, *(template_text(name).encode() for name in TEMPLATES))


LISTS: Final = (
    "Device ID,Device name,Last check-in,OS\na-1,PH-1,2026-02-27 13:35:59.0000000,Android 14\n"
    "a-2,PH-2,2026-02-28 07:16:35.0000000,iOS/iPadOS\na-4,PC-4,2026-02-28 07:16:35.0000000,Windows\n",
    "sep=;\r\nid;last_sync;platform;sync_every;holds_reserve;group\r\n"
    "p1;27.02.2026 13:35;android;6h;yes;a b\r\n"
    'p2;;iPad;;no;"x;y"\r\np3;never;Aurora;1d;;\r\n\r\nTotal: 3\r\n',
    '#TYPE Managed.Device\n"deviceName","lastSyncDateTime"\n"A","2/3/2026 1:35 PM"\n"B","13/2/2026 1:35"\n',
    "id|last_sync (UTC+3)\np1|1772199359\np2|1772199359000\np3|46080.5666\np4|20260207000000.000000+000\n",
    "IMEI\tlast_sync\n3.56789E+14\t18:57:36 Feb  6 2026\n3\t06-Feb-2026\n1\t4 февраля 2026 г. 10:22:11\n",
    '"Device,""OS"",""Last check-in"""\n"PH-1,""Android"",""2026-02-27 13:35:59"""\n',
    "Title\n\nid,last_sync\np1,2026-02-27T13:35:59+01:00\np2,2 days ago\np1,0001-01-01\n,,\n",
)


@cache
def certificates() -> tuple[bytes, ...]:
    begin = datetime(2026, 3, 1, tzinfo=UTC)
    days = {"not_before": begin, "not_after": begin + timedelta(days=300)}
    own = issue(generation=1, host="mdm.example.com", issuer="ksc", **days)
    bundles = (
        pkcs12.serialize_key_and_certificates(b"x", server_key(), own, [own], protection)
        for protection in (NoEncryption(), BestAvailableEncryption(b"secret"))
    )
    shipped = (path.read_bytes() for path in sorted((ROOT / "scenarios" / "certs").glob("*.*")))
    return (*shipped, own.public_bytes(Encoding.DER), *bundles)


@cache
def results() -> tuple[bytes, ...]:
    """Each with its number in front."""
    return tuple(bytes([i]) + (result() / name).read_bytes() for i, name in enumerate(PARTS))


@cache
def stores() -> tuple[bytes, ...]:
    task, arrays = _stored()
    with tempfile.TemporaryDirectory() as folder:
        Cache(Path(folder)).put(task, pack(arrays))
        return (Cache(Path(folder)).path(task).read_bytes(),)


def _bytes(*texts: str) -> tuple[bytes, ...]:
    return tuple(text.encode("utf-8", errors="surrogatepass") for text in texts)


_SIGNS: Final = _bytes(
    *('"', "'", ",", ";", "\t", "|", "\n", "\r", "\0", "\ufeff", " ", "\u00a0", "=", "+", "-", "/", ".", ":"),
    *("{", "}", "[", "]", "&a ", "*a", "<<: ", "!!str ", "#", "---\n", "? ", "|\n", "\u2028", "\x85", "\r\n"),
    *("0", "-1", "9", "99999999999999999999", "1e999", ".nan", "null", "NaN", "true", "\x1b[2J", "\u202e"),
    *("x" * 300, "\ud7ff", "\U0001f4f1"),
)
SCENARIO: Final = _SIGNS + _bytes(
    *(
        "0s",
        "1s",
        "100000d",
        "36525d",
        "5m",
        "30d",
        "day 0",
        "day 36525",
        "start - 36525d",
        "expiry + 36525d",
    ),
    *("9999-12-31", "0001-01-01", "1970-01-01", "2100-12-31 23:59:59", "0%", "100%", "1e-300", "0.5", "1:1"),
    *("immediately", "at expiry", "after 0s", "{when_coverage: 99%, not_after: 1d}", "{exponential: 1s}"),
    *("{empirical: [0s, 1s]}", "{weibull: {scale: 1d, shape: 0.01}}", "{lognormal: {median: 1d, sigma: 9}}"),
    *("never", "always", "from list", "devices.csv", "certs/mobile.pem", "h:65535", "[::1]:1", "unlimited"),
)
LIST: Final = _SIGNS + _bytes(
    *(
        "never",
        "AM",
        "PM",
        "Z",
        "UTC",
        "+14:00",
        "CET",
        "Europe/Berlin",
        "Android",
        "ios",
        "févr.",
        "31/31/31",
    ),
    *("0/0/0", "29.02.2025", "24:00", "ago", "\u0660", "id", "sep=", "#TYPE", "total", "0001", "99999-01-01"),
)
DER: Final = (
    *(b"\x30\x80", b"\x30\x84\xff\xff\xff\xff", b"\x02\x01\x03", b"\x05\x00", b"\xff", b"\x00", b"\x04\x00"),
    *(b"-----BEGIN CERTIFICATE-----\n", b"-----END CERTIFICATE-----\n", b"-----BEGIN PRIVATE KEY-----\n"),
    bytes.fromhex("2a864886f70d01050c"),
)
JSON: Final = _SIGNS + _bytes(
    "1e308", "1" + "0" * 400, '"9999-12-31T23:59:59Z"', "[]", "{}", '""', "[" * 2000
)

TARGETS: Final = {
    "scenarios": Target(scenarios, SCENARIO, read_scenario),
    "lists": Target(lambda: [text.encode() for text in LISTS], LIST, read_list),
    "certificates": Target(certificates, DER, read_certificates),
    "results": Target(results, JSON, read_result),
    "stores": Target(stores, JSON, read_store),
}


# --- a run ------------------------------------------------------------------------------------------------


def failure(name: str, number: int, content: bytes, folder: Path) -> str | None:
    """What goes wrong with an input, in a line that is the same for the same reason; None: nothing."""
    began = time.process_time()
    try:
        TARGETS[name].read(content, folder, random.Random(number))
    except InputError as error:
        try:
            told(error)
        except AssertionError as wrong:
            return f"{wrong}: {str(error)[:100]!r}"
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__} in {Path(last.filename).name}:{last.lineno} {str(error)[:100]}"
    took_s = time.process_time() - began
    return f"takes more than {SLOWEST_S} s" if took_s > SLOWEST_S else None


def input_of(name: str, number: int) -> bytes:
    """The input of a target that has a number."""
    return damaged(TARGETS[name], random.Random(f"{name} {number}"))


def smaller(name: str, number: int, content: bytes, folder: Path, reason: str) -> bytes:
    """As few bytes as still fail for the same reason, found in at most five hundred tries."""
    size, tries = len(content) // 2, 0
    while size and tries < 500:
        for at in range(0, len(content), size):
            tries += 1
            less = content[:at] + content[at + size :]
            if less and (failure(name, number, less, folder) or "").split(" ")[:3] == reason.split(" ")[:3]:
                content = less
                break
        else:
            size //= 2
    return content


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("targets", nargs="*", choices=[*TARGETS, []], metavar="TARGET")
    parser.add_argument("--seconds", type=float, default=120, help="for each target")
    given = parser.parse_args()
    kept, failed = ROOT / ".fuzz", 0
    kept.mkdir(exist_ok=True)
    for name in given.targets or TARGETS:
        state = kept / f"{name}.next"
        number = first = int(state.read_text()) if state.exists() else 0
        reasons: dict[str, int] = {}
        input_of(name, 0)
        ends = time.monotonic() + given.seconds
        with tempfile.TemporaryDirectory() as folder:
            while time.monotonic() < ends:
                content = input_of(name, number)
                reason = failure(name, number, content, Path(folder))
                if reason is not None and reason not in reasons:
                    failed += 1
                    small = smaller(name, number, content, Path(folder), reason)
                    (kept / f"{name}-{number}").write_bytes(small)
                    print(
                        f"{name} {number}: {reason} ({len(small)} bytes in .fuzz/{name}-{number})", flush=True
                    )
                if reason is not None:
                    reasons[reason] = reasons.get(reason, 0) + 1
                number += 1
                state.write_text(str(number))
        print(
            f"{name}: {number - first:,} inputs from {first:,} on, {sum(reasons.values())} fail", flush=True
        )
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
