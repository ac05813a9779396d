"""Nothing that is written, printed, logged or raised holds a password or anything of a private key."""

from __future__ import annotations

import base64
import logging
import os
import shutil
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from openssl_command import Openssl

import sim
from sim import cli
from sim.errors import InputError
from sim.pki.reading import read
from sim.scenario.findings import findings_of

PASSWORD = "Tr0ub4dor-päss"
WRONG = "n0t-the-p4ssword"

PLAN = """\
name: Secrets
start: 2026-03-01
duration: 60d
server:
  automatic_reissue: off
  certificate: {issuer: custom, file: first.p12, password_env: RIGHT}
fleet:
  - {name: phones, devices: 5, sync: {every: 1d, phase: even}}
strategy:
  - at: day 5
    reissue: {issuer: custom, file: next.pem, key: next.key, password_env: RIGHT, activate: after 30d}
"""


@pytest.fixture
def plan(openssl: Openssl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A scenario with an encrypted PKCS #12 file and an encrypted key."""
    folder = tmp_path / "plan"
    folder.mkdir()
    shutil.copy(openssl.pkcs12(openssl.certificate(), password=PASSWORD), folder / "first.p12")
    shutil.copy(openssl.certificate(key="other2048", serial=2), folder / "next.pem")
    shutil.copy(openssl.encrypted_key("pkcs8", password=PASSWORD, key="other2048"), folder / "next.key")
    (folder / "plan.yaml").write_text(PLAN)
    monkeypatch.setenv("RIGHT", PASSWORD)
    monkeypatch.setenv("WRONG", WRONG)
    return folder / "plan.yaml"


@pytest.fixture
def needles(openssl: Openssl, plan: Path) -> list[bytes]:
    """The passwords, and the keys in every form in which they could be written."""
    held = [PASSWORD.encode(), repr(PASSWORD.encode())[2:-1].encode(), ascii(PASSWORD)[1:-1].encode()]
    held += [base64.b64encode(PASSWORD.encode()), PASSWORD.encode().hex().encode(), WRONG.encode()]
    for name in ("rsa2048", "other2048"):
        pem = openssl.key(name).read_bytes()
        key = load_pem_private_key(pem, None)
        assert isinstance(key, RSAPrivateKey)
        numbers = key.private_numbers()
        for number in (numbers.d, numbers.p, numbers.q, numbers.dmp1, numbers.dmq1, numbers.iqmp):
            whole = number.to_bytes((number.bit_length() + 7) // 8, "big")
            # A part is enough to be found: writers break lines.
            held += [whole[8:24], whole.hex()[16:48].encode(), whole.hex()[16:48].upper().encode()]
            held += [str(number)[:30].encode()]
        held += [line for line in pem.splitlines() if line and not line.startswith(b"-----")]
    encrypted = (plan.parent / "next.key").read_bytes()
    held += [line for line in encrypted.splitlines() if line and not line.startswith(b"-----")]
    held += [(plan.parent / "first.p12").read_bytes()[200:232]]
    return held


def assert_clean(content: bytes, needles: list[bytes], where: str) -> None:
    for number, needle in enumerate(needles):
        assert needle not in content, f"secret {number} is in {where}"


COMMANDS = (
    "run plan.yaml --out result", "report result", "run plan.yaml --json", "check plan.yaml",
    "check plan.yaml --json", "verify plan.yaml",
    "cert check first.p12 --password-env RIGHT", "cert show first.p12 --password-env RIGHT",
    "cert check next.pem --key next.key --password-env RIGHT --json",
    "cert show next.pem --key next.key --password-env RIGHT --json",
    "cert show first.p12 --password-env WRONG", "cert show next.pem --key next.key --password-env WRONG",
    "cert show first.p12", "cert show next.pem --key next.key", "cert show next.key --password-env RIGHT",
    "run plan.yaml --set server.certificate.password_env=WRONG",
    "run plan.yaml --set server.certificate.password_env=NOT_THERE",
    "check plan.yaml --set strategy.0.reissue.key=first.p12",
)  # fmt: skip


def test_no_output_file_or_log_holds_a_secret(
    plan: Path,
    needles: list[bytes],
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.chdir(plan.parent)
    codes = []
    for command in COMMANDS:
        monkeypatch.setattr(sys, "argv", ["reissue", *command.split()])
        with pytest.raises(SystemExit) as left:
            cli.main()
        out, err = capfdbinary.readouterr()
        assert b"Traceback" not in err
        assert_clean(out + err, needles, command)
        codes.append(int(left.value.code or 0))
    assert_clean(caplog.text.encode(), needles, "the log")
    assert codes[:6] == [0] * 6
    assert codes[10:] == [2] * 8
    result = plan.parent / "result"
    written = [path for path in result.rglob("*") if path.is_file()]
    assert {path.name for path in written if path.suffix != ".svg"} == {
        "devices.parquet", "devices.csv", "timeline.parquet", "events.parquet", "run.json", "scenario.yaml",
        "page.html",
    }  # fmt: skip
    assert {path.parent.name for path in written if path.suffix == ".svg"} == {"figures"}
    for path in written:
        assert_clean(path.read_bytes(), needles, path.name)
        if path.suffix == ".parquet":
            assert_clean(pd.read_parquet(path).to_csv().encode(), needles, path.name)


def behind(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and all that hang on it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def test_no_exception_holds_a_secret_nor_anything_behind_it(
    plan: Path, needles: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = plan.parent
    tries = [
        lambda: read(folder / "first.p12", password=WRONG.encode()),
        lambda: read(folder / "first.p12"),
        lambda: read(folder / "next.pem", key_path=folder / "next.key", password=WRONG.encode()),
        lambda: read(folder / "next.pem", key_path=folder / "first.p12", password=PASSWORD.encode()),
        lambda: read(folder / "next.key", password=PASSWORD.encode()),
        lambda: sim.run(sim.load(plan, overrides=[("server.certificate.password_env", "WRONG")])),
        lambda: sim.run(sim.load(plan, overrides=[("strategy.0.reissue.password_env", "WRONG")])),
        lambda: findings_of(sim.load(plan, overrides=[("strategy.0.reissue.key", "first.p12")])),
    ]
    for attempt in tries:
        with pytest.raises(InputError) as caught:
            attempt()
        for error in behind(caught.value):
            told = f"{error}{error!r}{error.args!r}{vars(error)!r}{getattr(error, '__notes__', '')}"
            assert_clean(told.encode(), needles, repr(type(error)))


def test_no_repr_of_what_was_read_holds_a_secret(plan: Path, needles: list[bytes]) -> None:
    scenario = sim.load(plan)
    result = sim.run(scenario)
    material = read(plan.parent / "first.p12", password=PASSWORD.encode())
    told = f"{material!r}{scenario!r}{scenario.to_yaml()}{result!r}{result.plan!r}{result._repr_html_()}"
    assert_clean(told.encode(), needles, "a repr")


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_what_is_written_has_the_modes_that_the_planners_umask_asks_for(plan: Path, mask: int) -> None:
    from sim.studies.output import write

    before = os.umask(mask)
    try:
        write(sim.run(sim.load(plan)), plan.parent / "result")
    finally:
        os.umask(before)
    result = plan.parent / "result"
    assert stat.S_IMODE(result.stat().st_mode) == 0o777 & ~mask
    for path in result.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o777 if path.is_dir() else 0o666) & ~mask


def test_a_certificate_without_a_key_is_kept_with_the_result_and_nothing_else_of_its_file(
    openssl: Openssl, tmp_path: Path
) -> None:
    from sim.studies.output import write

    (tmp_path / "certs").mkdir()
    certificate = openssl.certificate().read_bytes()
    (tmp_path / "certs" / "first.pem").write_bytes(b"a remark that is nobody's business\n" + certificate)
    (tmp_path / "with_key.pem").write_bytes(
        openssl.certificate(serial=2).read_bytes() + openssl.key().read_bytes()
    )
    document = {
        "name": "x",
        "start": "2026-03-01",
        "duration": "9d",
        "server": {"certificate": {"issuer": "custom", "file": "certs/first.pem"}},
        "fleet": [{"name": "a", "devices": 1}],
        "strategy": [{"at": "day 1", "reissue": {"issuer": "custom", "file": "with_key.pem"}}],
    }
    scenario = sim.Scenario.from_document(document, folder=tmp_path)
    write(sim.run(scenario), tmp_path / "result")
    assert (tmp_path / "result" / "certs" / "first.pem").read_bytes() == certificate
    assert not (tmp_path / "result" / "with_key.pem").exists()
    write(sim.run(scenario), tmp_path / "result", overwrite=True)
