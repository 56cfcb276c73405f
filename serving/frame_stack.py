"""The stack of a thread that was found at work, and the line of it that holds the thread up."""

import os
import sysconfig
import traceback
from types import CodeType, FrameType

from serving.thread_clock import ThreadClock

_paths = sysconfig.get_paths()
_LIBRARIES = tuple({f"{_paths[name]}{os.sep}" for name in ("stdlib", "platstdlib", "purelib", "platlib")})


class FrameStack:
    """A stack, and the place in it that a person can change. Made without reading a file."""

    def __init__(
        self, calls: list[tuple[FrameType, int]], *, held: bool, seen_again: bool, only_look: bool
    ) -> None:
        self._frames = [(frame.f_code, line) for frame, line in calls]  # innermost first
        code, line = next((entry for entry in self._frames if not _is_library(entry[0])), self._frames[0])
        self.location = f"{code.co_filename}:{line}"
        self.function = code.co_name
        self.waited_by_others: float | None = None
        self.held = held
        self.seen_again = seen_again
        self.only_look = only_look

    def note_others(self, clock: ThreadClock) -> None:
        """Note how long the other threads have waited so far; it takes a dozen files."""
        self.waited_by_others = clock.waited_by_others()

    @property
    def lasting(self) -> bool:
        """Whether one call was in it all the time, as far as was seen."""
        return self.held or self.seen_again

    def format(self) -> list[str]:
        """The stack as text, outermost call first."""
        places = [(code.co_filename, line, code.co_name, None) for code, line in reversed(self._frames)]
        return traceback.StackSummary.from_list(places).format()


def _is_library(code: CodeType) -> bool:
    return code.co_filename.startswith(_LIBRARIES)
