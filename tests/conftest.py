"""What several folders of tests share."""

from __future__ import annotations

import pytest
from openssl_command import Openssl

pytest_plugins = ["pytester"]


@pytest.fixture(scope="session")
def openssl(tmp_path_factory: pytest.TempPathFactory) -> Openssl:
    """The `openssl` command, in a folder of its own."""
    return Openssl(tmp_path_factory.mktemp("openssl"))
