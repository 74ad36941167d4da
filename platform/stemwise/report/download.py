"""Progress bars for checkpoints that are being fetched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

Report = Callable[[int, int | None], None]


@contextmanager
def download_display(console: Console) -> Iterator[Callable[[str], Report]]:
    """Yield a function that makes the progress callback of one model; its bar appears at first use."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    progress = Progress(*columns, console=console, transient=True)

    def make(name: str) -> Report:
        tasks: list[int] = []

        def report(done: int, total: int | None) -> None:
            if not tasks:
                progress.start()  # not before: in a log even nothing is an empty line
                tasks.append(int(progress.add_task(name, total=total)))
            progress.update(tasks[0], completed=done, total=total)  # type: ignore[arg-type]

        return report

    try:
        yield make
    finally:
        if progress.tasks:
            progress.stop()
