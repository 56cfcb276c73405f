"""An application with four mistakes that hold up its event loop, for `scripts/validate_event_loop.py`."""

import json
import os
import time

import psycopg
from fastapi import FastAPI

app = FastAPI()
_DOCUMENT = json.dumps([{"number": i, "text": "x" * 20} for i in range(100_000)])  # 4 MB


@app.get("/sleep")
async def sleep() -> None:
    time.sleep(0.04)  # planted: sleep


@app.get("/compute")
async def compute() -> None:
    until = time.thread_time() + 0.04
    while time.thread_time() < until:
        pass  # planted: loop


@app.get("/query")
async def query() -> None:
    with psycopg.connect(os.environ["PLANTED_DATABASE_URL"]) as connection:
        connection.execute("SELECT pg_sleep(0.04)")  # planted: query


@app.get("/parse")
async def parse() -> None:
    json.loads(_DOCUMENT)  # planted: parse
