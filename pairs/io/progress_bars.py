"""Progress on standard error: bars with the time left on a terminal, lines of a log elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

__all__ = ["progress", "stages"]


def progress() -> Progress:
    """A progress bar with time left, on standard error; a line at most every 15 seconds where that is a file."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console) if console.is_terminal else _Lines(console=console)


def stages(bar: Progress) -> Callable[[str, int, int], None]:
    """A bar for each move, made when it begins, so that time left is that move's own."""
    tasks: dict[str, TaskID] = {}

    def show(move: str, done: int, total: int) -> None:
        if move not in tasks:
            tasks[move] = bar.add_task(move, total=total)
        bar.update(tasks[move], completed=done)

    return show


class _Lines(Progress):
    """Progress as lines of a log: a bar redraws nothing there until it ends."""

    every = 15.0
    said = (0.0, "")

    def start(self) -> None:
        """Nothing is drawn, so that nothing needs to be set up."""

    def stop(self) -> None:
        """Nothing is drawn: the display would end with an empty line."""

    def get_renderables(self) -> Iterable[RenderableType]:
        return ()

    def update(self, task_id: TaskID, **fields: Any) -> None:
        super().update(task_id, **fields)
        task = self._tasks[task_id]
        left = "" if task.time_remaining is None else f", {task.time_remaining:.0f} s left"
        line = f"{task.description}: {task.percentage:.0f} %"
        due = time.monotonic() - self.said[0] >= self.every or task.percentage >= 100
        if self.disable or not task.total or not due or line == self.said[1]:
            return
        self.said = (time.monotonic(), line)
        print(line + left, file=sys.stderr, flush=True)
