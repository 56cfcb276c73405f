"""Entities through a real pgbouncer in transaction mode, where no prepared statement survives."""

import asyncio
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import asyncpg
import pytest

from serving.postgres_session import session_options
from tests.api.store_processes import PostgresProcess
from tests.api.test_entity_features import models_dir, postgres, run, served  # noqa: F401 - fixtures

pytestmark = pytest.mark.system


@pytest.fixture
def pgbouncer_url(postgres: PostgresProcess, tmp_path: Path):  # noqa: F811 - the fixture
    program = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
    server = postgres.paths.postgres_socket
    place = postgres.paths.home / "bouncer"
    place.mkdir(exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (place / "pgbouncer.ini").write_text(
        f"[databases]\n* = host={server} user=mojoline\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        "auth_type = any\npool_mode = transaction\ndefault_pool_size = 2\n"
    )
    owner, group = server.stat().st_uid, server.stat().st_gid  # neither of the two runs as root
    for path in (place, place / "pgbouncer.ini"):
        os.chown(path, owner, group)
    with (place / "log").open("w") as log:
        process = subprocess.Popen(
            [program, str(place / "pgbouncer.ini")], user=owner, group=group, extra_groups=[], stderr=log
        )
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            break
        except ConnectionRefusedError:
            assert process.poll() is None, (place / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
    yield f"postgresql://mojoline@127.0.0.1:{port}/postgres"
    process.terminate()
    process.wait(20)


def test_the_switch_is_needed_and_enough(pgbouncer_url, models_dir, served):  # noqa: F811 - the fixtures
    """Six connections of ours share two of Postgres: statements meet sessions that do not know them."""

    async def work(entities, pool):
        async def ask(number: int) -> float:
            [row] = (await entities.fetch(served, [str(1 + number % 400)])).rows
            return row["distance"]

        found = await asyncio.gather(*(ask(number) for number in range(300)))
        assert found == [501.0 + number % 400 for number in range(300)]

    many = {"smallest": 6, "largest": 6, "timeout_ms": 20_000, "acquire_ms": 20_000}
    run(pgbouncer_url, models_dir, work, pgbouncer=True, **many)

    async def without() -> None:
        await asyncpg.connect(pgbouncer_url, **session_options(pgbouncer=False))

    with pytest.raises(asyncpg.PostgresError, match="unsupported startup parameter"):
        asyncio.run(without())
