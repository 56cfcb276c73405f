"""`python -m serving`: predictions and control on their ports, on one uvloop loop in each worker process.

Without arguments the models come from the registry of the settings. `--model_name N --model_dir DIR` (the
arguments of KServe) or `--model N=FILE` serve plain MOJO files and need nothing else.

SIGTERM: not ready from now on, answer what is in flight, write the reservoir, exit 0. SIGINT does the same at
once, without waiting for a balancer to notice; so it hurries what SIGTERM began.
SIGHUP: read the aliases of all models now.
Exit codes: 78 for wrong settings, 69 for a port, a registry or a model file that cannot be had.
"""

import argparse
import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop

from mojoline.errors import MojolineError
from mojoline.settings import Settings, SettingsError, load_settings
from serving.json_logs import install_logs
from serving.tracing import close_tracing, install_tracing

if TYPE_CHECKING:
    from serving.plain_models import PlainModels

EXIT_SETTINGS = 78
EXIT_UNAVAILABLE = 69
YOUNGEST = 20_000  # objects between two collections; a request makes a few that outlive nothing
PARENT_SECONDS = 0.5
SWITCH_SECONDS = 0.0005
"""How long a thread that computes in Python, as one that loads a version, may keep the event loop waiting."""

_log = logging.getLogger("mojoline.serving")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the server; the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser().parse_args(given)
    install_logs("text")
    try:
        settings = load_settings(
            ports=_without_none(rest=options.http_port, grpc=options.grpc_port),
            serving=_without_none(workers=options.workers, host=options.host),
        )
        install_logs(settings.serving.log)
        if options.worker is None and settings.database_url is not None:  # once for all workers
            from serving.connection_budget import check_connection_budget

            uvloop.run(check_connection_budget(settings))
        if settings.serving.workers > 1 and options.worker is None:
            from serving.workers import run_workers

            return run_workers(settings, given)
        uvloop.run(_serve_until_signal(settings, options))
    except SettingsError as error:
        _log.error("%s", error)
        return EXIT_SETTINGS
    except MojolineError as error:
        _log.error("%s", error)
        return EXIT_UNAVAILABLE
    return 0


async def _serve_until_signal(settings: Settings, options: argparse.Namespace) -> None:
    gc.disable()  # nothing that is imported becomes garbage; to look for some takes a tenth of a start
    from mojoline.registry.filesystem_registry import open_registry
    from serving.version_loading import load_early

    registry = _plain_models(options) or open_registry(settings.registry_url)
    load_early(registry)
    from serving.server import serve  # takes as long as loading a large model does

    stopping, hurrying, reread = asyncio.Event(), asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def hurry() -> None:
        hurrying.set()
        stopping.set()

    loop.add_signal_handler(signal.SIGTERM, stopping.set)
    loop.add_signal_handler(signal.SIGINT, hurry)
    loop.add_signal_handler(signal.SIGHUP, reread.set)
    orphaned = loop.create_task(_end_with(options.parent, stopping)) if options.parent is not None else None
    install_tracing()
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.freeze()  # what was imported stays: to look at all of it takes tens of milliseconds
    gc.set_threshold(YOUNGEST, 10, 10)
    gc.enable()
    await serve(settings, stopping, registry, worker=options.worker, reread=reread, hurrying=hurrying)
    await loop.run_in_executor(None, close_tracing)
    if orphaned is not None:
        orphaned.cancel()


async def _end_with(parent: int, stopping: asyncio.Event) -> None:
    """A worker whose parent was killed, be it before this began, would keep the port from the next server."""
    while os.getppid() == parent:
        await asyncio.sleep(PARENT_SECONDS)
    stopping.set()


def _plain_models(options: argparse.Namespace) -> "PlainModels | None":
    from serving.plain_models import PlainModels, find_models

    files: dict[str, Path] = {}
    if options.model_dir is not None:
        files |= find_models(options.model_dir, options.model_name)
    for text in options.model:
        name, equals, path = text.rpartition("=")
        files[name if equals else Path(path).stem] = Path(path)
    return PlainModels(files) if files else None


def _without_none(**values: object) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m serving", description="The prediction API.")
    parser.add_argument(
        "--model_name", "--model-name", default="model", help="name of the model in --model_dir"
    )
    parser.add_argument("--model_dir", "--model-dir", type=Path, help="directory (or file) of plain MOJOs")
    parser.add_argument(
        "--model", action="append", default=[], metavar="NAME=FILE", help="a plain MOJO; may be repeated"
    )
    parser.add_argument("--http_port", "--http-port", type=int, help="port of the prediction API")
    parser.add_argument("--grpc_port", "--grpc-port", type=int, help="port of the same over gRPC")
    parser.add_argument("--host", help="address the ports are opened on")
    parser.add_argument("--workers", type=int, help="processes that share the port")
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--parent", type=int, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
