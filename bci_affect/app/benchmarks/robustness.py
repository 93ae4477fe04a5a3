"""Stability of embeddings: cosine between a piece's rows before and after a change.

Each figure is the mean over rows and pieces, with the analysis loudness applied (as the library
does) and, for ``level``, without. ``other_track`` is the value for unrelated music. ``formats``
shows for each file format whether it can be read here, its declared and its decoded duration.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_RATE_HZ = 44_100


def run(quick: bool) -> dict[str, Any]:
    """Measure; `quick` takes two pieces instead of six."""
    from dataclasses import replace

    from bci_affect.music import single_threaded_torch
    from bci_affect.simulation import PIECES, render

    pieces = [replace(piece, seconds=16.0) for piece in PIECES[: 2 if quick else 6]]
    audio = [render(piece) for piece in pieces]
    with tempfile.TemporaryDirectory(prefix="bci-affect-bench-") as name, single_threaded_torch():
        folder = Path(name)
        base = [_rows(part, _RATE_HZ) for part in audio]
        kept = [_rows(part, _RATE_HZ, as_is=True) for part in audio]

        def steady(changed: list[NDArray[np.float32]], before: list[NDArray[np.float32]]) -> float:
            return _mean([_cosine(a, b) for a, b in zip(before, changed, strict=True)])

        def softer(gain_db: int, as_is: bool) -> list[NDArray[np.float32]]:
            return [_rows(_louder(a, gain_db), _RATE_HZ, as_is=as_is) for a in audio]

        return {
            "pieces": len(audio),
            "level_kept": {f"{g:+d} dB": steady(softer(g, True), kept) for g in (-6, -12)},
            "level_normalised": {f"{g:+d} dB": steady(softer(g, False), base) for g in (-6, -12)},
            "rate": {
                f"{rate} Hz": steady([_rows(_at_rate(a, rate), rate) for a in audio], base)
                for rate in (22_050, 48_000)
            },
            "codec": {
                kind: steady([_through(folder, piece, kind) for piece in pieces], base)
                for kind in ("mp3", "ogg", "opus", "flac")
            },
            "shift": {"0.5 s": steady([_rows(a[_RATE_HZ // 2 :], _RATE_HZ) for a in audio], base)},
            "other_track": steady(base[1:] + base[:1], base),
            "formats": _formats(folder),
        }


def _rows(audio: NDArray[np.float32], rate_hz: int, *, as_is: bool = False) -> NDArray[np.float32]:
    from bci_affect.music import analysis_audio

    encoder = _encoder()
    rows: NDArray[np.float32] = encoder.embed(
        analysis_audio(audio, rate_hz, encoder.rate_hz, as_is=as_is)
    )[1]
    return rows


_loaded: list[Any] = []


def _encoder() -> Any:
    from bci_affect.music import load_encoder

    if not _loaded:
        _loaded.append(load_encoder())
    return _loaded[0]


def _cosine(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    n = min(len(a), len(b))
    a, b = a[:n], b[:n]
    top = (a * b).sum(axis=1)
    return float(np.mean(top / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)))


def _mean(values: list[float]) -> float:
    return round(float(np.mean(values)), 3)


def _louder(audio: NDArray[np.float32], gain_db: int) -> NDArray[np.float32]:
    return audio * np.float32(10 ** (gain_db / 20))


def _at_rate(audio: NDArray[np.float32], rate_hz: int) -> NDArray[np.float32]:
    import soxr

    out: NDArray[np.float32] = soxr.resample(audio, _RATE_HZ, rate_hz)
    return out


def _through(folder: Path, piece: Any, kind: str) -> NDArray[np.float32]:
    from bci_affect.music import decode
    from bci_affect.simulation import write

    (path,) = write(folder, [piece], file_format=kind)
    return _rows(*decode(path))


def _formats(folder: Path) -> dict[str, Any]:
    from bci_affect.music import AV_SUFFIXES, DecodeError, decode, open_audio
    from bci_affect.simulation import FORMATS, Piece, write

    piece = Piece("format", "F", "F", 0.0, 0.0, 1, seconds=5.0)
    table: dict[str, Any] = {}
    for kind in FORMATS:
        (path,) = write(folder / "formats", [piece], file_format=kind)
        reader = open_audio(path)
        claimed = reader.duration_s
        reader.close()
        frames, rate = decode(path)
        table[kind] = {
            "claimed_s": round(claimed, 3),
            "decoded_s": round(len(frames) / rate, 3),
            "bytes": path.stat().st_size,
        }
    for suffix in AV_SUFFIXES:
        try:
            decode(folder / f"none{suffix}")
        except DecodeError as error:
            table[suffix[1:]] = "extra missing" if "extra" in str(error) else "through PyAV"
    return table
