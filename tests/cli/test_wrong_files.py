"""What cannot be run is refused by `check` as by `run`, in the same words; 70 is for our defects."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import test_wrong_inventories
import test_wrong_scenarios

from sim import cli

WRONG = 2
CERTIFICATE = (
    "name: n\nstart: 2026-03-01\nduration: 100d\nfleet:\n- name: g\n  devices: 1\n"
    "server: {certificate: {issuer: custom, file: junk.pem}}\n"
)


def ended(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int | str | None, str]:
    """The exit code of a command, and what it says on standard error."""
    monkeypatch.setattr(sys, "argv", ["reissue", *words])
    with pytest.raises(SystemExit) as left:
        cli.main()
    out, err = capsys.readouterr()
    assert out == ""
    return left.value.code, err


def wrong_scenarios(folder: Path) -> Iterator[str]:
    """The name of each wrong file, which `scenario.yaml` in the folder then is."""
    scenario, devices = folder / "scenario.yaml", folder / "d.csv"
    (folder / "ok.csv").write_text("id\n1\n", encoding="utf-8")
    for wrong in test_wrong_scenarios.CASES:
        if len(wrong.content) > 10_000:  # it takes long to read
            continue
        scenario.write_bytes(wrong.content)
        yield wrong.name
    scenario.write_text(test_wrong_inventories.SCENARIO, encoding="utf-8")
    for row in test_wrong_inventories.CASES:
        devices.write_bytes(row.content)
        yield row.name
    scenario.write_text(CERTIFICATE, encoding="utf-8")
    for content in (b"", b"junk", b"-----BEGIN CERTIFICATE-----\n", bytes(range(256))):
        (folder / "junk.pem").write_bytes(content)
        yield f"a certificate of {content[:10]!r}"


def test_every_wrong_file_is_refused_by_check_as_by_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "scenario.yaml")
    names = []
    for name in wrong_scenarios(tmp_path):
        checked = ended(["check", path], monkeypatch, capsys)
        assert checked == ended(["run", path], monkeypatch, capsys), name
        assert checked[0] == WRONG, name
        assert str(tmp_path) in checked[1], name
        names.append(name)
    assert len(names) > 200


COMMANDS = {
    "compare": ["{}", "{}"],
    "curve": ["{}"],
    "exact": ["{}"],
    "plan": ["{}"],
    "rehearse": ["{}"],
    "sweep": ["{}", "--vary", "seed=1,2", "--no-store"],
    "verify": ["{}"],
    "why": ["{}", "g/0"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_what_cannot_be_run_is_refused_by_every_command(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "scenario.yaml"
    (tmp_path / "junk.pem").write_text("junk", encoding="utf-8")
    for text in (CERTIFICATE, CERTIFICATE.replace("devices: 1", "devices: -1")):
        path.write_text(text, encoding="utf-8")
        code, told = ended([command, *(word.format(path) for word in COMMANDS[command])], monkeypatch, capsys)
        assert code == WRONG
        assert f"{path}:" in told
