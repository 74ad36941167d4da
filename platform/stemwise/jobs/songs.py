"""What separating songs here and on a server has in common: failures, threads, what is printed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path

from rich.console import Console

from stemwise.core.errors import PARTLY_FAILED, OutputError, StemwiseError
from stemwise.jobs.separate_options import Outcome, SongResult
from stemwise.jobs.song_places import SongPlace, check_name
from stemwise.storage.disk import writable

_POLL_S = 0.3
Work = Callable[[SongPlace], SongResult]


class Songs:
    """Works on songs, of which one that fails stops no other.

    Args:
        work: separates one song.
        of_one_song: errors that are named and counted; any other would be true of every song, and is
            raised.
        stop: set where the others must not go on.
        jobs: songs at a time.
        begin: called in each thread before its first song.
    """

    def __init__(
        self,
        work: Work,
        of_one_song: tuple[type[StemwiseError], ...],
        stop: threading.Event | None = None,
        jobs: int = 1,
        begin: Callable[[], None] = lambda: None,
    ) -> None:
        self._work, self._of_one_song = work, of_one_song
        self._stop, self._jobs, self._begin = stop or threading.Event(), jobs, begin

    def outcome(
        self,
        places: Sequence[SongPlace],
        done: Sequence[SongResult] = (),
        failures: Mapping[Path, StemwiseError] | None = None,
    ) -> Outcome:
        """Work on the songs and return what became of them, in their order.

        Exit code 0 means that none failed, 3 that some did; a single song has its error's own code.

        Args:
            places: the songs to work on.
            done: of those that are left alone.
            failures: what failed before.
        """
        failed = [_failed(path, error) for path, error in (failures or {}).items()]
        jobs = min(self._jobs, len(places))
        results = self._in_threads(places, jobs) if jobs > 1 else [*map(self._one, places)]
        every = [*failed, *done, *(result for result, _ in results)]
        codes = [error.exit_code for error in (failures or {}).values()]
        codes += [code for _, code in results if code]
        worst = 0 if not codes else PARTLY_FAILED if len(every) > 1 else codes[0]
        return Outcome(tuple(every), worst)

    def _in_threads(self, places: Sequence[SongPlace], jobs: int) -> list[tuple[SongResult, int]]:
        with ThreadPoolExecutor(jobs, "song", self._begin) as pool:
            futures = [pool.submit(self._one, place) for place in places]
            try:
                waiting = set(futures)
                while waiting:
                    # again and again: an interrupt that reaches another thread ends no wait of this one
                    done, waiting = wait(waiting, _POLL_S, FIRST_EXCEPTION)
                    for future in done:
                        future.result()  # raises what is true of every song
                return [future.result() for future in futures]
            except BaseException:
                self._stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _one(self, place: SongPlace) -> tuple[SongResult, int]:
        try:
            check_name(place.file)
            return self._work(place), 0
        except self._of_one_song as error:
            return _failed(place.file, error), error.exit_code


def _failed(file: Path, error: StemwiseError) -> SongResult:
    Console(stderr=True).print(f"Error: {error}", style="red", markup=False, soft_wrap=True)
    return SongResult(file, "failed", {}, error=str(error))


def check_output(folder: Path) -> None:
    """Raise an OutputError where no files can be made in `folder`."""
    if not writable(folder):
        raise OutputError(f"The output folder {folder} cannot be written: choose another --output.")


def without_existing(
    places: Sequence[SongPlace], stems: Sequence[str], console: Console
) -> tuple[list[SongPlace], list[SongResult]]:
    """Return the songs that lack a stem, and what is said of those that have all of them."""
    left, there = [], []
    for place in places:
        paths = place.paths(stems)
        if all(path.is_file() for path in paths.values()):
            there.append(SongResult(place.file, "skipped", paths))
        else:
            left.append(place)
    if there:
        word = "song has" if len(there) == 1 else "songs have"
        console.print(f"{len(there)} {word} all stems already: skipped.", highlight=False)
    return left, there


def tell_made(
    file: Path,
    folder: Path,
    stems: Iterable[str],
    console: Console,
    quality: Mapping[str, tuple[float, float, float]] | None = None,
    tier: str | None = None,
) -> None:
    """Print where a song's stems are, the SNR that is predicted of them, and which tier made them."""
    told = {
        stem: f" (about {snr:.0f} dB SNR, {low:.0f} to {high:.0f})"
        for stem, (snr, low, high) in (quality or {}).items()
    }
    made = ", ".join(stem + told.get(stem, "") for stem in stems)
    of = "" if tier is None else f" (tier {tier})"
    console.print(f"{file} → {folder}: {made}{of}", highlight=False, markup=False, soft_wrap=True)


def tell_gain(file: Path, gain: float, peak: float, console: Console) -> None:
    """Print that all stems of a song were turned down, where the format could not hold their peak."""
    if gain < 1:
        console.print(
            f"{file.name}: the stems peak at {peak:.2f}, above full scale: all are attenuated to "
            f"{100 * gain:.0f} % (--format wav keeps them as they are).",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
