"""One MOJO of reducer and model: raw columns in, prediction out."""

import shutil
import subprocess
from pathlib import Path

from mojoline.training.errors import TrainingError
from mojoline.training.jvm import h2o_jar, java_executable

SECONDS = 120


def build_pipeline(reducer: Path | None, model: Path, k: int, output: Path) -> None:
    """Write `output`: the reducer's k components feed PC1..PCk of the model; without a reducer, that model.

    Raises:
        TrainingError: H2O's tool refused the parts; the message has what it printed.
    """
    if reducer is None:
        shutil.copyfile(model, output)
        return
    # the tool names the parts of a pipeline after their files
    with_names = output.parent / "parts"
    with_names.mkdir()
    try:
        parts = [Path(shutil.copyfile(reducer, with_names / "reducer.zip"))]
        parts.append(Path(shutil.copyfile(model, with_names / "model.zip")))
        command = [java_executable(), "-XX:TieredStopAtLevel=1", "-cp", str(h2o_jar())]
        command += ["hex.genmodel.tools.BuildPipeline", "--mapping"]
        command += [f"PC{index + 1}=reducer:{index}" for index in range(k)]
        command += ["--output", str(output), "--input", *map(str, parts)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    finally:
        shutil.rmtree(with_names)
    if done.returncode != 0 or not output.exists():
        raise TrainingError(
            f"BuildPipeline ended with status {done.returncode}: {(done.stderr or done.stdout)[-600:]}"
        )
