"""Music tagger as an encoder: embeddings and tag probabilities of audio, with published weights.

Importing this file imports torch; `bci_affect.music.load_encoder` imports it on demand.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from bci_affect.errors import BciAffectError
from bci_affect.music import frontend
from bci_affect.music.encoders import CancelCheck, Cancelled
from bci_affect.music.fast_vgg import PATCHES, FastVgg
from bci_affect.music.tags import TAGS
from bci_affect.music.vgg import (
    EMBEDDING_CENTRES_FRAMES,
    EMBEDDING_DIM,
    EMBEDDING_PERIOD_S,
    PATCH_FRAMES,
    PATCH_HOP_FRAMES,
    Vgg,
)
from bci_affect.resources import shipped


class TaggerEncoder:
    """Shipped tagger as a `MusicEncoder`: 128-d embeddings about once per second, and 50 tags.

    Parameters
    ----------
    weights : Path, optional
        Safetensors file of the same layout; by default the shipped one.

    Raises
    ------
    BciAffectError
        If the file cannot be read or has another layout.
    """

    id = "musicnn-msd-vgg"
    rate_hz = frontend.RATE_HZ
    dim = EMBEDDING_DIM
    embedding_period_s = EMBEDDING_PERIOD_S
    licence = "ISC"
    tags = TAGS

    def __init__(self, weights: Path | None = None) -> None:
        path = weights or shipped("models/MSD_vgg.safetensors")
        try:
            data = path.read_bytes()
            state = load_file(path)
            net = Vgg()
            net.load_state_dict(state)
        except Exception as error:
            raise BciAffectError(
                f"{path} is not a file of the MSD_vgg tagger ({type(error).__name__}); "
                "use the one shipped in models/."
            ) from None
        self.hash = sha256(data + frontend.VERSION.encode()).hexdigest()[:16]
        self._net = FastVgg(net.eval())

    def embed(self, mono: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Return centre times (n,) in seconds and embeddings (n, 128) of mono audio at 16 kHz."""
        times, embeddings, _ = self.embed_and_tag(mono)
        return times, embeddings

    def embed_and_tag(
        self, mono: NDArray[np.float32]
    ) -> tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.float32]]:
        """Return times (n,), embeddings (n, 128) and tag probabilities of each patch (n // 2, 50).

        Audio shorter than one patch (3 s) is padded with silence, and embeddings centred in that
        silence are left out (except the first). The last part, if shorter than 2 s, is ignored, as
        in the original.
        """
        return self.from_log_mel(frontend.log_mel(mono), len(mono) / self.rate_hz)

    def from_log_mel(
        self,
        mel: NDArray[np.float32],
        duration_s: float = np.inf,
        cancelled: CancelCheck = lambda: False,
    ) -> tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.float32]]:
        """Return the output of `embed_and_tag` from log-mel frames, shape (n_frames, 96).

        Raises
        ------
        Cancelled
            Once `cancelled` returns True.
        """
        if len(mel) < PATCH_FRAMES:
            mel = np.pad(mel, ((0, PATCH_FRAMES - len(mel)), (0, 0)))
        starts = np.arange(0, len(mel) - PATCH_FRAMES + 1, PATCH_HOP_FRAMES)
        embeddings = np.empty((len(starts), 2, EMBEDDING_DIM), dtype=np.float32)
        tags = np.empty((len(starts), len(TAGS)), dtype=np.float32)
        with torch.inference_mode():
            for first in range(0, len(starts), PATCHES):
                if cancelled():
                    raise Cancelled
                chosen = starts[first : first + PATCHES]
                strip = mel[chosen[0] : chosen[-1] + PATCH_FRAMES]
                strip_embeddings, strip_tags = self._net(torch.from_numpy(strip))
                embeddings[first : first + PATCHES] = strip_embeddings.numpy()
                tags[first : first + PATCHES] = strip_tags.numpy()
        times = ((starts[:, None] + np.array(EMBEDDING_CENTRES_FRAMES)) * frontend.FRAME_S).ravel()
        keep = times <= duration_s
        keep[0] = True
        return times[keep], embeddings.reshape(-1, EMBEDDING_DIM)[keep], tags
