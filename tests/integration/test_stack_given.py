"""What the user gives: a dead URL is told before anything starts, a Dagster instance is used as it is."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import psycopg
import pytest

from mojoline.model_spec import SpecError
from mojoline.settings import load_settings
from mojoline.stack import dagster_services
from mojoline.stack.dagster_client import DagsterClient
from mojoline.stack.errors import StackError
from mojoline.stack.given_servers import examine_given_servers
from mojoline.stack.local_stack import DAGSTER_SERVICES, down, status, up
from mojoline.stack.paths import stack_paths
from mojoline.stack.ports import find_free_ports
from mojoline.stack.process_record import belongs_to
from mojoline.stack.service import stop_named

DEFINITIONS = Path(__file__).parents[1] / "data" / "stack_definitions"


@pytest.fixture
def place(no_given_servers):
    made = Path(tempfile.mkdtemp(prefix="mojoline-"))
    yield made
    left = [process.pid for process in psutil.process_iter() if belongs_to(process, made)]
    shutil.rmtree(made, ignore_errors=True)
    assert left == []


@pytest.fixture
def nobody():
    return f"127.0.0.1:{find_free_ports(1)[0]}"


@pytest.mark.parametrize(
    ("setting", "url", "shown"),
    [
        (
            "database_url",
            "postgresql://me:s3cret@{}/app",
            r"DATABASE_URL=postgresql://me:\*+@{}/app: .*refused",
        ),
        ("redis_url", "redis://:s3cret@{}/0", r"REDIS_URL=redis://:\*+@{}/0: .*refused.*local Redis"),
        ("reservoir_redis_url", "redis://{}", "RESERVOIR_REDIS_URL=redis://{}: .*refused"),
        ("redis_url", "unix:///no/such.sock", "REDIS_URL=unix:///no/such.sock: .*No such file"),
    ],
)
def test_a_dead_server_is_told_before_anything_is_started(place, nobody, setting, url, shown):
    settings = load_settings(home=place / "home", **{setting: url.format(nobody)})
    with pytest.raises(StackError, match=shown.format(nobody)) as caught:
        up(settings)
    assert "s3cret" not in str(caught.value)
    assert not settings.home.exists()
    (finding,) = examine_given_servers(settings, stack_paths(settings.home))
    assert (finding.ok, finding.name in str(caught.value)) == (False, True)


def test_models_that_cannot_be_read_are_told_before_anything_is_started(place):
    with pytest.raises(SpecError, match=f"{place}/models: no such directory"):
        up(load_settings(home=place / "home", models_dir=place / "models"))
    assert not (place / "home").exists()


def test_a_database_where_nothing_can_be_made_is_told(place, database_url):
    with psycopg.connect(database_url, autocommit=True) as connection:
        role = connection.info.dbname
        connection.execute(f"CREATE ROLE {role} LOGIN")
    try:
        url = database_url.replace("postgresql://postgres:@", f"postgresql://{role}@")
        assert role in url.partition("@")[0]
        settings = load_settings(home=place / "home", database_url=url)
        with pytest.raises(StackError, match=f"{role} may not create schemas; GRANT CREATE ON DATABASE"):
            up(settings)
        good = load_settings(home=place / "home", database_url=database_url)
        (finding,) = examine_given_servers(good, stack_paths(good.home))
        assert (finding.ok, finding.found) == (True, "PostgreSQL 18, repeatable read")
    finally:
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(f"DROP ROLE {role}")


@pytest.mark.parametrize(("home", "told"), [("missing/deep", "there is no"), ("file", "is no directory")])
def test_an_instance_that_cannot_be_written_is_told(place, home, told):
    (place / "file").touch()
    settings = load_settings(home=place / "home", dagster_home=place / home)
    with pytest.raises(StackError, match=f"DAGSTER_HOME={place / home}: {told}.*unset DAGSTER_HOME"):
        up(settings)
    assert not settings.home.exists()


def test_somebody_elses_instance_keeps_its_storage_and_its_daemon(place, monkeypatch):
    """Its `dagster.yaml` says SQLite, so that not even a database is needed."""
    monkeypatch.setenv("PYTHONPATH", str(DEFINITIONS))
    monkeypatch.setattr(dagster_services, "MODULE", "stack_definitions")
    monkeypatch.setattr(
        dagster_services, "code_version", lambda *_: "of no file that somebody edits meanwhile"
    )
    instance = place / "theirs"
    instance.mkdir()
    (instance / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    ports = {"dagster": find_free_ports(1)[0]}
    settings = load_settings(home=place / "home", dagster_home=instance, ports=ports)
    workspace = str(dagster_services.workspace_file(stack_paths(settings.home)))
    theirs = None
    try:
        up(settings, only=DAGSTER_SERVICES)
        assert states(settings) == dict.fromkeys(DAGSTER_SERVICES, "running")
        stop_named(dagster_services.DAEMON, stack_paths(settings.home), signal.SIGTERM, 30)

        environment = {**os.environ, "DAGSTER_HOME": str(instance)}
        daemon = [sys.executable, "-m", "dagster._daemon", "run", "-w", workspace]
        theirs = subprocess.Popen(
            daemon, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        said: list[str] = []
        up(settings, only=DAGSTER_SERVICES, progress=lambda name, what: said.append(f"{name} {what}"))
        assert f"dagster-daemon not started: pid {theirs.pid} is one on {instance}" in "\n".join(said)
        assert states(settings) == dict(
            zip(DAGSTER_SERVICES, ("running", "running", "external"), strict=True)
        )
        with DagsterClient(dagster_services.dagster_url(settings.ports.dagster)) as client:
            client.wait(client.launch("probe_job", {"ops": {"probe__measured": {"config": {}}}}), timeout=120)
        assert (instance / "storage").is_dir()
        down(settings)
        assert theirs.poll() is None
        assert (instance / "dagster.yaml").read_text() == "telemetry: {enabled: false}\n"
    finally:
        if theirs is not None:
            theirs.terminate()
            theirs.wait(60)
        down(settings)


def states(settings) -> dict[str, str]:
    return {one.name: one.state for one in status(settings) if one.name in DAGSTER_SERVICES}
