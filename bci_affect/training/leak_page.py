"""Page of a leak check, and the tables and arrays that it reads."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bci_affect import __version__
from bci_affect.errors import BciAffectError
from bci_affect.storage import read_arrays, write_atomically

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bci_affect.training.leak_check import LeakReport

COLUMNS = {
    "fold": "folds",
    "label": "labels",
    "subject": "subjects",
    "session": "sessions",
    "trial": "trials",
    "stimulus": "stimuli",
    "time": "times",
    "features": "features",
}
"""Columns of a table, or arrays of an NPZ file, and the arguments of `check_split`."""
_TEST = ("test", "testing", "eval")
_TRAIN = ("train", "training", "validation", "val", "valid", "dev")

Column = NDArray[Any]


def write_leak_page(report: LeakReport, path: Path, title: str) -> Path:
    """Write the page of a report; return its path."""
    from jinja2 import Environment, PackageLoader, select_autoescape

    environment = Environment(
        loader=PackageLoader("bci_affect.training", "."), autoescape=select_autoescape(["j2"])
    )
    template = environment.get_template("leak_page.html.j2")
    write_atomically(path, template.render(report=report, title=title, version=__version__))
    return path


def read_split(path: Path, renamed: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Read the arguments of `check_split` from a CSV or NPZ file.

    Parameters
    ----------
    path : Path
        Table or arrays with the columns ``fold`` (fold in which a row is tested) or ``split``,
        ``split_1``, ``split_2``... (``train``, ``validation`` or ``test``), and any of ``label``,
        ``subject``, ``session``, ``trial``, ``stimulus`` and ``time``. An NPZ file may have
        ``features`` too, and pairs of row numbers ``train_1``, ``test_1``...
    renamed : mapping of str to str, optional
        Names of these columns in the file, where they differ.

    Raises
    ------
    BciAffectError
        If the file cannot be read, a column is missing, or there is no split.
    """
    table = _read(path)
    renamed = renamed or {}
    for ours, theirs in renamed.items():
        if ours not in COLUMNS and not ours.startswith("split"):
            raise BciAffectError(f"'{ours}' is no column; use {', '.join(COLUMNS)} or split.")
        if theirs not in table:
            raise BciAffectError(f"{path} has no column '{theirs}'; it has {', '.join(table)}.")
        table[ours] = table[theirs]
    arguments: dict[str, Any] = {
        argument: table[column] for column, argument in COLUMNS.items() if column in table
    }
    if "times" in arguments:
        arguments["times"] = _numbers(arguments["times"], path)
    splits = [name for name in table if re.fullmatch(r"split(_\w+)?", name)]
    pairs = [name for name in table if re.fullmatch(r"train_\w+", name)]
    if "folds" in arguments:
        return arguments
    if splits:
        arguments["folds"] = [_part(table[name], name, path) for name in splits]
    elif pairs:
        tests = [name.replace("train_", "test_", 1) for name in pairs]
        if missing := [name for name in tests if name not in table]:
            raise BciAffectError(f"{path} has no array '{missing[0]}'.")
        arguments["folds"] = [(table[a], table[b]) for a, b in zip(pairs, tests, strict=True)]
    else:
        raise BciAffectError(
            f"{path} has no split: it needs a column 'fold' or 'split'; it has {', '.join(table)}. "
            "Give other names with --column fold=NAME."
        )
    return arguments


def _read(path: Path) -> dict[str, Column]:
    try:
        if path.suffix.casefold() == ".npz":
            return dict(read_arrays(path))
        with path.open(newline="", encoding="utf-8-sig") as file:
            head = file.readline()
            file.seek(0)
            delimiter = max(",;\t", key=head.count)
            rows = list(csv.DictReader(file, delimiter=delimiter, strict=True))
    except (OSError, ValueError, csv.Error, EOFError) as error:
        raise BciAffectError(f"Cannot read {path}: {error}.") from None
    if not rows:
        raise BciAffectError(f"{path} has no rows.")
    names = [name for name in rows[0] if name]
    return {name: np.array([(row.get(name) or "").strip() for row in rows]) for name in names}


def _numbers(column: Column, path: Path) -> Column:
    try:
        return column.astype(np.float64)
    except ValueError:
        raise BciAffectError(f"The times of {path} must be numbers (seconds).") from None


def _part(column: Column, name: str, path: Path) -> tuple[Column, Column]:
    """Return the row numbers of training and test of a column of parts."""
    words = np.char.lower(column.astype(str))
    unknown = sorted(set(words.tolist()) - {*_TEST, *_TRAIN, ""})
    if unknown:
        raise BciAffectError(
            f"Column '{name}' of {path} has the part '{unknown[0]}'; use train, validation, test."
        )
    return np.flatnonzero(np.isin(words, _TRAIN)), np.flatnonzero(np.isin(words, _TEST))
