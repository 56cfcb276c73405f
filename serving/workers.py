"""Several processes on one port: started, watched and ended together, with one metrics page."""

import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import ExitStack

from prometheus_client.multiprocess import mark_process_dead

from mojoline.settings import Settings
from serving.server import bind_port

SHARED_METRICS = "PROMETHEUS_MULTIPROC_DIR"
FATAL = (69, 78)  # no port, wrong settings: a second try would end the same way
RESTART_SECONDS = 1.0

_log = logging.getLogger("mojoline.serving")


def run_workers(settings: Settings, arguments: Sequence[str]) -> int:
    """Run `settings.serving.workers` processes until SIGTERM or SIGINT; the exit code.

    Each is `python -m serving <arguments> --worker <number>`, and one that dies is started again. The first
    also has the control plane; the others follow aliases.json by themselves.

    Raises:
        PortTakenError: the port is in use.
    """
    key = "MOJOLINE_PORTS__REST"
    bind_port(settings.serving.host, settings.ports.rest, key).close()  # nobody else may be there
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="mojoline-metrics-"))
        # bound, never listening: keeps the port ours while no worker has it
        stack.enter_context(bind_port(settings.serving.host, settings.ports.rest, key, shared=True))
        return _Watch(settings.serving.workers, arguments, directory).run()


class _Watch:
    def __init__(self, count: int, arguments: Sequence[str], directory: str) -> None:
        self._arguments = list(arguments)
        self._directory = directory
        self._stopping = threading.Event()
        self._workers = {number: self._start(number) for number in range(count)}

    def run(self) -> int:
        for ending in (signal.SIGTERM, signal.SIGINT):
            signal.signal(ending, lambda *_: self._stopping.set())
        code = 0
        while not self._stopping.wait(RESTART_SECONDS) and not code:
            for number, process in self._workers.items():
                if (ended := process.poll()) is None:
                    continue
                mark_process_dead(process.pid, self._directory)  # type: ignore[no-untyped-call]
                if ended in FATAL:
                    code = ended
                    break
                _log.error(
                    "worker %d (pid %d) ended with %d; it is started again", number, process.pid, ended
                )
                self._workers[number] = self._start(number)
        running = [process for process in self._workers.values() if process.poll() is None]
        for process in running:
            process.send_signal(signal.SIGTERM)
        codes = [process.wait() for process in running]
        return code or max(map(abs, codes), default=0)

    def _start(self, number: int) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "-m", "serving", *self._arguments, "--worker", str(number)],
            env={**os.environ, SHARED_METRICS: self._directory},
        )
