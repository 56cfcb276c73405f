"""Programs that are called wrongly say what is wrong, and do nothing else."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ZOO = ROOT / "native" / "tests" / "zoo"
SHORT = f"--rows {ZOO}/rows.csv --turns 1 --seconds 0.01"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("validate_event_loop.py --app nowhere:app", 'Could not import module "nowhere"'),
        (
            f"benchmark_scorer.py --mojo {ZOO}/glrm_l2.zip {SHORT}",
            "h2o-genmodel cannot be timed with glrm_l2",
        ),
        (
            f"benchmark_scorer.py --mojo {ZOO}/glm_skip.zip {SHORT}",
            "mojo-scorer cannot be timed with glm_skip",
        ),
        ("validate_event_loop.py --app nope.mod:app", "argument --app: No module named 'nope'"),
        ("validate_event_loop.py --threshold-ms -1", "--threshold-ms: '-1' is no number above 0"),
        ("benchmark_thread_pool.py --seconds 0", "--seconds: '0' is no number above 0"),
        ("benchmark_cache.py --requests 1.5", "--requests: '1.5' is no whole number above 0"),
        ("benchmark_cache.py --model nowhere.zip", "--model: nowhere.zip does not exist"),
        ("benchmark_cache.py --requests 1 --redis-url redis://127.0.0.1:1", "Redis does not answer"),
        ("benchmark_pool_warmup.py --database-url postgresql://127.0.0.1:1/x", "database cannot be used"),
        ("benchmark_swaps.py --swaps 0", "--swaps: '0' is no whole number above 0"),
        ("benchmark_serving_peers.py --servers java", "--servers: 'java' is none of mojoline"),
        ("load_test.py --rate 0", "--rate: '0' is no number above 0"),
        (
            f"load_test.py --versions {ZOO}/gbm_binomial.zip,{ZOO}/gbm_huge.zip",
            "predicts no, yes, not True or not: give two classifiers of late flights over carrier",
        ),
        ("test_cache_coherence.py --redis-url redis://127.0.0.1:1", "Redis does not answer"),
        ("test_cache_coherence.py --model-v1 nowhere.zip", "--model-v1: nowhere.zip does not exist"),
        ("benchmark_cold_start.py --model nowhere.zip", "--model: nowhere.zip does not exist"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, arguments, words):
    program, *options = arguments.split()
    ended = subprocess.run(
        [sys.executable, ROOT / "scripts" / program, *options],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "MOJOLINE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert ended.returncode in (1, 2)
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_model_with_offsets_is_timed(tmp_path):
    report = tmp_path / "report.json"
    command = f"benchmark_scorer.py --mojo {ZOO}/gbm_offset.zip {SHORT} --output {report}"
    program, *options = command.split()
    subprocess.run([sys.executable, ROOT / "scripts" / program, *options], capture_output=True, check=True)
    assert json.loads(report.read_text(encoding="utf-8"))["max_ulp"] == 0
