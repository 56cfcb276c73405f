"""Settings: precedence, origins, refusals. A misspelt key once meant a silent default."""

from pathlib import Path

import pytest

from mojoline.settings import (
    CONFIG_KEY,
    MASK,
    REPOSITORY,
    Settings,
    SettingsError,
    explain_settings,
    load_settings,
)
from mojoline.settings_layers import anchor_files


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch, tmp_path):
    import os

    for key in list(os.environ):
        if key.startswith("MOJOLINE_") or key in {
            "DATABASE_URL",
            "REDIS_URL",
            "RESERVOIR_REDIS_URL",
            "DAGSTER_HOME",
        }:
            monkeypatch.delenv(key)
    monkeypatch.chdir(tmp_path)


def origin_of(settings: Settings, name: str) -> str:
    return {row[0]: row[2] for row in explain_settings(settings)}[name]


def test_defaults_lie_in_the_checkout_wherever_the_command_is_called():
    settings = load_settings()
    checkout = Path(__file__).parents[2]
    assert Path.cwd() != checkout
    assert (settings.home, settings.models_dir) == (checkout / ".mojoline", checkout / "models")
    assert settings.registry_url == f"file://{checkout}/.mojoline/registry"
    assert (settings.ports.dagster, settings.ports.rest, settings.ports.admin) == (3000, 8080, 8083)
    assert settings.work_dir == settings.home / "work"
    assert {row[2] for row in explain_settings(settings)} == {"default"}


def test_a_given_relative_path_is_one_from_here(monkeypatch, tmp_path):
    monkeypatch.setenv("MOJOLINE_MODELS_DIR", "specs")
    settings = load_settings(home="state")
    assert (settings.home, settings.models_dir) == (tmp_path / "state", tmp_path / "specs")


def test_children_elsewhere_find_the_files_of_settings(tmp_path):
    given = {"MOJOLINE_CONFIG": "a.yaml", "DATABASE_URL_FILE": "/b", "OTHER_FILE": "c", "REDIS_URL_FILE": ""}
    assert anchor_files(given) == {"MOJOLINE_CONFIG": f"{tmp_path}/a.yaml", "DATABASE_URL_FILE": "/b"}


def test_each_layer_outranks_the_weaker_one(monkeypatch, tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text("ports: {rest: 1001, admin: 1002, dagster: 1003}\nserving: {max_rows: 7}\n")
    monkeypatch.setenv(CONFIG_KEY, str(config))
    monkeypatch.setenv("MOJOLINE_PORTS__ADMIN", "2002")
    monkeypatch.setenv("MOJOLINE_PORTS__DAGSTER", "2003")
    settings = load_settings(ports={"dagster": 3003})
    assert (settings.ports.rest, settings.ports.admin, settings.ports.dagster) == (1001, 2002, 3003)
    assert settings.serving.max_rows == 7
    assert origin_of(settings, "ports.rest") == f"file {config}"
    assert origin_of(settings, "ports.admin") == "environment MOJOLINE_PORTS__ADMIN"
    assert origin_of(settings, "ports.dagster") == "override"


def test_the_prefixed_name_outranks_the_usual_name(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://a@/usual")
    assert load_settings().require_database_url() == "postgresql://a@/usual"
    monkeypatch.setenv("MOJOLINE_DATABASE_URL", "postgresql://a@/prefixed")
    assert load_settings().require_database_url() == "postgresql://a@/prefixed"


def test_a_secret_comes_from_a_file_and_is_never_shown(monkeypatch, tmp_path):
    (tmp_path / "token").write_text("s3cret\n")
    monkeypatch.setenv("MOJOLINE_ADMIN_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("MOJOLINE_H2O_URL", "http://user:s3cret@127.0.0.1:54321")
    settings = load_settings()
    assert settings.admin_token is not None
    assert settings.admin_token.get_secret_value() == "s3cret"
    assert "s3cret" not in repr(settings)
    rows = {row[0]: row for row in explain_settings(settings)}
    assert rows["admin_token"][1:] == (MASK, "environment MOJOLINE_ADMIN_TOKEN_FILE")
    assert all("s3cret" not in row[1] for row in rows.values())


@pytest.mark.parametrize(
    ("key", "value", "part"),
    [
        ("MOJOLINE_PORTS__RSET", "1", "did you mean MOJOLINE_PORTS__REST?"),
        ("MOJOLINE_PORTS", '{"rest": 1}', "MOJOLINE_PORTS"),
        (
            "MOJOLINE_SERVING__MAX_ROWS",
            "many",
            "serving.max_rows = 'many' (environment MOJOLINE_SERVING__MAX_ROWS)",
        ),
        ("MOJOLINE_PORTS__REST", "70000", "less than or equal to 65535"),
        ("MOJOLINE_REGISTRY_URL", "ftp://x", "must be file:///absolute/directory"),
        ("MOJOLINE_ADMIN_TOKEN_FILE", "/no/such/file", "No such file"),
        ("DATABASE_URL", "postgresql+psycopg2://a:s3cret@/b", "plain libpq URL"),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(monkeypatch, key, value, part):
    monkeypatch.setenv(key, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert part in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("key", ["MOJOLINE_FOO", "MOJOLINE_PORTS", "MOJOLINE_NAME"])
def test_an_unrelated_name_gets_no_suggestion(monkeypatch, key):
    monkeypatch.setenv(key, "1")
    with pytest.raises(SettingsError, match=f"{key} .`mojoline config` shows") as caught:
        load_settings()
    assert "did you mean" not in str(caught.value)


def test_an_unknown_key_in_the_file_stops_the_start(monkeypatch, tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text("prots: {rest: 1}\n")
    monkeypatch.setenv(CONFIG_KEY, str(config))
    with pytest.raises(SettingsError, match="prots"):
        load_settings()


def test_a_missing_service_says_what_to_do():
    with pytest.raises(SettingsError, match="run `mojoline up` or set DATABASE_URL"):
        load_settings().require_database_url()


def test_an_empty_variable_is_not_given(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "")
    assert load_settings().database_url is None
    assert load_settings(home=None).home == REPOSITORY / ".mojoline"
