"""What a load test must not forgive, one figure at a time."""

import sys
from argparse import Namespace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from load_verdict import holds

OPTIONS = Namespace(rate=1000, seconds=60)
GOOD = {
    **dict.fromkeys(("errors", "stale", "mixed_versions", "loop_warnings"), 0),
    **dict.fromkeys(("redis_pool_waits_timed_out", "redis_connections_refused"), 0),
    "sent": 60_000,
    "heartbeat_max_ms": 20.0,
    "worst_second_p99_ms": 12.0,
    "redis_commands": 120_000,
    "redis_reuse_pct": 99.9,
}


def test_a_good_run_holds():
    assert holds(OPTIONS, GOOD)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("errors", 1), ("stale", 1), ("mixed_versions", 1), ("loop_warnings", 1)),
        *(("redis_pool_waits_timed_out", 1), ("redis_connections_refused", 1), ("redis_reuse_pct", 95.0)),
        *(("sent", 59_000), ("heartbeat_max_ms", 100.0), ("worst_second_p99_ms", 50.0)),
    ],
)
def test_each_figure_counts(name, value, capsys):
    assert not holds(OPTIONS, {**GOOD, name: value})
    assert name.split("_")[0] in capsys.readouterr().out


def test_a_redis_that_is_not_asked_is_not_judged_by_its_connections():
    assert holds(OPTIONS, {**GOOD, "redis_commands": 12, "redis_reuse_pct": 70.0})
    short = Namespace(rate=100, seconds=8)
    assert holds(short, {**GOOD, "sent": 800, "redis_commands": 39, "redis_reuse_pct": 94.872})
