"""Every command's help shows an example, and each example works as it stands there."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from sim.cli.commands import cli

ROOT = Path(__file__).parents[2]


def commands_of(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    """A command and those below it, by the words that call them."""
    yield name, command
    if isinstance(command, click.Group):
        for below, each in sorted(command.commands.items()):
            yield from commands_of(each, f"{name} {below}")


def examples_of(command: click.Command, name: str) -> list[str]:
    """The command lines at the end of the help, as it is printed."""
    printed = CliRunner().invoke(cli, [*name.split()[1:], "--help"], terminal_width=200).output
    _, _, end = printed.rpartition("Example")
    return re.findall(r"\breissue [^\n]+", end)


COMMANDS = list(commands_of(cli, "reissue"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("help")
    shutil.copytree(ROOT / "scenarios", made / "scenarios")
    return made


@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=[name for name, _ in COMMANDS])
def test_every_example_of_a_command_works(
    name: str, command: click.Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    examples = examples_of(command, name)
    assert examples
    for example in examples:
        line, _, target = example.partition(" > ")
        words = shlex.split(line)
        if words[1] == "sweep":
            words += ["--no-store", "--workers", "1"]
        ran = CliRunner().invoke(cli, words[1:], standalone_mode=False)
        assert ran.exception is None, example
        assert not ran.return_value, f"{example} ends with {ran.return_value}"
        assert ran.output.strip()
        if target:
            (folder / target).write_text(ran.stdout, encoding="utf-8")
    assert name == "reissue" or examples[-1].startswith(f"{name} ")  # others may prepare it


@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=[name for name, _ in COMMANDS])
def test_no_example_is_broken_by_the_width_of_a_terminal(name: str, command: click.Command) -> None:
    narrow = CliRunner().invoke(cli, [*name.split()[1:], "--help"], terminal_width=40).output
    for example in examples_of(command, name):
        assert example in narrow
