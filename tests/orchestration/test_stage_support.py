"""What all stages share: errors a person can read, dates, and a code version that follows the code."""

from datetime import UTC, datetime

import dagster as dg
import pytest

from assets import code_version as module
from assets.code_version import code_version
from assets.stage import read_moment, shown_errors
from mojoline.errors import MojolineError


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        (None, None),
        ("", None),
        ("2013-04-01", datetime(2013, 4, 1, tzinfo=UTC)),
        ("2013-04-01T06:00:00+02:00", datetime(2013, 4, 1, 4, tzinfo=UTC)),
    ],
)
def test_moments(text, moment):
    assert read_moment(text) == moment


def test_a_date_in_another_notation_is_refused_with_an_example():
    with pytest.raises(dg.Failure, match="2013-04-01"):
        read_moment("01.04.2013")


def test_expected_errors_show_their_message_only():
    with pytest.raises(dg.Failure) as caught, shown_errors():
        raise MojolineError("the disk is full: free 2 GB")
    assert caught.value.description == "the disk is full: free 2 GB"


def test_defects_keep_their_traceback():
    with pytest.raises(ZeroDivisionError), shown_errors():
        1 / 0  # noqa: B018


@pytest.fixture
def sources(tmp_path, monkeypatch):
    """The version is kept for the life of a process, so that every test needs a root of its own."""
    monkeypatch.setattr(module, "ROOT", tmp_path)
    code_version.cache_clear()
    yield tmp_path
    code_version.cache_clear()


def test_code_version_follows_the_sources(sources):
    """A stage that is reused although its code changed is the bug nobody finds."""
    package = sources / "package"
    package.mkdir()
    (package / "one.py").write_text("x = 1")
    first = code_version("package")
    code_version.cache_clear()
    assert code_version("package") == first
    (package / "one.py").write_text("x = 2")
    code_version.cache_clear()
    assert code_version("package") != first


def test_code_version_follows_the_packages(sources):
    (sources / "package").mkdir()
    assert code_version("package", distributions=("dagster",)) != code_version("package")


def test_a_misspelt_source_is_noticed(sources):
    with pytest.raises(FileNotFoundError, match="no_such_folder"):
        code_version("no_such_folder")
