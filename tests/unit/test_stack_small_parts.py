"""The decisions of the stack that need no server."""

import multiprocessing
import signal
import stat

import pytest
import yaml

from mojoline.settings import MASK, load_settings
from mojoline.stack.admin_token import keep_admin_token
from mojoline.stack.dagster_instance import instance_config, is_given, is_ours, names_driver, write_instance
from mojoline.stack.dagster_storage import storage_url
from mojoline.stack.disk_space import require_space
from mojoline.stack.doctor import judge_amount, judge_python
from mojoline.stack.errors import StackError
from mojoline.stack.given_servers import mask_url
from mojoline.stack.home_lock import hold_home
from mojoline.stack.paths import stack_paths
from mojoline.stack.postgres import postgres_url
from mojoline.stack.stack_state import describe_stack, is_external


def test_a_nearly_full_disk_is_said_before_anything_starts(tmp_path):
    with pytest.raises(StackError, match=r"300 MiB are free .* 1024 MiB are needed.*MOJOLINE_HOME"):
        require_space(300 << 20, 1 << 30, tmp_path)
    require_space(1 << 30, 1 << 30, tmp_path)


def test_the_token_is_made_once_and_private(tmp_path):
    path = tmp_path / "admin"
    token = keep_admin_token(path, None)
    assert len(token) >= 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    assert keep_admin_token(path, None) == token
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert keep_admin_token(path, "given") == "given"
    assert path.read_text() == "given\n"


def test_dagster_names_its_driver_its_schema_and_its_time_zone():
    local = storage_url("postgresql://mojoline@/mojoline?host=%2Ftmp%2Fpg")
    options = "options=-csearch_path%3Ddagster%20-ctimezone%3DUTC"
    assert local == f"postgresql+psycopg2://mojoline@/mojoline?host=%2Ftmp%2Fpg&{options}"
    remote = storage_url("postgres://u:p@db:5433/app")
    assert remote == f"postgresql+psycopg2://u:p@db:5433/app?{options}"
    assert instance_config("postgresql://u@h/d")["telemetry"] == {"enabled": False}


@pytest.fixture
def no_environment(monkeypatch):
    for key in ("DATABASE_URL", "REDIS_URL", "RESERVOIR_REDIS_URL", "DAGSTER_HOME"):
        monkeypatch.delenv(key, raising=False)


def test_what_is_given_by_url_is_left_alone_unless_it_is_ours(tmp_path, no_environment):
    paths = stack_paths(tmp_path)
    given = load_settings(
        home=tmp_path, database_url="postgresql://u@h/d", redis_url="redis://h:1", dagster_home="/d"
    )
    for name in ("postgres", "cache"):
        assert is_external(name, given, paths), name
    for name in ("reservoir", "api", "dagster-code", "dagster-webserver", "dagster-daemon"):
        assert not is_external(name, given, paths), name
    state = describe_stack(given, paths, "t")
    assert state.env["DATABASE_URL"] == "postgresql://u@h/d"
    assert state.env["DAGSTER_HOME"] == "/d"
    exported = load_settings(home=tmp_path, database_url=postgres_url(paths), dagster_home=paths.dagster_home)
    assert not is_external("postgres", exported, paths)
    assert is_given(given, paths)
    assert not is_given(exported, paths)


def test_an_empty_instance_becomes_ours_and_a_full_one_stays_somebodys(tmp_path):
    paths, other = stack_paths(tmp_path / "home"), stack_paths(tmp_path / "other")
    empty, full = tmp_path / "empty", tmp_path / "full"
    empty.mkdir()
    assert is_ours(empty, paths)
    write_instance(empty, paths, "postgresql://u:s3cret@h/d")
    config = empty / "dagster.yaml"
    assert yaml.safe_load(config.read_text()) == instance_config("postgresql://u:s3cret@h/d")
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    assert is_ours(empty, paths)  # it is written anew when DATABASE_URL changes
    assert not is_ours(empty, other)  # another stack works on it
    config.write_text(config.read_text().split("\n", 1)[1])
    assert not is_ours(empty, paths)  # somebody took it over
    (full / "storage").mkdir(parents=True)
    assert not is_ours(full, paths)


