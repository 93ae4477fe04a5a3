"""Embedding of audio stimuli with the music tagger, cached on disk."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bci_affect.datasets.checks import hash_files
from bci_affect.errors import BciAffectError
from bci_affect.resources import user_home
from bci_affect.storage import atomic_file

logger = logging.getLogger(__name__)

Embeddings = tuple[NDArray[np.float64], NDArray[np.float32]]


def find_numbered_audio(folder: Path) -> dict[int, Path]:
    """Return audio files by video number, counted from 0 (``01.wav`` is 0).

    Raises
    ------
    BciAffectError
        If a file name is not a number, or two files have the same number.
    """
    found: dict[int, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or not path.is_file():
            continue
        if not path.stem.isdigit() or int(path.stem) < 1:
            raise BciAffectError(
                f"{path} is not named by its video's number; name the files 01.wav, 02.wav, ..."
            )
        number = int(path.stem) - 1
        if number in found:
            raise BciAffectError(
                f"{path} and {found[number]} are audio of the same video; remove one of them."
            )
        found[number] = path
    return found


def embed_stimulus(path: Path) -> Embeddings:
    """Return the tagger embeddings of an audio file, from the user's cache if present.

    Returns
    -------
    times : ndarray of float64, shape (n_embeddings,)
        Centres in seconds from the start of the file.
    embeddings : ndarray of float32, shape (n_embeddings, n_dim)
    """
    from bci_affect.music import embed_file, load_encoder

    encoder = load_encoder()
    key = hashlib.sha256(f"{hash_files([path])}|{encoder.id}|{encoder.hash}".encode()).hexdigest()
    folder = user_home() / "cache" / "stimuli"
    cached = folder / f"{key[:32]}.npz"
    if cached.is_file():
        try:
            with cached.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
                return file["times"], file["rows"]
        except Exception as error:  # a truncated file can fail in many ways; compute it again
            logger.warning("cached embeddings %s are damaged (%s); recomputed", cached.name, error)
    times, embeddings = embed_file(path)
    with atomic_file(cached) as partial, partial.open("wb") as file:
        np.savez(file, times=times, rows=embeddings)
    return times, embeddings
