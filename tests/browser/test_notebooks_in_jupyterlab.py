"""The notebooks and the what-if panel in a real JupyterLab, which is ended with all its kernels."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import nbformat
import pytest

import sim
from sim.text import plural

pytestmark = [pytest.mark.browser, pytest.mark.timeout(480)]

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))
START_S, RUN_S, END_S = 90, 300, 30
RIGHT, ENTER, ALL = "\ue014", "\ue007", "\ue009a\ue000"  # of the WebDriver specification; Ctrl+A
AWAY = {
    "name": "away",
    "start": "2026-03-01",
    "duration": "60d",
    "fleet": [
        {
            "name": "phones",
            "devices": 200,
            "presence": {"on": {"exponential": "2d"}, "off": {"exponential": "8d"}},
        }
    ],
    "strategy": [{"at": "day 5", "reissue": {"activate": "after 3d"}}],
}
"""Four fifths are off, and every day an eighth of these comes back: one day more loses some ten fewer."""


@dataclass(frozen=True)
class Lab:
    """A server, and the folder that it shows."""

    url: str
    token: str
    folder: Path

    def ask(self, path: str, method: str = "GET") -> Any:
        """What its API answers."""
        request = Request(f"{self.url}/api/{path}", method=method)
        request.add_header("Authorization", f"token {self.token}")
        with urlopen(request, timeout=10) as answer:
            content = answer.read()
        return json.loads(content) if content else None


def until(condition: Callable[[], Any], limit_s: float, what: str) -> Any:
    """The first true value of a condition; a failing test where there is none in time."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        try:
            if found := condition():
                return found
        except URLError:
            pass
        time.sleep(0.2)
    return pytest.fail(f"{what}: not within {limit_s} s")


def processes_naming(word: str) -> list[int]:
    """Processes whose command line has a word in it."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if word.encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab over copies of notebooks and scenarios, with folders of its own for everything it writes."""
    pytest.importorskip("jupyterlab", reason="the extra notebook is not installed")
    folder, own = tmp_path_factory.mktemp("shown"), tmp_path_factory.mktemp("jupyter")
    for name in ("notebooks", "scenarios"):
        shutil.copytree(ROOT / name, folder / name)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    folders = {f"JUPYTER_{name}_DIR": str(own / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
    environment = {**os.environ, **folders, "IPYTHONDIR": str(own / "ipython"), "PYTHONPATH": str(ROOT)}
    arguments = ["--no-browser", "--allow-root", "--expose-app-in-browser", f"--ServerApp.port={port}"]
    arguments += [f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={folder}"]
    settings = own / "config" / "labconfig" / "default_setting_overrides.json"
    settings.parent.mkdir(parents=True)
    asks = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}}
    settings.write_text(json.dumps(asks), encoding="utf-8")
    log = (own / "log").open("wb")
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", *arguments],
        env=environment,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    running = Lab(f"http://127.0.0.1:{port}", token, folder)
    try:
        until(lambda: running.ask("status"), START_S, (own / "log").read_text())
        yield running
        running.ask("shutdown", "POST")
        server.wait(END_S)
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait(END_S)
        log.close()
        until(lambda: not processes_naming(str(own)), END_S, "kernels end with their server")


@pytest.fixture
def shown(lab: Lab, driver: Any) -> Iterator[Callable[[str], Any]]:
    """Opens a notebook, runs all its cells, and returns it as it then is; its kernel is ended afterwards."""

    def run(path: str) -> Any:
        driver.set_script_timeout(RUN_S)
        driver.set_window_size(1440, 1000)
        driver.execute_cdp_cmd("Emulation.setFocusEmulationEnabled", {"enabled": True})
        driver.get(f"{lab.url}/lab/workspaces/w{secrets.token_hex(4)}/tree/{path}?token={lab.token}")
        ready = """const shell = window.jupyterapp?.shell;
            const panel = shell && [...shell.widgets('main')].find(each => each.sessionContext);
            if (panel?.sessionContext.session?.kernel?.connectionStatus !== 'connected') return false;
            shell.activateById(panel.id);
            return panel.context.isReady && shell.currentWidget === panel"""
        until(lambda: driver.execute_script(ready), START_S, f"{path} is open")
        return driver.execute_async_script(
            """const done = arguments[0], app = window.jupyterapp, panel = app.shell.currentWidget;
            app.commands.execute('notebook:clear-all-cell-outputs')
              .then(() => app.commands.execute('notebook:run-all-cells'))
              .then(() => done(panel.context.model.toJSON()), (error) => done(String(error)))"""
        )

    yield run
    driver.get("about:blank")
    for session in lab.ask("sessions"):
        lab.ask(f"sessions/{session['id']}", "DELETE")


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_cell_of_a_notebook_runs_without_an_error(shown: Callable[[str], Any], name: str) -> None:
    notebook = shown(f"notebooks/{name}")
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code" and cell["source"]]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert [output for output in outputs if output["output_type"] == "error"] == []
    assert any("text/html" in output.get("data", {}) for output in outputs)


def test_moving_a_slider_of_the_panel_changes_its_numbers(
    shown: Callable[[str], Any], lab: Lab, driver: Any
) -> None:
    """The answer in the browser is that of the same panel in Python, before and after two controls move."""
    cell = nbformat.v4.new_code_cell(f"import sim\nsim.what_if(sim.Scenario.from_document({AWAY}))")
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=[cell], metadata=kernel), lab.folder / "panel.ipynb")
    shown("panel.ipynb")
    panel = sim.what_if(sim.Scenario.from_document(AWAY))

    def is_answered() -> bool:
        words = f"After {plural(panel.delay.value, 'day')}, {panel.lost:,} of 200 devices lose the server"
        shown = [each.text for each in driver.find_elements("css selector", ".widget-html .answer")]
        return bool(shown) and all(text.startswith(words) for text in shown)

    until(is_answered, START_S, f"the panel shows {panel!r}")
    before = panel.lost
    handle = driver.find_element("css selector", ".widget-hslider .noUi-handle")
    handle.send_keys(RIGHT)
    panel.delay.value += 1
    assert panel.lost != before
    until(is_answered, START_S, f"the delay is moved: {panel!r}")
    every = driver.find_element("css selector", ".widget-text input")
    every.send_keys(ALL, "3d", ENTER)
    panel.every.value = "3d"
    until(is_answered, START_S, f"the period is changed: {panel!r}")
