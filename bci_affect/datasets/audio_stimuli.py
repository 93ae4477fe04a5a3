"""Stimuli as audio files: run through the music tagger once, and kept."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bci_affect.datasets.checks import hash_files
from bci_affect.errors import BciAffectError
from bci_affect.resources import user_home

log = logging.getLogger(__name__)

Rows = tuple[NDArray[np.float64], NDArray[np.float32]]


def numbered_audio(folder: Path) -> dict[int, Path]:
    """Return audio files by the video's number, counted from 0 (``01.wav`` is 0).

    Raises
    ------
    BciAffectError
        If a file's name is no number, or two files have the same.
    """
    found: dict[int, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or not path.is_file():
            continue
        if not path.stem.isdigit() or int(path.stem) < 1:
            raise BciAffectError(
                f"{path} does not say which video it is of; name the files 01.wav, 02.wav, ..."
            )
        number = int(path.stem) - 1
        if number in found:
            raise BciAffectError(f"{path} and {found[number]} are of the same video.")
        found[number] = path
    return found


def tagged(path: Path) -> Rows:
    """Return the tagger's rows of a file, from the user's cache where they were made before.

    Returns
    -------
    times : ndarray of float64, shape (n_rows,)
        Centres in seconds from the file's start.
    rows : ndarray of float32, shape (n_rows, n_dim)
    """
    from bci_affect.music import embed_file, load_encoder

    encoder = load_encoder()
    key = hashlib.sha256(f"{hash_files([path])}|{encoder.id}|{encoder.hash}".encode()).hexdigest()
    folder = user_home() / "cache" / "stimuli"
    kept = folder / f"{key[:32]}.npz"
    if kept.is_file():
        try:
            with kept.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
                return file["times"], file["rows"]
        except Exception as error:  # a cache may be cut off anywhere; it is only a cache
            log.warning("cached rows %s are damaged (%s); made again", kept.name, error)
    times, rows = embed_file(path)
    folder.mkdir(parents=True, exist_ok=True)
    partial = kept.with_suffix(".partial.npz")
    np.savez(partial, times=times, rows=rows)
    partial.replace(kept)
    return times, rows
