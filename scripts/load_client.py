"""The open-loop client of `load_test.py`, a process of its own: constant arrivals over kept connections.

    python scripts/load_client.py --port P --rate R --seconds S --connections C --bodies FILE --output FILE
    python scripts/load_client.py --port P --saturate --seconds S --connections C --bodies FILE
    python scripts/load_client.py --echo PORT

Line n of `bodies` is the body of request n (from the start again when they end), sent to POST `--path` when
it is due, whether or not earlier ones were answered. Latency counts from the moment a request was due, so
that a server that stands still cannot hide the requests it kept waiting. Answers are kept as they came and
are looked at by the caller. `--saturate` looks for the highest rate whose 99th percentile is below 50 ms, in
runs of S seconds, and prints it as JSON. `--echo` is a server that answers everything at once: what the
machine itself makes late.
"""

import argparse
import asyncio
import contextlib
import json
import pickle
import time
from collections import deque
from pathlib import Path
from typing import cast

import uvloop

ECHO = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
OK = 200
TICK = 0.001  # seconds, the finest that libuv's timers know; arrivals within one are sent together
PATIENCE = 10.0  # seconds that the last answers are waited for
P99_LIMIT = 0.050  # seconds
PROBES = 5  # runs of a search; each halves what is left of the interval
WARM_SECONDS = 4.0  # a JVM compiles meanwhile
FULL = 1e5  # a rate that keeps every connection busy


class Caller(asyncio.Protocol):
    """One kept connection with at most one request under way."""

    def __init__(self, load: "Load") -> None:
        self._load = load
        self._buffer = b""
        self._number = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there."""
        self._transport = cast("asyncio.Transport", transport)

    def send(self, number: int) -> None:
        """Send request `number`."""
        self._number = number
        self._transport.write(self._load.request(number))

    def close(self) -> None:
        """Close the connection."""
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Bytes came; a whole answer frees the connection."""
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0] or 0)
        if len(body) < length:
            return
        self._buffer = b""
        self._load.answered(self, self._number, int(head[9:12]), body)

    def connection_lost(self, _: Exception | None) -> None:
        """The other side closed it; a request under way is an error."""
        self._load.lost(self, self._number if self._buffer or self._number >= 0 else -1)


class Load:
    """One run: what was due when, and what came back."""

    def __init__(self, requests: list[bytes], port: int, rate: float, seconds: float) -> None:
        self._requests = requests
        self._port, self._rate, self._total = port, rate, round(rate * seconds)
        self._idle: deque[Caller] = deque()
        self._waiting: deque[int] = deque()
        self._start = 0.0
        self.answers: list[tuple[int, float, int, bytes]] = []  # number, seconds, status (0: lost), body
        self._callers: list[Caller] = []
        self._closed = False
        self.late = 0  # requests that had to wait for a free connection

    def request(self, number: int) -> bytes:
        """The bytes of one request."""
        return self._requests[number % len(self._requests)]

    async def run(self, connections: int, patience: float = PATIENCE) -> float:
        """Send everything, wait `patience` seconds at the end; the wall-clock time of the first arrival."""
        loop = asyncio.get_running_loop()
        for _ in range(connections):
            await self._connect()
        self._start, origin = loop.time(), time.time()
        number = 0
        while number < self._total:
            due = min(int((loop.time() - self._start) * self._rate) + 1, self._total)
            while number < due:
                if self._idle:
                    self._idle.popleft().send(number)
                else:
                    self.late += 1
                    self._waiting.append(number)
                number += 1
            await asyncio.sleep(max(TICK, self._start + number / self._rate - loop.time()))
        end = loop.time() + patience
        while len(self.answers) < self._total and loop.time() < end:
            await asyncio.sleep(0.01)
        return origin

    def holds(self) -> bool:
        """Whether every request was answered, and 99 of 100 within the limit."""
        seconds = sorted(took if status == OK else float("inf") for _, took, status, _ in self.answers)
        return 0 < self._total == len(seconds) and seconds[int(0.99 * self._total)] < P99_LIMIT

    def close(self) -> None:
        """Close the connections."""
        self._closed = True
        for caller in self._callers:
            caller.close()

    def answered(self, caller: Caller, number: int, status: int, body: bytes) -> None:
        """Keep an answer, and give the connection its next request."""
        self._keep(number, status, body)
        caller._number = -1
        if self._waiting:
            caller.send(self._waiting.popleft())
        else:
            self._idle.append(caller)

    def lost(self, caller: Caller, number: int) -> None:
        """Count the request under way as lost and open another connection."""
        if self._closed:
            return
        if caller in self._idle:
            self._idle.remove(caller)
        if number >= 0:
            self._keep(number, 0, b"")
        task = asyncio.ensure_future(self._connect())
        task.add_done_callback(lambda done: done.exception())

    def _keep(self, number: int, status: int, body: bytes) -> None:
        seconds = asyncio.get_running_loop().time() - self._start - number / self._rate
        self.answers.append((number, seconds, status, body))

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        _, caller = await loop.create_connection(lambda: Caller(self), "127.0.0.1", self._port)
        self._callers.append(caller)
        if self._waiting:
            caller.send(self._waiting.popleft())
        else:
            self._idle.append(caller)


def make_requests(bodies: list[bytes], path: str) -> list[bytes]:
    """Each body with the head before it."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: "
    return [b"%s%d\r\n\r\n%s" % (head.encode(), len(body), body) for body in bodies]


async def keep_busy(requests: list[bytes], port: int, seconds: float, connections: int) -> float:
    """The answers a second while every connection waits for one."""
    load = Load(requests, port, FULL, seconds)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await load.run(connections, seconds)
    load.close()
    return len(load.answers) / seconds


async def saturate(requests: list[bytes], port: int, seconds: float, connections: int) -> float:
    """The highest rate at which `Load.holds`, requests a second; 0.0 if none that was tried.

    First the connections are kept busy, so that the server is warm, and a second time: more than is answered
    then is never tried, nor less than a quarter.
    """
    await keep_busy(requests, port, WARM_SECONDS, connections)
    high = await keep_busy(requests, port, seconds, connections)
    low, best = high / 4, 0.0
    rate = 0.9 * high
    for _ in range(PROBES):
        load = Load(requests, port, rate, seconds)
        await load.run(connections, P99_LIMIT)
        load.close()
        if load.holds():
            low = best = rate
        else:
            high = rate
        rate = (low + high) / 2
    return best


class Echo(asyncio.Protocol):
    """Answers whatever comes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A caller is there."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, _: bytes) -> None:
        """Answer at once."""
        self._transport.write(ECHO)


async def echo(port: int) -> None:
    """Answer until the process is ended."""
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", port)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--echo", type=int, metavar="PORT")
    parser.add_argument("--port", type=int)
    parser.add_argument("--path", default="/predict")
    parser.add_argument("--saturate", action="store_true")
    parser.add_argument("--rate", type=float, default=1000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--bodies", type=Path)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    if options.echo is not None:
        uvloop.run(echo(options.echo))
        return
    requests = make_requests(options.bodies.read_bytes().splitlines(), options.path)
    if options.saturate:
        rate = uvloop.run(saturate(requests, options.port, options.seconds, options.connections))
        print(json.dumps({"rps_at_p99_50ms": round(rate)}))
        return
    load = Load(requests, options.port, options.rate, options.seconds)
    origin = uvloop.run(load.run(options.connections))
    options.output.write_bytes(pickle.dumps((origin, load.late, load.answers)))


if __name__ == "__main__":
    main()
