"""Embeddings of audio files outside the library, for other programs and for training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bci_affect.errors import BciAffectError
from bci_affect.music.analysis import single_threaded_torch
from bci_affect.music.audio import MAX_ANALYSED_S, DecodeError, analysis_audio, decode
from bci_affect.music.encoders import load_encoder
from bci_affect.storage import atomic_file


def embed_file(
    path: Path, encoder: str = "tagger", *, as_is: bool = False
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Return centre times (n,) in seconds and embeddings (n, dim) of an audio file.

    Parameters
    ----------
    path : Path
        Audio file.
    encoder : str
        Name of the encoder, see `load_encoder`.
    as_is : bool
        Keep the level instead of normalising to -14 LUFS.

    Raises
    ------
    BciAffectError
        If the file cannot be decoded.
    """
    try:
        frames, rate_hz = decode(path, MAX_ANALYSED_S)
    except DecodeError as error:
        raise BciAffectError(f"Cannot read {path}: {error}.") from None
    chosen = load_encoder(encoder)
    with single_threaded_torch():
        return chosen.embed(analysis_audio(frames, rate_hz, chosen.rate_hz, as_is=as_is))


def save_embeddings(
    path: Path, times: NDArray[np.float64], embeddings: NDArray[np.float32]
) -> None:
    """Write embeddings as ``.npy``, or times and embeddings as ``.npz``.

    Raises
    ------
    BciAffectError
        If the file extension is neither, or the file cannot be written.
    """
    if path.suffix not in (".npy", ".npz"):
        raise BciAffectError(f"'{path}' must end in .npy or .npz.")
    with atomic_file(path, parents=False) as partial, partial.open("wb") as file:
        if path.suffix == ".npy":
            np.save(file, embeddings)
        else:
            np.savez(file, times=times, rows=embeddings)
