"""What several folders of tests share."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from openssl_command import Openssl

pytest_plugins = ["pytester"]


@pytest.fixture(scope="session")
def openssl(tmp_path_factory: pytest.TempPathFactory) -> Openssl:
    """The `openssl` command, in a folder of its own."""
    return Openssl(tmp_path_factory.mktemp("openssl"))


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Programs started by the test can be interrupted, even where the suite itself ignores interrupts.

    A shell starts what it runs in the background with SIGINT ignored, and children inherit that; a handler
    they do not.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
