"""Programs that start servers end them too, however they are ended themselves."""

import signal
import sys
from types import FrameType


def end_in_order() -> None:
    """Let SIGTERM, such as of `timeout`, end this program as Ctrl-C does: through its `finally` blocks."""
    signal.signal(signal.SIGTERM, _leave)


def _leave(number: int, _: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)  # a second one would interrupt the end
    sys.exit(128 + number)
