"""Finding music in folders and adding it: several processes, incremental, resumable, cancellable.

Each track is committed as soon as it is done, so whatever ends a scan - a cancel, a crash, a full
disk - keeps what was finished, and the next scan goes on from there.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from hashlib import blake2b
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait as wait_for
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import TYPE_CHECKING

from bci_affect.errors import BciAffectError
from bci_affect.music.analysis import Analysis, analyse
from bci_affect.music.audio import SUFFIXES, DecodeError
from bci_affect.music.encoders import Cancelled, MusicEncoder, Stopped, load_encoder
from bci_affect.music.records import encoder_key

if TYPE_CHECKING:
    from bci_affect.music.library import Library

_PER_WORKER = 8
"""Files that make another process worth its start (torch takes seconds to import)."""


@dataclass(frozen=True, slots=True)
class ScanProgress:
    """Where a scan is: files done of all that must be analysed, and the file just finished."""

    done: int
    total: int
    path: str


@dataclass(frozen=True, slots=True)
class ScanReport:
    """What a scan did.

    Attributes
    ----------
    found : int
        Music files seen.
    added, moved, unchanged : int
        New tracks; files of known content at a new place (or copies); files known already.
    failed : tuple of (str, str)
        Files that could not be added in this scan, each with the reason.
    cancelled : bool
        Whether it was stopped before its end.
    """

    found: int
    added: int
    moved: int
    unchanged: int
    failed: tuple[tuple[str, str], ...]
    cancelled: bool = False


@dataclass(slots=True)
class _Tally:
    added: int = 0
    moved: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _File:
    path: str
    size: int
    mtime_ns: int


def find_music(places: Sequence[Path]) -> Iterator[_File]:
    """Yield every music file in folders, each once; links that lead in circles are followed once.

    Hidden files (a name that starts with a dot) are left out.
    """
    visited: set[tuple[int, int]] = set()
    stack = list(reversed(places))
    while stack:
        place = stack.pop()
        try:
            info = place.stat()
            if place.is_dir():
                if (info.st_dev, info.st_ino) in visited:
                    continue
                visited.add((info.st_dev, info.st_ino))
                inside = sorted(place.iterdir(), reverse=True)
                stack += [child for child in inside if not child.name.startswith(".")]
            elif place.suffix.lower() in SUFFIXES and place.is_file():
                absolute = os.path.abspath(place)
                yield _File(absolute, info.st_size, info.st_mtime_ns)
        except OSError:  # a link to nothing, a folder that may not be read
            continue


def content_hash(path: str) -> str:
    """Return a hash of a file's bytes."""
    digest = blake2b(digest_size=16)
    with open(path, "rb") as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()


