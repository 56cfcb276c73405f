"""SIGTERM to a server of two workers under load: it is not ready any more, and answers all it was asked."""

import json
import signal
import socket
import threading
import time

import httpx
import pytest

from tests.api.live_server import golden, new_registry, publish, server_process

ROWS = golden("first").rows
ENV = {"MOJOLINE_SERVING__WORKERS": "2", "MOJOLINE_SERVING__DRAIN_DELAY_SECONDS": "2"}


@pytest.fixture
def registry(tmp_path):
    return new_registry(tmp_path)


class Balancer(threading.Thread):
    """Looks at readiness as a load balancer does; while it says no, nobody sends."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.closed = threading.Event()
        self._url = url

    def run(self) -> None:
        with httpx.Client(base_url=self._url, trust_env=False, timeout=30) as client:
            while not self.closed.wait(0.02):
                try:
                    if client.get("/v2/health/ready").status_code != 200:
                        self.closed.set()
                except httpx.TransportError:
                    self.closed.set()


def half_sent(server) -> tuple[socket.socket, bytes]:
    """A request of which one byte is missing, and that byte."""
    body = json.dumps({"model": "tiny", "rows": ROWS[:1]}).encode()
    head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    connection = socket.create_connection(("127.0.0.1", server.ports[0]), timeout=60)
    connection.sendall(head + body[:-1])
    return connection, body[-1:]


def test_nothing_is_dropped(registry):
    publish(registry, "first")
    with server_process(registry, **ENV) as server:
        server.wait_ready()
        server.wait(lambda: len(server.status()["workers"]) == 2 and server.status()["generation"])
        balancer = Balancer(server.url)
        answered, failed = [], []

        def call(offset: int) -> None:
            with httpx.Client(base_url=server.url, trust_env=False, timeout=60) as client:
                number = offset
                while not balancer.closed.is_set():
                    number += 1
                    try:
                        answer = client.post("/predict", json={"rows": [ROWS[number % len(ROWS)]]})
                    except httpx.TransportError as error:
                        failed.append(repr(error))
                    else:
                        (answered if answer.status_code == 200 else failed).append(answer.status_code)

        callers = [threading.Thread(target=call, args=(7 * n,)) for n in range(6)]
        for thread in (balancer, *callers):
            thread.start()
        server.wait(lambda: len(answered) > 300)
        waiting = [half_sent(server) for _ in range(8)]  # the kernel spreads them over both workers
        time.sleep(0.3)
        asked = len(answered)
        server.process.send_signal(signal.SIGTERM)
        for thread in (balancer, *callers):
            thread.join(60)
        assert failed == []
        assert len(answered) > asked  # it went on answering while it was not ready
        time.sleep(2.5)  # the ports are closed by now: only what is in flight is waited for
        assert server.process.poll() is None
        for connection, rest in waiting:
            connection.sendall(rest)
            with connection, connection.makefile("rb") as reader:
                assert b" 200 OK" in reader.readline()
        ended = time.monotonic()
        assert server.process.wait(60) == 0
        assert time.monotonic() - ended < 30
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{server.url}/v2/health/live", trust_env=False)


def test_whoever_never_ends_is_not_waited_for_for_ever(registry):
    publish(registry, "first")
    env = {**ENV, "MOJOLINE_SERVING__DRAIN_SECONDS": "1", "MOJOLINE_SERVING__BODY_SECONDS": "600"}
    with server_process(registry, **env) as server:
        server.wait_ready()
        connection, _ = half_sent(server)
        with connection:
            time.sleep(0.3)
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(60) == 0  # long before the body's ten minutes are over
