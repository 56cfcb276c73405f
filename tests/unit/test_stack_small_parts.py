"""The decisions of the stack that need no server."""

import stat

import pytest

from mojoline.settings import load_settings
from mojoline.stack.admin_token import keep_admin_token
from mojoline.stack.dagster_services import instance_config
from mojoline.stack.disk_space import require_space
from mojoline.stack.doctor import judge_amount, judge_python
from mojoline.stack.errors import StackError
from mojoline.stack.paths import stack_paths
from mojoline.stack.postgres import dagster_storage_url, postgres_url
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


def test_dagster_names_its_driver_and_its_schema():
    local = dagster_storage_url("postgresql://mojoline@/mojoline?host=%2Ftmp%2Fpg")
    assert (
        local == "postgresql+psycopg2://mojoline@/mojoline?host=%2Ftmp%2Fpg&options=-csearch_path%3Ddagster"
    )
    remote = dagster_storage_url("postgres://u:p@db:5433/app")
    assert remote == "postgresql+psycopg2://u:p@db:5433/app?options=-csearch_path%3Ddagster"
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
    for name in ("postgres", "cache", "dagster-code", "dagster-webserver", "dagster-daemon"):
        assert is_external(name, given, paths), name
    for name in ("reservoir", "api"):
        assert not is_external(name, given, paths), name
    state = describe_stack(given, paths, "t")
    assert state.env["DATABASE_URL"] == "postgresql://u@h/d"
    assert state.env["DAGSTER_HOME"] == "/d"
    exported = load_settings(home=tmp_path, database_url=postgres_url(paths), dagster_home=paths.dagster_home)
    assert not is_external("postgres", exported, paths)
    assert not is_external("dagster-code", exported, paths)


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
