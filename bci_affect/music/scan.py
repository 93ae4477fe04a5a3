"""Scan of folders for music: parallel, incremental, resumable and cancellable.

Each track is committed when its analysis is finished, so an interrupted scan (by a cancel, a crash
or a full disk) keeps its results and the next scan continues from there.
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
from bci_affect.music.encoders import CancelCheck, Cancelled, MusicEncoder, load_encoder
from bci_affect.music.records import encoder_key

if TYPE_CHECKING:
    from bci_affect.music.library import Library

_PER_WORKER = 8
"""Files per process; fewer do not justify its start (importing torch takes seconds)."""


@dataclass(frozen=True, slots=True)
class ScanProgress:
    """Progress of a scan: files done, files to analyse, and the file just finished."""

    done: int
    total: int
    path: str


@dataclass(frozen=True, slots=True)
class ScanReport:
    """Result of a scan.

    Attributes
    ----------
    found : int
        Number of audio files.
    added, moved, unchanged : int
        Number of new tracks, of files with known content at a new path (moved files or copies),
        and of unchanged files.
    failed : tuple of (str, str)
        Files that could not be added in this scan, with the reason.
    cancelled : bool
        True if the scan was cancelled.
    """

    found: int
    added: int
    moved: int
    unchanged: int
    failed: tuple[tuple[str, str], ...]
    cancelled: bool = False


@dataclass(slots=True)
class _Counts:
    added: int = 0
    moved: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _File:
    path: str
    size: int
    mtime_ns: int


def find_audio_files(places: Sequence[Path]) -> Iterator[_File]:
    """Yield the audio files in folders; hidden files are skipped, cyclic links followed once."""
    visited: set[tuple[int, int]] = set()
    stack = list(reversed(places))
    while stack:
        path = stack.pop()
        try:
            info = path.stat()
            if path.is_dir():
                if (info.st_dev, info.st_ino) in visited:
                    continue
                visited.add((info.st_dev, info.st_ino))
                children = sorted(path.iterdir(), reverse=True)
                stack += [child for child in children if not child.name.startswith(".")]
            elif path.suffix.lower() in SUFFIXES and path.is_file():
                absolute = os.path.abspath(path)
                yield _File(absolute, info.st_size, info.st_mtime_ns)
        except OSError:  # broken link, or folder without read permission
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
    isolated: bool = False,
    encoder_name: str = "tagger",
) -> ScanReport:
    """Add all music in folders (or single files) to a library.

    Parameters
    ----------
    library : Library
        Library to add to.
    places : sequence of Path
        Folders, searched recursively, and files.
    progress : callable, optional
        Called after the analysis of every file.
    cancel : callable, optional
        Called often; once it returns True the scan ends and keeps its results.
    workers : int, optional
        Number of processes; by default one per eight files, at most one per processor. With 1, this
        process is used.
    isolated : bool
        Never use this process: the half gigabyte of memory for the tagger is released at the end,
        and a live session in this process does not share its interpreter with the analysis.
    encoder_name : str
        Name of the encoder, see `load_encoder`.

    Raises
    ------
    BciAffectError
        If a path does not exist, or no audio file is found.
    """
    for place in places:
        if not place.exists():
            raise BciAffectError(f"There is no file or folder '{place}'.")
    library.delete_damaged()
    library.refresh()
    files = list(find_audio_files(places))
    if not files:
        named = ", ".join(f"'{place}'" for place in places)
        raise BciAffectError(f"No music in {named}; supported extensions: {', '.join(SUFFIXES)}.")
    encoder = load_encoder(encoder_name)
    key = encoder_key(encoder)
    counts, cancelled = _Counts(), cancel or (lambda: False)
    files, invalid_names = _split_by_valid_name(files)
    counts.failed += [(name, "its name is not valid text; rename it") for name in invalid_names]
    changed = _changed(library, files, key)
    todo, copies = _unknown_content(library, changed, key, counts, cancelled)
    if workers is None:
        workers = max(1, min(os.cpu_count() or 1, len(todo) // _PER_WORKER))
    results = (
        _analyse_in_processes(todo, encoder_name, workers, cancelled)
        if todo and (workers > 1 or isolated)
        else _analyse_serially(todo, encoder, cancelled)
    )
    for done, (file, content, outcome) in enumerate(results, start=1):
        if isinstance(outcome, Analysis):
            library.store_track(file.path, file.size, file.mtime_ns, content, key, outcome)
            counts.added += 1
        else:
            _record_failure(library, counts, file, outcome)
        if progress:
            progress(ScanProgress(done, len(todo), file.path))
    known = library.known_content(key)
    for file, content in copies:
        if content in known:
            library.store_file(file.path, file.size, file.mtime_ns, content)
            counts.moved += 1
    return ScanReport(
        found=len(files) + len(invalid_names),
        added=counts.added,
        moved=counts.moved,
        unchanged=len(files) - len(changed),
        failed=tuple(counts.failed),
        cancelled=cancelled(),
    )


def _split_by_valid_name(files: list[_File]) -> tuple[list[_File], list[str]]:
    """Return the files with names valid in Unicode, and the escaped names of the others."""
    good, bad = [], []
    for file in files:
        readable = file.path.encode("utf-8", "backslashreplace").decode("utf-8")
        if readable == file.path:
            good.append(file)
        else:
            bad.append(readable)
    return good, bad


def _changed(library: Library, files: list[_File], key: str) -> list[_File]:
    """Return files that are new, changed, or embedded by another encoder only."""
    known = library.known_files()
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
    counts: _Counts,
    cancelled: Callable[[], bool],
) -> tuple[list[tuple[_File, str]], list[tuple[_File, str]]]:
    """Store the paths of files with known content; return the other files, and copies of them."""
    known = library.known_content(key)
    todo: dict[str, tuple[_File, str]] = {}
    copies: list[tuple[_File, str]] = []
    for file in files:
        if cancelled():
            break
        try:
            content = content_hash(file.path)
        except OSError as error:
            _record_failure(library, counts, file, f"cannot be read ({error.strerror or error})")
            continue
        if content in known:
            library.store_file(file.path, file.size, file.mtime_ns, content)
            counts.moved += 1
        elif content in todo:
            copies.append((file, content))
        else:
            todo[content] = (file, content)
    return list(todo.values()), copies


def _record_failure(library: Library, counts: _Counts, file: _File, reason: str) -> None:
    library.store_failure(file.path, file.size, file.mtime_ns, reason)
    counts.failed.append((file.path, reason))


_Outcome = Analysis | str
_Result = tuple[_File, str, _Outcome]


def _try_analyse(path: str, encoder: MusicEncoder, cancelled: CancelCheck) -> _Outcome:
    try:
        return analyse(Path(path), encoder, cancelled)
    except DecodeError as error:
        return str(error)
    except OSError as error:
        return f"cannot be read ({error.strerror or error})"
    except MemoryError:
        return "too long for this machine's memory"


def _analyse_serially(
    todo: list[tuple[_File, str]], encoder: MusicEncoder, cancelled: Callable[[], bool]
) -> Iterator[_Result]:
    with contextlib.suppress(Cancelled):
        for file, content in todo:
            if cancelled():
                return
            yield file, content, _try_analyse(file.path, encoder, cancelled)


_worker: tuple[MusicEncoder, CancelCheck] | None = None


def _exit_with_parent() -> None:
    """Exit when the parent process has ended for any reason."""
    if parent := parent_process():
        wait_for([parent.sentinel])
        os._exit(1)


def _start_worker(encoder_name: str, stop: Event) -> None:
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is handled by the parent process
    # The thread only waits for a pipe, so it can be a daemon.
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    if hasattr(os, "nice"):
        os.nice(5)
    _worker = load_encoder(encoder_name), stop.is_set


def _work(path: str) -> _Outcome:
    if _worker is None:
        raise RuntimeError("the worker was not started")
    try:
        return _try_analyse(path, *_worker)
    except Cancelled:
        return "cancelled"  # not read


def _analyse_in_processes(
    todo: list[tuple[_File, str]], encoder_name: str, workers: int, cancelled: Callable[[], bool]
) -> Iterator[_Result]:
    """Analyse in a pool; if a file crashes its process, analyse the remaining ones one by one."""
    remaining = dict(enumerate(todo))
    try:
        yield from _pool(remaining, encoder_name, workers, cancelled)
    except BrokenProcessPool:
        for number, (file, content) in list(remaining.items()):
            if cancelled():
                return
            try:
                yield from _pool({number: remaining.pop(number)}, encoder_name, 1, cancelled)
            except BrokenProcessPool:
                yield file, content, "the decoder crashed on it"


def _pool(
    remaining: dict[int, tuple[_File, str]],
    encoder_name: str,
    workers: int,
    cancelled: Callable[[], bool],
) -> Iterator[_Result]:
    """Yield results and remove them from `remaining`; few jobs are queued, for a fast cancel."""
    context = get_context("spawn")  # forking a process with threads can deadlock
    stop = context.Event()
    executor = ProcessPoolExecutor(workers, context, _start_worker, (encoder_name, stop))
    queue = list(remaining.items())
    running: dict[Future[_Outcome], int] = {}
    try:
        while (queue or running) and not cancelled():
            while queue and len(running) < 2 * workers:
                number, (file, _) = queue.pop(0)
                running[executor.submit(_work, file.path)] = number
            finished, _ = wait(running, timeout=0.5, return_when=FIRST_COMPLETED)
            for future in finished:
                outcome = future.result()
                file, content = remaining.pop(running.pop(future))
                yield file, content, outcome
    finally:
        stop.set()  # running analyses are cancelled and repeated by the next scan
        executor.shutdown(wait=True, cancel_futures=True)
