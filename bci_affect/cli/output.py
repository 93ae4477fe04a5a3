"""How commands put things out: JSON that any reader takes, files that are whole or absent."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bci_affect.errors import BciAffectError

TYPER: dict[str, Any] = {
    "pretty_exceptions_enable": False,
    "rich_markup_mode": None,  # importing rich takes longer than all else that --help does
    "context_settings": {"help_option_names": ["-h", "--help"]},
}
"""Settings of every group of commands."""


def print_json(document: Any) -> None:
    """Print one JSON document on stdout; not-a-number becomes null, as JSON knows none."""
    json.dump(_plain(document), sys.stdout, indent=2, ensure_ascii=False, allow_nan=False)
    sys.stdout.write("\n")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):  # NumPy arrays and scalars
        return _plain(value.tolist())
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside `path` that becomes `path` if all goes well, else nothing.

    Raises
    ------
    BciAffectError
        If `path` exists already or its folder cannot be written.
    """
    if path.exists():
        raise BciAffectError(f"{path} exists already and is not overwritten; choose another name.")
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        if path.exists():
            raise BciAffectError(f"{path} appeared meanwhile and is not overwritten.")
        partial.rename(path)
    except OSError as error:
        raise BciAffectError(f"Cannot write {path}: {error.strerror or error}.") from None
    finally:
        partial.unlink(missing_ok=True)
