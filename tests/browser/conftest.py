"""Chromium, driven by selenium, and pages for it to open."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import sim
from sim.report.page import Page

HOSTILE = (
    "</script><script>document.title='stolen'</script><img src='http://127.0.0.1:9/x'> \"'&{{7*7}} $x^2$"
)
PLAN = {
    "name": HOSTILE,
    "start": "2026-03-01",
    "duration": "40d",
    "server": {"automatic_reissue": "off", "certificate": {"expires": "day 35"}},
    "fleet": [
        {
            "name": "=phones <b>",
            "devices": 60,
            "presence": {"on": {"exponential": "2d"}, "off": {"exponential": "8d"}},
        },
        {"name": "tablets", "devices": 20, "platform": "ios"},
    ],
    "strategy": [{"at": "day 5", "reissue": {"activate": "after 10d"}}],
    "recovery": {"technicians": 1, "begins": "1h", "owner_responds": "1d", "takes": "3h"},
    "guarantees": [
        {"measure": "lost_devices", "at_most": 0, "group": "tablets"},
        {"measure": "lost_share", "at_most": "20%"},
    ],
}


@dataclass(frozen=True)
class Opened:
    """A page in a browser, and what it was made of."""

    driver: Any
    result: sim.Result
    path: Path
    downloads: Path


def command(*names: str) -> str:
    """The path of a program that must be installed."""
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        pytest.fail(f"this test needs {names[0]}, which is not installed (Debian: chromium, chromium-driver)")
    return found


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from selenium import webdriver  # only where the browser is asked for: the extra is not in `test`
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = command("chromium", "chromium-browser", "google-chrome")
    profile = tmp_path_factory.mktemp("profile")
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        f"--user-data-dir={profile}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    opened = webdriver.Chrome(options=options, service=Service(command("chromedriver")))
    yield opened
    opened.quit()


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[sim.Result, Path]:
    result = sim.run(sim.Scenario.from_document(PLAN))
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_bytes(Page(result).html)
    return result, path


@pytest.fixture
def opened(driver: Any, made: tuple[sim.Result, Path], tmp_path: Path) -> Opened:
    """The page, freshly loaded at 1440 px; the logs of before are empty."""
    result, path = made
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 1440, "height": 900, "deviceScaleFactor": 1, "mobile": False},
    )
    driver.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)}
    )
    driver.get("about:blank")
    driver.get_log("browser")
    driver.get_log("performance")
    driver.get(path.as_uri())
    return Opened(driver, result, path, tmp_path)