def test_a_storage_without_a_driver_is_seen():
    plain, named = "storage: {postgres: {%s}}", "postgres_url: 'postgresql+psycopg2://u@h/d'"
    assert not names_driver(plain % "postgres_url: 'postgresql://u@h/d'")
    assert not names_driver(plain % "postgres_db: {hostname: h, username: u, password: p, db_name: d}")
    assert names_driver(plain % "postgres_db: {hostname: h, username: u, scheme: postgresql+psycopg2}")
    for fine in (plain % named, plain % "postgres_url: {env: X}", "telemetry: {enabled: false}", "", "a: ]"):
        assert names_driver(fine), fine


def test_passwords_are_masked_wherever_a_url_has_them():
    assert (
        mask_url("postgresql://me:p%40ss:w@h/d?sslmode=require")
        == f"postgresql://me:{MASK}@h/d?sslmode=require"
    )
    assert (
        mask_url("postgresql://h/d?user=me&password=p&x=1") == f"postgresql://h/d?user=me&password={MASK}&x=1"
    )
    assert mask_url("redis://:p@h:1/0") == f"redis://:{MASK}@h:1/0"
    for plain in ("redis://h:1/0", "postgresql://me@/d?host=%2Fa:b", "unix:///a/b.sock?db=1"):
        assert mask_url(plain) == plain


def _hold_home(home, task, ready):
    with hold_home(stack_paths(home), task, print):
        ready.set()
        signal.pause()


@pytest.fixture
def holder(tmp_path):
    """Start another process that holds the home for a task."""
    started = []

    def start(task):
        context = multiprocessing.get_context("spawn")
        ready = context.Event()
        process = context.Process(target=_hold_home, args=(tmp_path, task, ready))
        process.start()
        started.append(process)
        assert ready.wait(60)
        return process

    yield start
    for process in started:
        process.kill()
        process.join()


def test_a_second_task_is_refused_with_the_first_ones_pid_until_it_is_killed(tmp_path, holder):
    first = holder("mojoline demo")
    with (
        pytest.raises(StackError, match=rf"`mojoline demo` \(pid {first.pid}\) works on {tmp_path}"),
        hold_home(stack_paths(tmp_path), "mojoline down", lambda *_: None),
    ):
        pass
    first.kill()
    first.join()
    paths = stack_paths(tmp_path)
    with hold_home(paths, "mojoline demo", lambda *_: None), hold_home(paths, "mojoline up", lambda *_: None):
        pass  # a demo calls `up` itself


def test_a_short_task_is_waited_for(tmp_path, holder):
    first = holder("mojoline up")
    said = []

    def end_it(*what):
        said.append(what)
        first.kill()

    with hold_home(stack_paths(tmp_path), "mojoline demo", end_it):
        assert said == [("stack", f"waiting for `mojoline up` (pid {first.pid})")]


def test_children_see_the_settings_of_their_parent(tmp_path, no_environment, monkeypatch):
    settings = load_settings(
        home=tmp_path, ports={"rest": 4001}, training={"max_models": 3}, serving={"max_rows": 7}
    )
    for key, value in describe_stack(settings, stack_paths(tmp_path), "t").env.items():
        if key != "MOJOLINE_ADMIN_TOKEN_FILE":
            monkeypatch.setenv(key, value)
    child = load_settings()
    assert (child.home, child.ports, child.training, child.serving, child.registry_url) == (
        settings.home,
        settings.ports,
        settings.training,
        settings.serving,
        settings.registry_url,
    )


def test_the_doctor_judges_by_limits():
    assert judge_python((3, 11, 0)).ok
    assert judge_python((3, 14, 1)).ok
    assert not judge_python((3, 10, 9)).ok
    assert judge_amount("disk", 1 << 30, 1 << 30, "").ok
    poor = judge_amount("disk", 1 << 29, 1 << 30, "free some")
    assert not poor.ok
    assert poor.found == "0.5 GiB free, 1 needed"
