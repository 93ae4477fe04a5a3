"""Music encoders: the shipped tagger, log-mel statistics, and local ONNX models.

Embeddings of different encoders or weights are never compared: the library stores them by
`MusicEncoder.id` and `MusicEncoder.hash`.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Protocol, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from bci_affect.errors import BciAffectError
from bci_affect.music import frontend
from bci_affect.plugins import find_plugins

CancelCheck = Callable[[], bool]
"""Function that returns True to cancel the work on a file; called several times per second."""


class Cancelled(Exception):
    """Raised when the work on a file is cancelled."""


@runtime_checkable
class MusicEncoder(Protocol):
    """Interface of an encoder from mono audio to embeddings over time.

    Attributes
    ----------
    id : str
        Name of the encoder.
    rate_hz : int
        Sampling rate of its input.
    dim : int
        Dimensions of an embedding.
    embedding_period_s : float
        Mean time between embeddings.
    licence : str
        Licence of the weights.
    hash : str
        Hash of weights and front end.
    """

    id: str
    rate_hz: int
    dim: int
    embedding_period_s: float
    licence: str
    hash: str

    def embed(self, mono: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Return centre times (n,) in seconds and embeddings (n, dim)."""


class LogMelEncoder:
    """Mean and standard deviation of log-mel bands per second, without weights or torch.

    It is fast, and sufficient to find the same recording or similar sounds, but it contains no
    information on emotion.
    """

    id = "logmel-stats"
    rate_hz = frontend.RATE_HZ
    dim = 96
    embedding_period_s = 1.008  # 63 frames of 16 ms
    licence = "none needed"
    hash = sha256(b"logmel-stats-1" + frontend.VERSION.encode()).hexdigest()[:16]

    def embed(self, mono: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Return times (n,) and embeddings (n, 96): mean and SD of 48 bands over each second."""
        mel = frontend.log_mel(mono)
        bands = mel.reshape(len(mel), 48, 2).mean(axis=2)  # (n_frames, 48)
        step = 63
        if len(bands) < step:
            bands = np.pad(bands, ((0, step - len(bands)), (0, 0)), mode="edge")
        blocks = bands[: len(bands) // step * step].reshape(-1, step, 48)
        embeddings = np.concatenate([blocks.mean(axis=1), blocks.std(axis=1)], axis=1)
        times = (np.arange(len(embeddings)) * step + (step - 1) / 2) * frontend.FRAME_S
        return times.astype(np.float64), embeddings.astype(np.float32)


class OnnxEncoder:
    """User's ONNX model: input (1, n_samples) mono float32, output (1, n, dim).

    Embeddings are assumed to be evenly spaced over the audio. The metadata of the file may contain
    ``rate_hz`` and ``licence``.

    Raises
    ------
    BciAffectError
        If the ``onnx`` extra is not installed, or the file is not such a model.
    """

    def __init__(self, path: Path) -> None:
        try:
            import onnxruntime
        except ImportError:
            raise BciAffectError(
                "ONNX models need an extra: pip install 'bci_affect[onnx]'."
            ) from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 4
        try:
            data = path.read_bytes()
            self._session = onnxruntime.InferenceSession(
                data, options, providers=["CPUExecutionProvider"]
            )
            meta = dict(self._session.get_modelmeta().custom_metadata_map)
            self.rate_hz = int(meta.get("rate_hz", frontend.RATE_HZ))
            self._input = self._session.get_inputs()[0].name
            probe = self._embeddings(np.zeros(10 * self.rate_hz, dtype=np.float32))
        except OSError as error:
            raise BciAffectError(f"Cannot read {path}: {error.strerror or error}.") from None
        except Exception as error:
            raise BciAffectError(
                f"{path} is not an ONNX model from (1, n_samples) mono audio to (1, n, dim) "
                f"embeddings: {str(error).splitlines()[0]}"
            ) from None
        self.id = f"onnx-{path.stem}"
        self.licence = meta.get("licence", "unknown")
        self.hash = sha256(data).hexdigest()[:16]
        self.dim = int(probe.shape[1])
        self.embedding_period_s = 10.0 / len(probe)

    def _embeddings(self, mono: NDArray[np.float32]) -> NDArray[np.float32]:
        (out,) = self._session.run(None, {self._input: mono[None]})[:1]
        embeddings = np.asarray(out, dtype=np.float32)
        if embeddings.ndim != 3 or embeddings.shape[0] != 1 or embeddings.shape[1] == 0:
            raise ValueError(f"its output has the shape {embeddings.shape}")
        return cast(NDArray[np.float32], embeddings[0])

    def embed(self, mono: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Return times (n,) and embeddings (n, dim)."""
        embeddings = self._embeddings(np.asarray(mono, dtype=np.float32))
        duration = len(mono) / self.rate_hz
        return (np.arange(len(embeddings)) + 0.5) * duration / len(embeddings), embeddings


def load_encoder(name: str = "tagger") -> MusicEncoder:
    """Return an encoder: ``"tagger"``, ``"logmel"``, a plug-in's, or the path of an ONNX file.

    Raises
    ------
    BciAffectError
        If there is no such encoder, or its file is not valid.
    """
    if name == "tagger":
        from bci_affect.music.tagger import TaggerEncoder

        return TaggerEncoder()
    if name == "logmel":
        return LogMelEncoder()
    if name.endswith(".onnx"):
        return OnnxEncoder(Path(name))
    found = find_plugins("music_encoders")
    if name in found:
        encoder: MusicEncoder = found[name].call()
        return encoder
    names = ", ".join(("tagger", "logmel", *found))
    raise BciAffectError(f"No encoder '{name}': use one of {names}, or a file ending in .onnx.")
