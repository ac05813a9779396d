"""Whoever may write nowhere can run, and is told what may not be read or written.

Where the tests are root's, whom nothing stops, a copy of the process that has imported all becomes nobody.
"""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

PLAN = """\
name: Plan
start: 2026-03-01
duration: 4d
fleet: [{name: phones, devices: 1}]
"""
NOBODY = 65_534
RUN = ["run", "plan.yaml", "--no-figures"]
SWEEP = ["sweep", "plan.yaml", "--vary", "seed=1,2"]
CASES = {
    "run": (RUN, 0, ""),
    "out": ([*RUN, "--out", "new"], 2, "give yourself permission"),
    "overwrite": ([*RUN, "--out", "result", "--overwrite"], 2, "give yourself permission"),
    "page": (["report", "result", "--page", "page.html"], 2, "give yourself permission"),
    "report": (["report", "result"], 0, "page.html"),
    "sweep": ([*SWEEP, "--no-store"], 0, ""),
    "table": ([*SWEEP, "--no-store", "--out", "table.csv"], 2, "give yourself permission"),
    "kept at home": (SWEEP, 2, "--no-store"),
    "kept here": ([*SWEEP, "--store", "store"], 2, "--no-store"),
    "dates": (["plan", "plan.yaml", "--calendar", "dates.ics"], 2, "cannot be written"),
    "unreadable": (["check", "secret.yaml"], 2, "may not be read"),
}
"""What is typed, the exit code, and words that are said on standard error."""


def call(command: list[str]) -> tuple[int, str]:
    """The exit code of a command in this process, and what it says on standard error."""
    from sim import cli

    said = StringIO()
    sys.argv = ["reissue", *command]
    try:
        with redirect_stdout(StringIO()), redirect_stderr(said):
            cli.main()
    except SystemExit as end:
        return int(end.code or 0), said.getvalue()
    raise AssertionError("it does not end")


def as_ordinary_user(command: list[str], answer: Path) -> tuple[int, str]:
    """The same in a copy of this process that root's rights are taken from."""
    answer.write_bytes(b"")
    with answer.open("w", encoding="utf-8") as stream:
        pid = os.fork()
        if pid == 0:
            try:
                if os.geteuid() == 0:
                    os.setgroups([])
                    os.setgid(NOBODY)
                    os.setuid(NOBODY)
                json.dump(call(command), stream)
                stream.flush()
            finally:
                os._exit(0)
        os.waitpid(pid, 0)
    code, said = json.loads(answer.read_text(encoding="utf-8"))
    return code, said


@contextmanager
def closed_folder() -> Iterator[None]:
    """A folder with a plan, a result and a home in it, where an ordinary user may write nothing."""
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        os.environ |= {"HOME": f"{folder}/home", "XDG_CACHE_HOME": f"{folder}/home/cache"}
        for name in ("plan.yaml", "secret.yaml"):
            Path(name).write_text(PLAN, encoding="utf-8")
        Path("home").mkdir()
        assert call([*RUN[:-1], "--out", "result"])[0] == 0
        Path("secret.yaml").chmod(0)
        folders = [Path(folder), *(path for path in Path(folder).rglob("*") if path.is_dir())]
        for each in folders:
            each.chmod(0o555)
        try:
            yield
        finally:
            for each in folders:
                each.chmod(stat.S_IRWXU)
            os.chdir("/")


def main() -> None:
    """Print what comes of each case."""
    with TemporaryDirectory() as answers:
        with TemporaryDirectory() as warm:  # whatever is imported late is imported
            os.chdir(warm)
            os.environ |= {"HOME": warm, "XDG_CACHE_HOME": warm}
            Path("plan.yaml").write_text(PLAN, encoding="utf-8")
            for command in ([*RUN[:-1], "--out", "result"], *(command for command, _, _ in CASES.values())):
                call(command)
        with closed_folder():
            before = sorted(map(str, Path().rglob("*")))
            told = {
                name: as_ordinary_user(command, Path(answers, name))
                for name, (command, _, _) in CASES.items()
            }
            assert sorted(map(str, Path().rglob("*"))) == before
    print(json.dumps(told))


@pytest.mark.skipif(not hasattr(os, "fork") or sys.platform == "darwin", reason="forks")
def test_who_may_write_nowhere_can_run_and_is_told_what_may_not_be_written(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, __file__], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert told.keys() == CASES.keys()
    for name, (code, said) in told.items():
        _, expected, words = CASES[name]
        assert (code, "Traceback" in said) == (expected, False), (name, said)
        assert words in said, (name, said)


if __name__ == "__main__":
    main()
