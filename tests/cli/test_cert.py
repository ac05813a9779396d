"""`reissue cert` as a planner meets it: a clear verdict on any file, and never a traceback."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from openssl_command import HOST, Openssl

from sim import cli

ACCEPTED, BROKEN, UNREADABLE = 0, 1, 2
PROGRAM = [sys.executable, "-c", "from sim.cli import main; main()"]
AT = ("--at", "2026-06-01")
PASSWORD = "pässwörd"


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def cert(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Calls `reissue cert` in this process; nothing is ever a traceback or moves a cursor."""

    def run(*arguments: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["reissue", "cert", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        assert "\x1b" not in out + err
        return Ran(int(left.value.code or 0), out, err)

    return run


def test_check_of_a_good_certificate_is_accepted_by_all(cert: Run, openssl: Openssl) -> None:
    ran = cert("check", openssl.certificate(), "--key", openssl.key(), "--address", f"{HOST}:13292", *AT)
    assert ran.code == ACCEPTED
    assert [line.strip() for line in ran.out.splitlines()[-3:]] == [
        "Administration Server: accepts",
        "Android: accepts",
        "iOS: accepts",
    ]
    assert "fails" not in ran.out
    assert ran.err == ""


def test_check_says_who_is_stranded_what_is_asked_and_who_says_so(cert: Run, openssl: Openssl) -> None:
    ran = cert("check", openssl.certificate(extendedKeyUsage=None), *AT)
    assert ran.code == BROKEN
    assert "iOS: refuses, would be stranded at activation" in ran.out
    assert "Android: accepts" in ran.out
    assert (
        "asked for: extended key usage with server authentication [support.apple.com/en-us/103769]" in ran.out
    )
    ran = cert("check", openssl.certificate(keyUsage=None), *AT)
    assert ran.code == BROKEN
    assert "Administration Server: refuses, it would never become a reserve" in ran.out


def verdict_of(openssl: Openssl, case: str, folder: Path) -> tuple[list[object], int, str]:
    """Arguments, exit code and a part of what is said."""
    good = openssl.certificate()
    large = folder / "large.p12"
    junk = folder / "junk"
    truncated = folder / "cut.p12"
    pipe = folder / "pipe"
    protected = openssl.pkcs12(good, password=PASSWORD)
    match case:
        case "1024 bits":
            return [openssl.certificate(key="rsa1024")], BROKEN, "RSA of 1024 bits"
        case "sha-1":
            return [openssl.certificate(digest="sha1")], BROKEN, "signed with sha1"
        case "elliptic curve":
            return [openssl.certificate(key="ec")], BROKEN, "elliptic curve secp256r1 of 256 bits"
        case "ed25519":
            return [openssl.certificate(key="ed25519")], BROKEN, "Ed25519"
        case "expired":
            return [good, "--at", "2027-02-02"], BROKEN, "expired on 2027-02-02 00:00:00 UTC"
        case "not yet valid":
            return [good, "--at", "2025-12-31 23:59:59"], BROKEN, "not yet valid on 2025-12-31 23:59:59"
        case "other host":
            return [good, "--address", "other.example.com", *AT], BROKEN, "other.example.com is not in"
        case "pkcs12 without key":
            return [openssl.pkcs12(good, key=None), *AT], BROKEN, "PKCS #12 without a private key"
        case "wrong key":
            return [good, "--key", openssl.key("other2048")], UNREADABLE, "does not belong"
        case "wrong password":
            return [protected, "--password-env", "WRONG"], UNREADABLE, "not opened by the password"
        case "no password":
            return [protected], UNREADABLE, "--password-env NAME"
        case "variable not set":
            return [protected, "--password-env", "UNSET"], UNREADABLE, "UNSET of --password-env is not set"
        case "truncated":
            truncated.write_bytes(protected.read_bytes()[:-1])
            return [truncated], UNREADABLE, "copy the whole file"
        case "random bytes":
            junk.write_bytes(bytes(range(256)) * 4)
            return [junk], UNREADABLE, "neither PKCS #12 nor X.509"
        case "empty":
            junk.touch()
            return [junk], UNREADABLE, "is empty"
        case "10 MB":
            large.write_bytes(bytes(10_000_000))
            return [large], UNREADABLE, "is larger than"
        case "folder":
            return [folder], UNREADABLE, "is a folder"
        case "pipe":
            os.mkfifo(pipe)
            return [pipe], UNREADABLE, "not a regular file"
        case "device":
            return ["/dev/zero"], UNREADABLE, "not a regular file"
        case "missing":
            return [folder / "gone\x1b[2J.pem"], UNREADABLE, "does not exist"
        case "several":
            junk.write_bytes(good.read_bytes() + openssl.certificate(key="ec").read_bytes())
            return [junk], UNREADABLE, "2 certificates that could be the server's"
        case "no such date":
            return [good, "--at", "soon"], UNREADABLE, "--at"
        case "no such address":
            return [good, "--address", "https://a"], UNREADABLE, "--address"
        case "one key for two":
            return [good, good, "--key", openssl.key()], UNREADABLE, "--key belongs to one certificate"
    raise AssertionError(case)


CASES = (
    "1024 bits", "sha-1", "elliptic curve", "ed25519", "expired", "not yet valid", "other host",
    "pkcs12 without key", "wrong key", "wrong password", "no password", "variable not set", "truncated",
    "random bytes", "empty", "10 MB", "folder", "pipe", "device", "missing", "several", "no such date",
    "no such address", "one key for two",
)  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_check_gives_a_clear_verdict(
    cert: Run, openssl: Openssl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    monkeypatch.setenv("WRONG", "not it")
    arguments, code, said = verdict_of(openssl, case, tmp_path)
    ran = cert("check", *arguments)
    assert ran.code == code, ran
    assert said in (ran.err if code == UNREADABLE else ran.out)
    assert PASSWORD not in ran.out + ran.err
    assert "not it" not in ran.out + ran.err


@pytest.mark.parametrize("case", ["truncated", "pipe", "wrong key", "1024 bits"])
def test_a_real_process_ends_with_the_same_code(openssl: Openssl, tmp_path: Path, case: str) -> None:
    arguments, code, said = verdict_of(openssl, case, tmp_path)
    command = [*PROGRAM, "cert", "check", *map(str, arguments)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert ran.returncode == code
    assert said in ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr


def test_what_can_be_read_is_judged_beside_what_cannot(cert: Run, openssl: Openssl, tmp_path: Path) -> None:
    ran = cert("check", tmp_path / "gone.pem", openssl.certificate(), *AT)
    assert ran.code == UNREADABLE
    assert "gone.pem: does not exist" in ran.err
    assert "iOS: accepts" in ran.out


def test_check_json_is_one_document(cert: Run, openssl: Openssl, tmp_path: Path) -> None:
    path = openssl.certificate(extendedKeyUsage=None)
    ran = cert("check", path, tmp_path / "gone.pem", "--json", *AT)
    assert ran.code == UNREADABLE
    document = json.loads(ran.out)
    (told,) = document["certificates"]
    assert told["server"] == "accepts"
    assert told["platforms"] == {"android": "accepts", "ios": "refuses"}
    assert told["stranded"] == ["ios"]
    assert told["accepted"] is False
    assert [each["rule"] for each in told["rules"] if each["result"] == "fails"] == [
        "apple-extended-key-usage"
    ]
    assert document["problems"] == [
        {"file": str(tmp_path / "gone.pem"), "message": "does not exist: check the path"}
    ]


def test_check_of_a_scenario_tells_a_wrong_certificate_file_in_json_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "junk.pem").write_text("junk")
    plan = tmp_path / "plan.yaml"
    plan.write_text(
        "name: x\nstart: 2026-03-01\nduration: 9d\nfleet: [{name: a, devices: 1}]\n"
        "server: {certificate: {issuer: custom, file: junk.pem}}\n"
    )
    monkeypatch.setattr(sys, "argv", ["reissue", "check", str(plan), "--json"])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == UNREADABLE
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert (problem["line"], problem["key"]) == (5, "server.certificate.file")


def test_show_says_what_is_in_a_certificate(
    cert: Run, openssl: Openssl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOBILE_PASSWORD", PASSWORD)
    path = openssl.pkcs12(openssl.certificate(), password=PASSWORD)
    ran = cert("show", path, "--password-env", "MOBILE_PASSWORD")
    assert ran.code == ACCEPTED
    shown = dict(line.strip().split("  ", 1) for line in ran.out.splitlines()[4:])
    assert shown["names"].strip() == HOST
    assert shown["key"].strip() == "RSA of 2048 bits"
    assert (shown["not before"].strip(), shown["not after"].strip()) == (
        "2026-01-01T00:00:00Z",
        "2027-02-02T00:00:00Z",
    )
    document = json.loads(cert("show", path, "--password-env", "MOBILE_PASSWORD", "--json").out)
    (told,) = document["certificates"]
    assert (told["not_before"], told["not_after"]) == ("2026-01-01T00:00:00Z", "2027-02-02T00:00:00Z")
    assert told["has_private_key"] is True
    assert told["key_usage"] == [
        "digital signature",
        "key encipherment",
        "certificate signing",
        "CRL signing",
    ]
    assert told["extended_key_usage"] == ["serverAuth"]


def test_names_in_a_certificate_do_not_reach_the_terminal_as_they_are(cert: Run, openssl: Openssl) -> None:
    subject = "/CN=\x1b[2J\x07[bold red]x\u202e"
    path = openssl.certificate(subject=subject, subjectAltName="DNS:a\x1b[31m.example.com")
    for arguments in (("show",), ("check",), ("show", "--json"), ("check", "--json")):
        ran = cert(*arguments, path)
        assert ran.code in (ACCEPTED, BROKEN)
        assert not {"\x1b", "\x07", "\u202e"} & set(ran.out + ran.err)
    assert "[bold red]" in cert("show", path).out


def test_colours_are_for_terminals(openssl: Openssl) -> None:
    command = [*PROGRAM, "cert", "check", str(openssl.certificate())]
    ran = subprocess.run(command, capture_output=True, timeout=60)
    assert b"\x1b" not in ran.stdout


@pytest.mark.parametrize("typed", [PASSWORD, "wrong"])
def test_a_terminal_is_asked_for_the_password_and_shows_nothing_of_it(openssl: Openssl, typed: str) -> None:
    path = openssl.pkcs12(openssl.certificate(), password=PASSWORD)
    ours, theirs = pty.openpty()
    command = [*PROGRAM, "cert", "show", str(path)]
    process = subprocess.Popen(
        command, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    seen = b""
    while b"Password of" not in seen:
        seen += os.read(ours, 1024)
    os.write(ours, typed.encode() + b"\n")
    out, _ = process.communicate(timeout=60)
    try:
        while chunk := os.read(ours, 1024):
            seen += chunk
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    assert typed.encode() not in seen + out
    assert process.returncode == (ACCEPTED if typed == PASSWORD else UNREADABLE)
    assert (b"fingerprint" in out) == (typed == PASSWORD)
    assert (b"not opened by the password" in seen) == (typed == "wrong")


def test_no_password_is_an_option(cert: Run) -> None:
    told: Any = cert("check", "--help").out
    assert "--password-env" in told
    assert "--password " not in told
