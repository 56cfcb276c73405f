"""One H2O node that all integration tests share: tests of the line connect to it as to anybody's cluster."""

import os
from collections.abc import Iterator

import pytest

from mojoline.settings import Settings, load_settings
from mojoline.settings_layers import PREFIX, USUAL_NAMES
from mojoline.stack.process_record import find_process
from mojoline.training.jvm import USER, Jvm


@pytest.fixture
def no_given_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that names no servers and no settings."""
    for key in list(os.environ):
        if key.startswith(PREFIX) or key in USUAL_NAMES:
            monkeypatch.delenv(key)


@pytest.fixture(scope="session")
def h2o_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jvm]:
    """A node that was there before."""
    jvm = Jvm(tmp_path_factory.mktemp("node"), heap=1 << 30, nthreads=2, brief=True)
    yield jvm
    jvm.stop()
    assert find_process(jvm.pid) is None


@pytest.fixture(scope="session")
def h2o_settings(h2o_node: Jvm) -> Settings:
    """Settings that name the node."""
    return load_settings(h2o_url=h2o_node.url.replace("://", f"://{USER}:{h2o_node.password}@"))
