"""With CI=true a skipped test fails the run, unless `tests/allowed_skips.txt` names it with its reason."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# a machine that stands still for a moment must not fail a property
settings.register_profile("steady", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")

ALLOWED = Path(__file__).parent / "tests" / "allowed_skips.txt"


def allowed_skips(text: str) -> set[str]:
    """The test ids in the file's lines; a line without a reason counts for nothing."""
    lines = [line.partition("#") for line in text.splitlines()]
    return {test.strip() for test, _, reason in lines if test.strip() and reason.strip()}


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if os.environ.get("CI") != "true":
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:
        return
    allowed = allowed_skips(ALLOWED.read_text(encoding="utf-8"))
    skipped = {report.nodeid for report in reporter.stats.get("skipped", [])} - allowed
    if skipped:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        for test in sorted(skipped):
            reporter.write_line(f"skipped without a reason in {ALLOWED.name}: {test}", red=True)
