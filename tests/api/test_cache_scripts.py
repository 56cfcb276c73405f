"""The programs that prove the cache say what they must, and refuse what would prove nothing."""

import json
import subprocess
import sys

from tests.api.live_server import ROOT
from tests.data.tiny_versions import TINY_MODELS


def run_script(name: str, *arguments: str, output) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, f"scripts/{name}.py", *arguments, "--output", str(output)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
    )


def test_a_swap_leaves_no_stale_answer(tmp_path, redis_server_url):
    output = tmp_path / "report.json"
    models = [str(TINY_MODELS / which / "mojo.zip") for which in ("first", "second")]
    ended = run_script(
        "test_cache_coherence",
        *("--redis-url", redis_server_url, "--rows", "40", "--callers", "3"),
        *("--model-v1", models[0], "--model-v2", models[1]),
        output=output,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    report = json.loads(output.read_text())
    assert (report["stale"], report["mixed_versions"], report["errors"]) == (0, 0, 0)
    assert (report["old_keys_without_ttl"], report["foreign_keys_lost"]) == (0, 0)
    assert report["invalidation_ms"] > 0
    assert report["hits"] > 0


def test_models_that_agree_are_refused(tmp_path, redis_server_url):
    same = str(TINY_MODELS / "first" / "mojo.zip")
    ended = run_script(
        "test_cache_coherence",
        *("--redis-url", redis_server_url, "--model-v1", same, "--model-v2", same),
        output=tmp_path / "none",
    )
    assert ended.returncode != 0
    assert "could not be told" in ended.stderr


def test_the_benchmark_counts_what_it_did(tmp_path, redis_server_url):
    output = tmp_path / "figures.json"
    ended = run_script(
        "benchmark_cache",
        *("--redis-url", redis_server_url, "--requests", "2000", "--rows", "50", "--timeout-ms", "2000"),
        output=output,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    figures = json.loads(output.read_text())
    assert figures["requests"] == 2000
    assert figures["distinct_rows"] <= figures["inferences"] == figures["misses"] < 400
    assert figures["lookup_p99_ms"] > 0
