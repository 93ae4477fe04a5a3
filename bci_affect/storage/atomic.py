"""Atomic writing of files: the complete new content appears under the name, or nothing does."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bci_affect.errors import BciAffectError

_LONGEST = 200
"""Bytes of a name that its temporary name repeats; file systems allow about 255 in total."""


PRIVATE = 0o600
"""Permissions of a new file: its owner may read and write it (Windows ignores this)."""


@contextmanager
def atomic_file(path: Path, *, overwrite: bool = True, parents: bool = True) -> Iterator[Path]:
    """Yield a temporary path in the same folder, moved to `path` when the block succeeds.

    The block writes the temporary file, which is synchronised to the disk before it is moved. When
    the block fails, the temporary file is deleted and an older file at `path` keeps its content.
    Only its owner may read a new file; a replaced one keeps its permissions.
    The temporary name ends in ``.partial``: libraries that choose a format by the ending must be
    given the format.

    Parameters
    ----------
    path : Path
    overwrite : bool
        Replace an existing file; False refuses it, also one that appears while the block runs.
    parents : bool
        Make the folder where it is missing.

    Raises
    ------
    BciAffectError
        If the file exists and may not be replaced, or cannot be written.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "notes.txt")
    ...     with atomic_file(path) as partial:
    ...         _ = partial.write_text("complete")
    ...     print(path.read_text(), len(list(path.parent.iterdir())))
    complete 1
    """
    if not overwrite and path.exists():
        raise _exists(path)
    shown = path.name.encode("utf-8", "surrogateescape")[:_LONGEST].decode("utf-8", "ignore")
    partial = path.with_name(f".{shown}.{os.getpid()}.partial")
    try:
        if parents and not path.parent.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
        partial.unlink(missing_ok=True)  # of a killed process that had the same number
        yield partial
        partial.chmod(path.stat().st_mode & 0o777 if path.exists() else PRIVATE)
        with partial.open("rb+") as written:
            os.fsync(written.fileno())
        if overwrite:
            os.replace(partial, path)
        else:
            _move_to_new(partial, path)
    except OSError as error:
        raise BciAffectError(f"Cannot write {path}: {error.strerror or error}.") from None
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def private(path: str, flags: int) -> int:
    """Open a file that only its owner may read if it is new, as an ``opener`` of `open`."""
    return os.open(path, flags, PRIVATE)


def write_atomically(
    path: Path, content: bytes | str, *, overwrite: bool = True, parents: bool = True
) -> None:
    r"""Write a file with `atomic_file`; text is stored as UTF-8 with ``\n`` at line ends.

    Half of a surrogate pair, which UTF-8 cannot hold, becomes ``?``.

    Raises
    ------
    BciAffectError
        As `atomic_file`.
    """
    data = content.encode("utf-8", "replace") if isinstance(content, str) else content
    with (
        atomic_file(path, overwrite=overwrite, parents=parents) as partial,
        open(partial, "wb", opener=private) as file,
    ):
        file.write(data)


def _move_to_new(partial: Path, path: Path) -> None:
    try:
        os.link(partial, path)  # refuses an existing file in the same step
    except OSError:  # it exists, or the file system has no hard links
        if path.exists():
            raise _exists(path) from None
        os.replace(partial, path)


def _exists(path: Path) -> BciAffectError:
    return BciAffectError(f"{path} exists already and is not overwritten; choose another name.")