def scan(
    library: Library,
    places: Sequence[Path],
    *,
    progress: Callable[[ScanProgress], None] | None = None,
    cancel: Callable[[], bool] | None = None,
    workers: int | None = None,
    apart: bool = False,
    encoder_name: str = "tagger",
) -> ScanReport:
    """Add all music in folders (or single files) to a library.

    Parameters
    ----------
    library : Library
        Where to.
    places : sequence of Path
        Folders, searched whole, and files.
    progress : callable, optional
        Told after every file that was analysed.
    cancel : callable, optional
        Asked often; once it says True the scan ends, keeping what is done.
    workers : int, optional
        Processes; by default one for every eight files, at most one for each processor. With 1 the
        work is done in this process.
    apart : bool
        Never work in this process: half a gigabyte that the tagger needs goes when it is done, and
        nothing that runs here (a live session) shares an interpreter with it.
    encoder_name : str
        As `load_encoder` takes it.

    Raises
    ------
    BciAffectError
        If a place does not exist, or no music is found in any.
    """
    for place in places:
        if not place.exists():
            raise BciAffectError(f"There is no file or folder '{place}'.")
    library.forget_damaged()
    library.refresh()
    files = list(find_music(places))
    if not files:
        named = ", ".join(f"'{place}'" for place in places)
        raise BciAffectError(f"No music in {named}; known endings: {', '.join(SUFFIXES)}.")
    encoder = load_encoder(encoder_name)
    key = encoder_key(encoder)
    tally, cancelled = _Tally(), cancel or (lambda: False)
    files, nameless = _with_text_for_names(files)
    tally.failed += [(name, "its name is not valid text; rename it") for name in nameless]
    changed = _changed(library, files, key)
    todo, copies = _unknown_content(library, changed, key, tally, cancelled)
    if workers is None:
        workers = max(1, min(os.cpu_count() or 1, len(todo) // _PER_WORKER))
    results = (
        _in_processes(todo, encoder_name, workers, cancelled)
        if todo and (workers > 1 or apart)
        else _here(todo, encoder, cancelled)
    )
    for done, (file, content, outcome) in enumerate(results, start=1):
        if isinstance(outcome, Analysis):
            library.store(file.path, file.size, file.mtime_ns, content, key, outcome)
            tally.added += 1
        else:
            _fail(library, tally, file, outcome)
        if progress:
            progress(ScanProgress(done, len(todo), file.path))
    known = library.known_content(key)
    for file, content in copies:
        if content in known:
            library.store_place(file.path, file.size, file.mtime_ns, content)
            tally.moved += 1
    return ScanReport(
        found=len(files) + len(nameless),
        added=tally.added,
        moved=tally.moved,
        unchanged=len(files) - len(changed),
        failed=tuple(tally.failed),
        cancelled=cancelled(),
    )


def _with_text_for_names(files: list[_File]) -> tuple[list[_File], list[str]]:
    """Part files from those whose names no database can hold, which are returned readable."""
    good, bad = [], []
    for file in files:
        readable = file.path.encode("utf-8", "backslashreplace").decode("utf-8")
        if readable == file.path:
            good.append(file)
        else:
            bad.append(readable)
    return good, bad


def _changed(library: Library, files: list[_File], key: str) -> list[_File]:
    """Files that are new, were changed, or were embedded by another encoder only."""
    known = library.known_places()
    embedded = set(library.known_content(key).values())
    changed = []
    for file in files:
        size, mtime, track_id = known.get(file.path, (-1, -1, None))
        same = (size, mtime) == (file.size, file.mtime_ns)
        if not same or (track_id is not None and track_id not in embedded):
            changed.append(file)
    return changed


def _unknown_content(
    library: Library,
    files: list[_File],
    key: str,
    tally: _Tally,
    cancelled: Callable[[], bool],
) -> tuple[list[tuple[_File, str]], list[tuple[_File, str]]]:
    """Hash files and note the places of known content; return the rest, and copies among it."""
    known = library.known_content(key)
    todo: dict[str, tuple[_File, str]] = {}
    copies: list[tuple[_File, str]] = []
    for file in files:
        if cancelled():
            break
        try:
            content = content_hash(file.path)
        except OSError as error:
            _fail(library, tally, file, f"cannot be read ({error.strerror or error})")
            continue
        if content in known:
            library.store_place(file.path, file.size, file.mtime_ns, content)
            tally.moved += 1
        elif content in todo:
            copies.append((file, content))
        else:
            todo[content] = (file, content)
    return list(todo.values()), copies


def _fail(library: Library, tally: _Tally, file: _File, reason: str) -> None:
    library.store_failure(file.path, file.size, file.mtime_ns, reason)
    tally.failed.append((file.path, reason))


_Outcome = Analysis | str
_Result = tuple[_File, str, _Outcome]


def _attempt(path: str, encoder: MusicEncoder, stopped: Stopped) -> _Outcome:
    try:
        return analyse(Path(path), encoder, stopped)
    except DecodeError as error:
        return str(error)
    except OSError as error:
        return f"cannot be read ({error.strerror or error})"
    except MemoryError:
        return "too long for this machine's memory"


def _here(
    todo: list[tuple[_File, str]], encoder: MusicEncoder, cancelled: Callable[[], bool]
) -> Iterator[_Result]:
    with contextlib.suppress(Cancelled):
        for file, content in todo:
            if cancelled():
                return
            yield file, content, _attempt(file.path, encoder, cancelled)


_worker: tuple[MusicEncoder, Stopped] | None = None


def _end_with_the_parent() -> None:
    """Leave at once when the scan's process is gone, however it went: nobody wants the work."""
    if parent := parent_process():
        wait_for([parent.sentinel])
        os._exit(1)


def _start_worker(encoder_name: str, stop: Event) -> None:
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the parent decides
    # Waiting for a pipe is all that this thread does, so it may be a daemon.
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    if hasattr(os, "nice"):
        os.nice(5)
    _worker = load_encoder(encoder_name), stop.is_set


def _work(path: str) -> _Outcome:
    if _worker is None:
        raise RuntimeError("the worker was not started")
    try:
        return _attempt(path, *_worker)
    except Cancelled:
        return "cancelled"  # which nobody reads


def _in_processes(
    todo: list[tuple[_File, str]], encoder_name: str, workers: int, cancelled: Callable[[], bool]
) -> Iterator[_Result]:
    """Analyse in a pool; a file that kills its process is found by trying the rest one by one."""
    left = dict(enumerate(todo))
    try:
        yield from _pool(left, encoder_name, workers, cancelled)
    except BrokenProcessPool:
        for number, (file, content) in list(left.items()):
            if cancelled():
                return
            try:
                yield from _pool({number: left.pop(number)}, encoder_name, 1, cancelled)
            except BrokenProcessPool:
                yield file, content, "the decoder crashed on it"


def _pool(
    left: dict[int, tuple[_File, str]],
    encoder_name: str,
    workers: int,
    cancelled: Callable[[], bool],
) -> Iterator[_Result]:
    """Yield results, taking each out of `left`; few jobs wait at a time, so a cancel is quick."""
    context = get_context("spawn")  # forking a process that runs threads can lock up
    stop = context.Event()
    executor = ProcessPoolExecutor(workers, context, _start_worker, (encoder_name, stop))
    queue = list(left.items())
    running: dict[Future[_Outcome], int] = {}
    try:
        while (queue or running) and not cancelled():
            while queue and len(running) < 2 * workers:
                number, (file, _) = queue.pop(0)
                running[executor.submit(_work, file.path)] = number
            finished, _ = wait(running, timeout=0.5, return_when=FIRST_COMPLETED)
            for future in finished:
                outcome = future.result()
                file, content = left.pop(running.pop(future))
                yield file, content, outcome
    finally:
        stop.set()  # what is being worked on is given up, and begun anew next time
        executor.shutdown(wait=True, cancel_futures=True)
