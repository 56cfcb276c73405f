"""When the server is told about a new champion: a table of what is wanted, served, and was said before."""

import pytest

from sensors.admin_plane import ServerState
from sensors.champion_rollout import RETRY_SECONDS, Told, Wanted, decide, describe_outcome

OLD, NEW = "20260101T000000Z-000000000001", "20260201T000000Z-000000000002"
NOW = 1_000_000.0


def serving(version: str | None, generation: int, error: str | None = None) -> ServerState:
    return ServerState(version, generation, "ready" if version else "empty", error, 0.1)


@pytest.mark.parametrize(
    ("wanted", "server", "told", "action"),
    [
        (None, serving(None, 0), Told(), "leave"),  # nothing was ever promoted
        (Wanted(NEW, 1), None, Told(), "tell"),  # the server has not met the model yet
        (Wanted(NEW, 1), serving(None, -1), Told(), "tell"),
        (Wanted(NEW, 2), serving(OLD, 1), Told(1, NOW - 500), "tell"),
        (Wanted(NEW, 2), serving(NEW, 2), Told(2, NOW), "leave"),  # it follows
        (Wanted(NEW, 2), serving(NEW, 2), Told(1, NOW - 500), "record"),  # it followed by itself
        (Wanted(OLD, 3), serving(NEW, 2), Told(2, NOW - 500), "tell"),  # a rollback is a new generation
        (Wanted(NEW, 2), serving(OLD, 1), Told(2, NOW - 1), "leave"),  # just told: it is loading
        (Wanted(NEW, 2), serving(OLD, 1, "digest"), Told(2, NOW - 1), "leave"),  # a bad version: no hammering
        (
            Wanted(NEW, 2),
            serving(OLD, 1, "digest"),
            Told(2, NOW - RETRY_SECONDS - 1),
            "tell",
        ),  # but not given up
        (Wanted(NEW, 2), serving(NEW, 3), Told(2, NOW), "leave"),  # the alias moved between two readings
        (Wanted(NEW, 2), serving(OLD, 2), Told(1, NOW - 500), "tell"),  # same generation, wrong version
    ],
)
def test_decision(wanted, server, told, action):
    assert decide(wanted, server, told, NOW).action == action


def test_reason_names_the_error_the_server_reported():
    decision = decide(Wanted(NEW, 2), serving(OLD, 1, "mojo.zip: wrong sha256"), Told(2, NOW), NOW)
    assert "mojo.zip: wrong sha256" in decision.reason
    assert OLD in decision.reason


def test_outcome_says_what_is_served():
    assert OLD in describe_outcome(Wanted(NEW, 2), serving(OLD, 1), serving(OLD, 1, "no"))
    assert NEW in describe_outcome(Wanted(NEW, 2), serving(OLD, 1), serving(NEW, 2))


def test_cursor_survives_a_restart():
    assert Told.read(Told(3, 12.5).write()) == Told(3, 12.5)
    assert Told.read(None) == Told()
