"""The guardian of the event loop: how late it runs what is due, and who held it up.

A beat on the loop measures the delay. A thread beside it looks at the loop's stack once a beat is overdue by
more than the threshold: the deepest line of that stack outside of libraries is the blocker. Time in which the
loop's thread, or one that held the interpreter lock against it, waited for a core (Linux tells it per thread)
or in which it sat in the selector is the machine's, not ours.
"""

import asyncio
import contextlib
import logging
import os
import sys
import sysconfig
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Literal

from serving.metrics import LOOP_BLOCKED, LOOP_LAG

Cause = Literal["blocked", "busy", "machine_stall"]
"""One call held the loop; many short ones in a row did; the machine did."""

THRESHOLD = 0.010
INTERVAL = 0.005
QUIET_SECONDS = 1.0  # one warning per place and second: a log that floods is a blocker too

_log = logging.getLogger("mojoline.serving")
_paths = sysconfig.get_paths()
_LIBRARIES = tuple({f"{_paths[name]}{os.sep}" for name in ("stdlib", "platstdlib", "purelib", "platlib")})
_IDLE_FILES = tuple(str(Path(_paths["stdlib"], name)) for name in ("selectors.py", "asyncio/base_events.py"))


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
        report: called on the loop with each blockage.
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

    def start(self) -> None:
        """Begin; call it on the loop's thread while the loop runs."""
        self._loop = asyncio.get_running_loop()
        self._ident = threading.get_ident()
        self._clock = ThreadClock(threading.get_native_id())
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
            self._clock.close()

    def _beat(self) -> None:
        now = time.monotonic()
        if self._base is None:  # what called us is what an idle uvloop shows as its innermost Python frame
            caller = sys._getframe().f_back
            self._base = caller.f_code if caller else None
        lag = max(0.0, now - self._due)
        self._observe(lag)
        ran, waited = self._clock.read()
        caught, self._caught, self._root = self._caught, None, None
        if lag > self._threshold:
            self._conclude(lag, ran - self._ran, waited - self._waited, caught)
        self._ran, self._waited = ran, waited
        # the report itself must not count: the next beat is due from here
        self._due = time.monotonic() + INTERVAL
        self._handle = self._loop.call_later(INTERVAL, self._beat)

    def _conclude(self, lag: float, ran: float, waited: float, caught: "FrameStack | None") -> None:
        own = 0.0
        if caught is not None:
            elsewhere = self._clock.waited_by_others() - caught.waited_by_others
            own = max(min(ran, lag), lag - waited - elsewhere)
        if caught is None or own <= self._threshold:
            LOOP_BLOCKED.labels("machine_stall").inc()
            self._report(Blockage("machine_stall", lag))
            return
        if not (caught.lasting or caught.only_look):
            LOOP_BLOCKED.labels("busy").inc()
            self._report(Blockage("busy", own))
            return
        LOOP_BLOCKED.labels("blocked").inc()
        now = time.monotonic()
        if now >= self._quiet_until.get(caught.location, 0.0):
            self._quiet_until[caught.location] = now + QUIET_SECONDS
            self._report(Blockage("blocked", own, caught.location, caught.function, caught.lines))

    def _watch(self) -> None:
        """The thread: asleep until a beat is overdue, then looks every few ms at what the loop's thread does.

        The call that it finds twice in a row is a blocker. So is the one it finds after it was kept from
        looking while the loop's thread ran (that one held the interpreter lock), and the only one it finds.
        """
        own_clock = ThreadClock(threading.get_native_id())
        self._clock.watcher = threading.get_native_id()
        slept = ran = waited = 0.0
        while not self._stopped.is_set():
            due = self._due
            late = time.monotonic() - due
            (now_ran, _), (_, now_waited) = self._clock.read(), own_clock.read()
            held = (now_ran - ran) - slept - (now_waited - waited) > self._threshold
            ran, waited = now_ran, now_waited
            if late < self._threshold / 2:
                slept = max(self._threshold / 2 - late, 0.001)
            else:
                self._look(due, late, held=held)
                slept = max(self._threshold - late, INTERVAL)
            self._stopped.wait(slept)
        own_clock.close()

    def _look(self, due: float, late: float, *, held: bool) -> None:
        frame = sys._current_frames().get(self._ident)
        if frame is None or self._is_idle(frame):
            return
        root = frame
        while root.f_back is not None and not self._is_idle(root.f_back):
            root = root.f_back
        lasting = held or root is self._root
        stack = self._caught
        if stack is not None:
            stack.only_look = False
        if late >= self._threshold and (stack is None or (lasting and not stack.lasting)):
            stack = FrameStack(frame, self._clock.waited_by_others(), lasting=lasting)
            stack.only_look = self._root is None
        if self._due == due:  # else it was over while we looked
            self._root, self._caught = root, stack

    def _is_idle(self, frame: FrameType) -> bool:
        return frame.f_code is self._base or frame.f_code.co_filename in _IDLE_FILES


class FrameStack:
    """A stack as text, and the place in it that a person can change."""

    def __init__(self, frame: FrameType, waited_by_others: float, *, lasting: bool) -> None:
        summary = traceback.extract_stack(frame)
        own = [entry for entry in summary if not entry.filename.startswith(_LIBRARIES)]
        place = (own or list(summary))[-1]
        self.location = f"{place.filename}:{place.lineno}"
        self.function = place.name
        self.lines = summary.format()
        self.waited_by_others = waited_by_others
        self.lasting = lasting
        self.only_look = True


class ThreadClock:
    """How long a thread has run and has waited for a core (`man 5 proc`, schedstat); zeros where unknown."""

    def __init__(self, native_id: int) -> None:
        self.watcher = 0
        self._native_id = native_id
        self._file: int | None = None
        with contextlib.suppress(OSError):
            self._file = os.open(f"/proc/self/task/{native_id}/schedstat", os.O_RDONLY)

    def read(self) -> tuple[float, float]:
        """Seconds on a core and seconds in the run queue, so far."""
        if self._file is None:
            return 0.0, 0.0
        ran, waited, _ = os.pread(self._file, 128, 0).split()
        return int(ran) / 1e9, int(waited) / 1e9

    def waited_by_others(self) -> float:
        """Seconds in the run queue so far of the other threads of this process, the watching one left out."""
        total = 0
        left_out = {str(self._native_id), str(self.watcher)}
        for place in Path("/proc/self/task").glob("[0-9]*/schedstat"):
            if place.parent.name not in left_out:
                with contextlib.suppress(OSError):  # a thread that has just ended
                    total += int(place.read_bytes().split()[1])
        return total / 1e9

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
