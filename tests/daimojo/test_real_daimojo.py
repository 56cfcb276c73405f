"""H2O's own daimojo 2.9.2 and a genuine MOJO2 archive: `make test-daimojo MOJO2=FILE` puts both at hand."""

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mojoline.runtime.errors import RuntimeModelError
from mojoline.runtime.scoring_runtime import open_runtime, runtime_for
from tests.data.tiny_versions import TINY_MODELS

pytestmark = pytest.mark.daimojo
ROOT = Path(__file__).parents[2]
LICENCES = ("DRIVERLESS_AI_LICENSE_KEY", "DRIVERLESS_AI_LICENSE_FILE")


@pytest.fixture
def mojo2(monkeypatch, tmp_path) -> Path:
    for name in LICENCES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))  # where a licence file might lie
    monkeypatch.syspath_prepend(str(ROOT / ".daimojo"))
    return Path(os.environ["MOJO2"])


def test_it_is_the_real_one(mojo2) -> None:
    assert importlib.metadata.version("daimojo") == "2.9.2"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of datatable and protobuf
def test_a_genuine_archive_reaches_daimojo_which_asks_for_its_licence(mojo2, capfd) -> None:
    assert runtime_for(mojo2) == "daimojo"
    with pytest.raises(RuntimeModelError) as raised:
        open_runtime(mojo2)
    message = str(raised.value)
    for place in (*LICENCES, "~/.driverlessai/license.sig", "/license/license.sig"):
        assert place in message
    assert message.count("\n") == 0
    assert str(raised.value.__cause__) == "Driverless AI license error!"  # its own words
    assert capfd.readouterr().err == ""


def test_an_h2o3_mojo_is_refused_by_us_and_by_daimojo(mojo2) -> None:
    h2o3 = TINY_MODELS / "first" / "mojo.zip"
    with pytest.raises(RuntimeModelError, match=r"cannot be scored by daimojo.*H2O-3 MOJOs"):
        open_runtime(h2o3, "daimojo")
    code = f"import daimojo; daimojo.model({str(h2o3)!r})"
    path = os.environ | {"PYTHONPATH": str(ROOT / ".daimojo")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=path, check=False)
    assert "we do not support H2O-3 mojo1" in done.stderr
