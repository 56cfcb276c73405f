"""How a demo looks: one line with a bar for each stage while it runs, and its figures once it is done."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn


class StageLine:
    """The line of one running stage."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.figures = ""
        self.fraction: float | None = None

    def show(self, figures: str, fraction: float | None = None) -> None:
        """Replace the figures, and move the bar to `fraction` (0 to 1) if the length is known."""
        self.figures, self.fraction = figures, fraction


class DemoScreen:
    """Stages on a console; without a terminal a plain line when a stage starts and one when it ends."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            SpinnerColumn(finished_text="[green]✓[/]"),
            TextColumn("[bold]{task.description:<12}"),
            BarColumn(bar_width=14),
            TimeElapsedColumn(),
            TextColumn("{task.fields[figures]}", markup=False),
            console=console,
            disable=not console.is_terminal,
        )

    @contextmanager
    def running(self) -> Iterator[None]:
        """Draw while the block runs."""
        with self._progress:
            yield

    @contextmanager
    def stage(self, title: str) -> Iterator[StageLine]:
        """One stage; it is finished when the block ends without an error."""
        line, started = _LiveLine(title, self._progress), time.monotonic()
        self._print(f"start {title}")
        try:
            yield line
        except BaseException:
            line.fail()
            if not self._console.is_terminal:
                self._console.print(f"FAILED {title}", markup=False, highlight=False)
            raise
        line.finish()
        if not self._console.is_terminal:
            took = time.monotonic() - started
            self._console.print(
                f"done  {title:<12} {took:6.1f} s  {line.figures}",
                markup=False,
                highlight=False,
                soft_wrap=True,
            )

    def say(self, text: str) -> None:
        """A line of its own above the bars."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _print(self, text: str) -> None:
        if not self._console.is_terminal:
            self.say(text)


class _LiveLine(StageLine):
    def __init__(self, title: str, progress: Progress) -> None:
        super().__init__(title)
        self._progress = progress
        self._task: TaskID = progress.add_task(title, total=None, figures="")

    def show(self, figures: str, fraction: float | None = None) -> None:
        super().show(figures, fraction)
        if fraction is None:
            self._progress.update(self._task, figures=figures)
        else:
            self._progress.update(self._task, figures=figures, total=1.0, completed=fraction)

    def finish(self) -> None:
        self._progress.update(self._task, figures=self.figures, total=1.0, completed=1.0)

    def fail(self) -> None:
        self._progress.update(self._task, figures=f"failed. {self.figures}")
        self._progress.stop_task(self._task)
