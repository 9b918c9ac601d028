"""The progress bar of a preparation, drawn only where somebody can see it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Self

from hermetic.cli.standard_descriptors import STDERR

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from hermetic_runtime.preparation import Progress


class PreparationBar:
    """A bar on stderr from the first report to the last, removed when it is done.

    Does nothing where stderr is no terminal. Leaving the context always gives the
    terminal back as it was.
    """

    def __init__(self) -> None:
        self._visible = os.isatty(STDERR)
        self._bar: Bar | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def show(self, progress: Progress) -> None:
        """Draw one report of `hermetic_runtime.preparation.prepare`."""
        if not self._visible:
            return
        if self._bar is None:
            self._bar = _start_bar()
        self._bar.update(
            self._bar.task_ids[0], description=progress.step, completed=progress.fraction
        )

    def remove(self) -> None:
        """Take the bar away; a later report would draw it again."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _start_bar() -> Bar:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    bar = Progress(
        TextColumn("hermetic: {task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    bar.add_task("preparing", total=1.0)
    bar.start()
    return bar
