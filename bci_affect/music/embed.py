"""Embeddings of audio files outside the library, for other programs and for training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bci_affect.errors import BciAffectError
from bci_affect.music.analysis import decode_for_encoder, single_threaded_torch
from bci_affect.music.audio import (
    MAX_ANALYSED_S,
    DecodeError,
    analysis_audio,
    decode,
    open_audio,
)
from bci_affect.music.encoders import load_encoder
from bci_affect.music.loudness import normalise_loudness
from bci_affect.storage import atomic_file

AT_ONCE = 64_000_000
"""Most values of a file, all channels together, that are decoded in one piece (256 MB)."""


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
    chosen = load_encoder(encoder)
    try:
        mono = _mono(path, chosen.rate_hz, as_is=as_is)
    except DecodeError as error:
        raise BciAffectError(f"Cannot read {path}: {error}.") from None
    with single_threaded_torch():
        return chosen.embed(mono)


def _mono(path: Path, rate_hz: int, *, as_is: bool) -> NDArray[np.float32]:
    """Return the encoder's input: of a long file block by block, else in one piece."""
    reader = open_audio(path)
    reader.close()
    if reader.duration_s * reader.rate_hz * reader.n_channels <= AT_ONCE:
        frames, found_hz = decode(path, MAX_ANALYSED_S)
        return analysis_audio(frames, found_hz, rate_hz, as_is=as_is)
    mono = decode_for_encoder(path, rate_hz)
    return mono if as_is else normalise_loudness(mono, rate_hz)


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
