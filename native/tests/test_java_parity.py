"""The models of `zoo/` score as genmodel does, and the answers kept for that are still genmodel's."""

import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from java_oracle import read_table, run_jobs
from make_zoo import answer_jobs
from parity import compare, compare_margins
from zoo_catalogue import zoo_models
from zoo_makers.zoo_model import ZOO, ZooModel

PARITY = Path(__file__).parent / "parity.py"


@pytest.mark.parametrize("model", zoo_models().values(), ids=lambda model: model.name)
def test_equals_java(model: ZooModel) -> None:
    found = compare(model)
    assert not found.faults, found.faults[:5]
    assert found.rows - found.refused > 15


@pytest.mark.parametrize(
    "model", [m for m in zoo_models().values() if "margins" in m.keeps], ids=lambda model: model.name
)
def test_margins_are_bit_equal(model: ZooModel) -> None:
    assert not compare_margins(model).faults


def test_readme_has_what_is_measured_and_no_cell_is_empty_without_a_reason() -> None:
    done = subprocess.run([sys.executable, PARITY], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr


def test_kept_answers_are_javas(tmp_path: Path) -> None:
    models = zoo_models().values()
    jobs = [job for model in models for job in answer_jobs(model, tmp_path)]
    run_jobs(jobs)
    for job in jobs:
        assert read_table(job.output) == read_table(ZOO / job.output.name), job.output.name
    assert {path.name for path in ZOO.glob("*.csv.gz")} == {job.output.name for job in jobs}


def test_every_file_has_its_maker() -> None:
    models = zoo_models().values()
    assert {path.stem for path in ZOO.glob("*.zip")} == set(zoo_models())
    assert {*ZOO.glob("*.rows.csv")} == {m.rows_file for m in models if m.rows}
    assert sum(path.stat().st_size for path in ZOO.iterdir()) < 20_000_000


def test_the_table_fails_beyond_the_tolerance(tmp_path: Path) -> None:
    """A copy of the harness with wrong answers for one model says so and exits with 1."""
    good = subprocess.run(
        [sys.executable, PARITY, "glm_gaussian"], capture_output=True, text=True, check=False
    )
    assert good.returncode == 0, good.stderr
    assert good.stdout.splitlines()[1].split()[:3] == ["glm_gaussian", "260", "0"]
    code = (
        "import sys, parity, tolerances\n"
        "def shifted(text, parse=parity.java_double): return parse(text) * (1 + 1e-14)\n"
        "parity.java_double = shifted\nsys.argv = ['parity', 'glm_gaussian']\nsys.exit(parity.main())\n"
    )
    bad = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=PARITY.parent
    )
    assert bad.returncode == 1
    assert "ulp apart" in bad.stdout
