"""The shipped tagger as an encoder: audio to rows and tags, with the published weights.

Importing this file imports torch; `bci_affect.music.load_encoder` does so only when it is needed.
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
from bci_affect.music.encoders import Cancelled, Stopped
from bci_affect.music.strip import PATCHES, StripNet
from bci_affect.music.tags import TAGS
from bci_affect.music.vgg import (
    PATCH_FRAMES,
    PATCH_HOP_FRAMES,
    ROW_CENTRES_FRAMES,
    ROW_DIM,
    ROW_PERIOD_S,
    Vgg,
)
from bci_affect.resources import shipped


class TaggerEncoder:
    """The shipped tagger as a `MusicEncoder`: rows of 128 about once a second, and 50 tags.

    Parameters
    ----------
    weights : Path, optional
        A safetensors file of the same layout; the shipped one by default.

    Raises
    ------
    BciAffectError
        If the file cannot be read or does not fit.
    """

    id = "musicnn-msd-vgg"
    rate_hz = frontend.RATE_HZ
    dim = ROW_DIM
    row_period_s = ROW_PERIOD_S
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
                "take the one that is shipped in models/."
            ) from None
        self.hash = sha256(data + frontend.VERSION.encode()).hexdigest()[:16]
        self._net = StripNet(net.eval())

    def embed(self, mono: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Return row centre times in seconds (n,) and rows (n, 128) of mono audio at 16 kHz."""
        times, rows, _ = self.embed_and_tag(mono)
        return times, rows

    def embed_and_tag(
        self, mono: NDArray[np.float32]
    ) -> tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.float32]]:
        """Return row times (n,), rows (n, 128) and tag probabilities of each patch (n // 2, 50).

        Audio shorter than one patch (3 s) is padded with silence, and rows whose middle lies in
        that silence are left out (the first is kept); a tail shorter than 2 s is not looked at,
        as in the original.
        """
        return self.from_log_mel(frontend.log_mel(mono), len(mono) / self.rate_hz)

    def from_log_mel(
        self,
        mel: NDArray[np.float32],
        duration_s: float = np.inf,
        stopped: Stopped = lambda: False,
    ) -> tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.float32]]:
        """Do the same from log-mel frames, shape (n_frames, 96); `Cancelled` once it is stopped."""
        if len(mel) < PATCH_FRAMES:
            mel = np.pad(mel, ((0, PATCH_FRAMES - len(mel)), (0, 0)))
        starts = np.arange(0, len(mel) - PATCH_FRAMES + 1, PATCH_HOP_FRAMES)
        rows = np.empty((len(starts), 2, ROW_DIM), dtype=np.float32)
        tags = np.empty((len(starts), len(TAGS)), dtype=np.float32)
        with torch.inference_mode():
            for first in range(0, len(starts), PATCHES):
                if stopped():
                    raise Cancelled
                chosen = starts[first : first + PATCHES]
                strip = mel[chosen[0] : chosen[-1] + PATCH_FRAMES]
                some_rows, some_tags = self._net(torch.from_numpy(strip))
                rows[first : first + PATCHES] = some_rows.numpy()
                tags[first : first + PATCHES] = some_tags.numpy()
        times = ((starts[:, None] + np.array(ROW_CENTRES_FRAMES)) * frontend.FRAME_S).ravel()
        keep = times <= duration_s
        keep[0] = True
        return times[keep], rows.reshape(-1, ROW_DIM)[keep], tags
