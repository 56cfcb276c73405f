"""The guardian of the event loop: how late it runs what is due, and who held it up.

A beat on the loop measures the delay. A thread beside it looks at the loop's stack once a beat is overdue by
more than the threshold: the deepest line of that stack outside of libraries is the blocker. Time in which the
loop's thread, or one that held the interpreter lock against it, waited for a core (Linux tells it per thread)
or in which it sat in the selector is the machine's, not ours.
"""

import asyncio
import logging
import math
import sys
import sysconfig
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from types import CodeType, FrameType
from typing import Literal

from serving import thread_clock
from serving.frame_stack import FrameStack
from serving.metrics import LOOP_BLOCKED, LOOP_LAG

Cause = Literal["blocked", "busy", "machine_stall"]
"""One call held the loop; many short ones in a row did; the machine did."""

THRESHOLD = 0.010
INTERVAL = 0.005
QUIET_SECONDS = 1.0  # one warning per place and second: a log that floods is a blocker too

_log = logging.getLogger("mojoline.serving")
_STANDARD = Path(sysconfig.get_path("stdlib"))
_IDLE_FILES = tuple(str(_STANDARD / name) for name in ("selectors.py", "asyncio/base_events.py"))
_WATCHING = tuple(
    f"{name}:" for name in (__file__, thread_clock.__file__)
)  # that takes what the machine takes


@dataclass(frozen=True)
class Blockage:
    """One time the loop stood still for `seconds` (waiting for a core not counted) because of `location`."""

    cause: Cause
    seconds: float
    location: str = ""
    function: str = ""
    stack: list[str] = field(default_factory=list, compare=False, repr=False)


def warn(blockage: Blockage) -> None:
    """The default reporter: a warning with the stack for a blocker, a note for the rest."""
    if blockage.cause != "blocked":
        _log.debug("%s: the event loop was late by %.1f ms", blockage.cause, 1000 * blockage.seconds)
        return
    stack = "".join(blockage.stack)
    _log.warning(
        "%s (%s) blocked the event loop for %.1f ms\n%s",
        *(blockage.location, blockage.function, 1000 * blockage.seconds, stack),
    )


