"""Several processes on one port: started, watched and ended together, with one metrics page."""

import contextlib
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from prometheus_client.multiprocess import mark_process_dead

from mojoline.settings import Settings
from serving.server import bind_grpc, bind_port
from serving.worker_states import forget_worker

SHARED_METRICS = "PROMETHEUS_MULTIPROC_DIR"
GRPC_SWITCH = "MOJOLINE_SERVING__GRPC"
FATAL = (69, 78)  # no port, wrong settings: a second try would end the same way
RESTART_SECONDS = 1.0

_log = logging.getLogger("mojoline.serving")


def run_workers(settings: Settings, arguments: Sequence[str]) -> int:
    """Run `settings.serving.workers` processes until SIGTERM or SIGINT; the exit code.

    Each is `python -m serving <arguments> --worker <number> --parent <pid>`, and one that dies is started
    again. The first also has the control plane; what it is told reaches the others as a SIGHUP, which is
    passed on to all.

    Raises:
        PortTakenError: the port is in use.
    """
    key = "MOJOLINE_PORTS__REST"
    bind_port(settings.serving.host, settings.ports.rest, key).close()  # nobody else may be there
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="mojoline-metrics-"))
        # bound, never listening: keeps the port ours while no worker has it
        stack.enter_context(bind_port(settings.serving.host, settings.ports.rest, key, shared=True))
        env = {**os.environ, SHARED_METRICS: directory}
        if (alone := bind_grpc(settings, shared=False)) is None:
            env[GRPC_SWITCH] = "false"  # no worker need look again
        else:
            alone.close()
            stack.enter_context(bind_grpc(settings, shared=True) or contextlib.nullcontext())
        return _Watch(settings.serving.workers, arguments, env).run()


class _Watch:
    def __init__(self, count: int, arguments: Sequence[str], env: Mapping[str, str]) -> None:
        self._arguments = list(arguments)
        self._env = env
        self._directory = env[SHARED_METRICS]
        self._stopping = threading.Event()
        self._count = count
        self._workers: dict[int, subprocess.Popen[bytes]] = {}

    def run(self) -> int:
        for ending in (signal.SIGTERM, signal.SIGINT):
            signal.signal(ending, lambda *_: self._stopping.set())
        signal.signal(signal.SIGHUP, lambda *_: self._pass_on(signal.SIGHUP))
        for number in range(self._count):
            self._workers[number] = self._start(number)
        code = 0
        while not self._stopping.wait(RESTART_SECONDS) and not code:
            for number, process in self._workers.items():
                if (ended := process.poll()) is None:
                    continue
                mark_process_dead(process.pid, self._directory)  # type: ignore[no-untyped-call]
                forget_worker(self._directory, number)
                if ended in FATAL:
                    code = ended
                    break
                _log.error(
                    "worker %d (pid %d) ended with %d; it is started again", number, process.pid, ended
                )
                self._workers[number] = self._start(number)
        self._pass_on(signal.SIGTERM)
        codes = [process.wait() for process in self._workers.values()]
        # -SIGTERM: it had not even come to listen to signals, so it was in the middle of nothing
        return code or max((abs(ended) for ended in codes if ended != -signal.SIGTERM), default=0)

    def _pass_on(self, number: signal.Signals) -> None:
        for process in list(self._workers.values()):
            process.send_signal(number)  # does nothing where it has ended

    def _start(self, number: int) -> "subprocess.Popen[bytes]":
        # inherited: a push must not end a worker that has not come to listen to it yet
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            own = ["--worker", str(number), "--parent", str(os.getpid())]
            return subprocess.Popen([sys.executable, "-m", "serving", *self._arguments, *own], env=self._env)
        finally:
            signal.signal(signal.SIGHUP, before)
