"""`ctest`: the core without Python, over the zoo."""

import subprocess
from pathlib import Path

import pytest

NATIVE = Path(__file__).parent.parent


@pytest.mark.system
@pytest.mark.timeout(1200)
def test_ctest(tmp_path: Path) -> None:
    subprocess.run(
        ["cmake", "-S", NATIVE, "-B", tmp_path, "-DMOJO_TESTS=ON"], check=True, capture_output=True
    )
    subprocess.run(["cmake", "--build", tmp_path, "--parallel", "2"], check=True, capture_output=True)
    done = subprocess.run(
        ["ctest", "--test-dir", tmp_path, "--output-on-failure"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "100% tests passed" in done.stdout
