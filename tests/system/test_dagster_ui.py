"""The asset graph as a person sees it: Dagster's own pages of the real definitions in a real browser."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from mojoline.settings import load_settings
from mojoline.stack import dagster_services as dagster
from mojoline.stack.local_stack import down, up
from mojoline.stack.ports import find_free_ports

ATTEMPTS = 3  # the page draws its graph in a worker, which a busy machine may start late
GRAPHS = {
    "extract": {"source_table", "snapshot"},
    "publish": {"package", "publication", "champion", "trained_model", "reduction", "drift_report"},
}


@pytest.fixture(scope="module")
def ui() -> Iterator[str]:
    """The address of a webserver, without daemon and API."""
    home = Path(tempfile.mkdtemp(prefix="mojoline-"))
    with pytest.MonkeyPatch.context() as patch:
        for key in list(os.environ):
            if key.startswith("MOJOLINE_") or key in {"DATABASE_URL", "REDIS_URL", "DAGSTER_HOME"}:
                patch.delenv(key)
        settings = load_settings(home=home, ports={"dagster": find_free_ports(1)[0]})
        try:
            yield up(settings, only=("postgres", dagster.CODE, dagster.WEBSERVER)).dagster_url
        finally:
            down(settings)
            shutil.rmtree(home, ignore_errors=True)


def read_page(url: str, profile: Path) -> set[str]:
    """The words that a browser shows at `url` once it has drawn the page."""
    chromium = shutil.which("chromium")
    assert chromium, "install chromium (deploy/ci/debian-packages.txt)"
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    command += [f"--user-data-dir={profile}", "--window-size=2400,1600", "--virtual-time-budget=40000"]
    done = subprocess.run([*command, "--dump-dom", url], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    without_code = re.sub(r"<(script|style).*?</\1>", " ", done.stdout, flags=re.DOTALL)
    shown = re.sub(r"<[^>]+>", " ", without_code).replace("\N{ZERO WIDTH SPACE}", "")
    return set(shown.split())


@pytest.mark.system
@pytest.mark.timeout(600)
@pytest.mark.parametrize("group", GRAPHS)
def test_the_graph_of_flights_is_drawn(ui: str, group: str, tmp_path: Path) -> None:
    url, missing = f"{ui}/locations/mojoline/asset-groups/{group}/lineage", GRAPHS[group]
    for attempt in range(ATTEMPTS):
        with suppress(subprocess.TimeoutExpired):
            missing = GRAPHS[group] - read_page(url, tmp_path / f"profile{attempt}")
        if not missing:
            return
    pytest.fail(f"{url} shows no {', '.join(sorted(missing))}")
