"""`python -m serving`: predictions and control on two ports of one process, on one uvloop loop.

SIGTERM and SIGINT: not ready from now on, answer what is in flight, write the reservoir, exit 0.
Exit codes: 78 for wrong settings, 69 for a port or a registry that cannot be had.
"""

import asyncio
import logging
import signal
import sys

import uvloop

from mojoline.errors import MojolineError
from mojoline.settings import SettingsError, load_settings
from serving.server import serve

EXIT_SETTINGS = 78
EXIT_UNAVAILABLE = 69

_log = logging.getLogger("mojoline.serving")


async def _serve_until_signal() -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    await serve(load_settings(), stopping)


def main() -> int:
    """Run the server; the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        uvloop.run(_serve_until_signal())
    except SettingsError as error:
        _log.error("%s", error)
        return EXIT_SETTINGS
    except MojolineError as error:
        _log.error("%s", error)
        return EXIT_UNAVAILABLE
    return 0


if __name__ == "__main__":
    sys.exit(main())