class LoopLagMonitor:
    """Watches the loop it is started on.

    Args:
        threshold: seconds; above them a delay is reported.
        report: called with each blockage, on a thread of its own: it may take its time.
        observe: called on the loop with each delay in seconds.
    """

    def __init__(
        self,
        threshold: float = THRESHOLD,
        *,
        report: Callable[[Blockage], None] = warn,
        observe: Callable[[float], None] = LOOP_LAG.observe,
    ) -> None:
        self._threshold = threshold
        self._report = report
        self._observe = observe
        self._due = 0.0
        self._root: FrameType | None = None
        self._caught: FrameStack | None = None
        self._quiet_until: dict[str, float] = {}
        self._stopped = threading.Event()
        self._handle: asyncio.TimerHandle | None = None
        self._thread = threading.Thread(target=self._watch, name="loop-lag", daemon=True)
        self._clerk = ThreadPoolExecutor(1, "loop-lag-report", self._join_watchers)

    def start(self) -> None:
        """Begin; call it on the loop's thread while the loop runs."""
        self._loop = asyncio.get_running_loop()
        self._ident = threading.get_ident()
        self._clock = thread_clock.ThreadClock(threading.get_native_id())
        self._base: CodeType | None = None
        self._ran, self._waited = self._clock.read()
        self._due = time.monotonic()
        self._handle = self._loop.call_later(0, self._beat)
        self._thread.start()

    def stop(self) -> None:
        """End; what was due is not reported any more."""
        if self._handle is not None:
            self._handle.cancel()
            self._stopped.set()
            self._thread.join(1)
            self._clerk.shutdown()
            self._clock.close()

    def _beat(self) -> None:
        now = time.monotonic()
        if self._base is None:  # what called us is what an idle uvloop shows as its innermost Python frame
            caller = sys._getframe().f_back
            self._base = caller.f_code if caller else None
        lag = max(0.0, now - self._due)
        caught, self._caught, self._root = self._caught, None, None
        self._due = math.inf  # this call is not to be caught while it reads a file
        self._observe(lag)
        ran, waited = self._clock.read()
        if lag > self._threshold:
            self._conclude(lag, ran - self._ran, waited - self._waited, caught)
        self._ran, self._waited = ran, waited
        self._due = time.monotonic() + INTERVAL
        self._handle = self._loop.call_later(INTERVAL, self._beat)

    def _conclude(self, lag: float, ran: float, waited: float, caught: FrameStack | None) -> None:
        own = 0.0
        if caught is not None:
            since = caught.waited_by_others
            elsewhere = 0.0 if since is None else self._clock.waited_by_others() - since
            own = max(min(ran, lag), lag - waited - elsewhere)
        cause: Cause = "blocked"
        if caught is None or own <= self._threshold or caught.location.startswith(_WATCHING):
            cause = "machine_stall"
        elif not (caught.lasting or caught.only_look):
            cause = "busy"
        LOOP_BLOCKED.labels(cause).inc()
        if caught is None or cause != "blocked":
            self._clerk.submit(self._report, Blockage(cause, own if cause == "busy" else lag))
            return
        now = time.monotonic()
        if now >= self._quiet_until.get(caught.location, 0.0):
            self._quiet_until[caught.location] = now + QUIET_SECONDS
            self._clerk.submit(self._report_blocked, own, caught)

    def _report_blocked(self, own: float, caught: FrameStack) -> None:
        self._report(Blockage("blocked", own, caught.location, caught.function, caught.format()))

    def _join_watchers(self) -> None:
        self._clock.watchers.add(threading.get_native_id())

    def _watch(self) -> None:
        """The thread: asleep until a beat is overdue, then looks every few ms at what the loop's thread does.

        The call that it finds twice in a row is a blocker. So is the one it finds after it was kept from
        looking while the loop's thread ran (that one held the interpreter lock), and the only one it finds.
        """
        own_clock = thread_clock.ThreadClock(threading.get_native_id())
        self._join_watchers()
        wake, waited = time.monotonic(), 0.0
        while not self._stopped.is_set():
            due, now = self._due, time.monotonic()
            late = now - due
            stack = None
            pause = max(min(self._threshold / 2 - late, self._threshold), 0.001)
            if late >= self._threshold / 2:
                stack = self._look(due, late, held=now - wake > self._threshold)
                pause = max(self._threshold - late, INTERVAL)
            # Only here: reading a file lets go of the interpreter lock, and what held it until now runs on.
            _, now_waited = own_clock.read()
            if stack is not None:
                stack.held = now - wake - (now_waited - waited) > self._threshold
                if now_waited - waited > INTERVAL:  # it looked late, which tells nothing about the calls
                    stack.only_look = False
                self._clerk.submit(stack.note_others, self._clock)
            waited, wake = now_waited, now + pause
            # Where the lock was held meanwhile, the next look comes at once: to wait is to let go of it.
            if wake > time.monotonic():
                self._stopped.wait(wake - time.monotonic())
        own_clock.close()

    def _look(self, due: float, late: float, *, held: bool) -> FrameStack | None:
        """Look once; the stack if it is a new one to conclude from. `held` is by the wall clock."""
        frame = sys._current_frames().get(self._ident)
        if frame is None:
            return None
        calls = list(takewhile(lambda call: not self._is_idle(call[0]), traceback.walk_stack(frame)))
        if not calls:
            return None
        root = calls[-1][0]
        seen_again = root is self._root
        before = self._caught
        if before is not None:
            before.only_look = False
        stack = None
        if late >= self._threshold and (before is None or ((held or seen_again) and not before.lasting)):
            stack = FrameStack(calls, held=held, seen_again=seen_again, only_look=self._root is None)
        if self._due != due:  # it was over while we looked
            return None
        self._root, self._caught = root, stack or before
        return stack

    def _is_idle(self, frame: FrameType) -> bool:
        return frame.f_code is self._base or frame.f_code.co_filename in _IDLE_FILES
