"""MusiCNN's ``MSD_vgg`` tagger as a torch module with its published weights.

Importing this file imports torch; `bci_affect.music.load_encoder` does so only when it is needed.

References
----------
Pons & Serra (2019), "musicnn: pre-trained convolutional neural networks for music audio tagging",
ISMIR late-breaking demo. Weights under the ISC licence (``models/MSD_vgg.LICENSE.txt``).
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn

from bci_affect.errors import BciAffectError
from bci_affect.music import frontend
from bci_affect.resources import shipped

TAGS: tuple[str, ...] = tuple(
    [
        "rock",
        "pop",
        "alternative",
        "indie",
        "electronic",
        "female vocalists",
        "dance",
        "00s",
        "alternative rock",
        "jazz",
        "beautiful",
        "metal",
        "chillout",
        "male vocalists",
        "classic rock",
        "soul",
        "indie rock",
        "Mellow",
        "electronica",
        "80s",
        "folk",
        "90s",
        "chill",
        "instrumental",
        "punk",
        "oldies",
        "blues",
        "hard rock",
        "ambient",
        "acoustic",
        "experimental",
        "female vocalist",
        "guitar",
        "Hip-Hop",
        "70s",
        "party",
        "country",
        "easy listening",
        "sexy",
        "catchy",
        "funk",
        "electro",
        "heavy metal",
        "Progressive rock",
        "60s",
        "rnb",
        "indie pop",
        "sad",
        "House",
        "happy",
    ]
)
"""The 50 Last.fm tags in the order of the network's output."""

PATCH_FRAMES = 187
PATCH_HOP_FRAMES = 124
ROW_CENTRES_FRAMES = (32.5, 96.5)
"""Middle of what each of a patch's two rows sees, in frames from the patch's first."""
ROW_PERIOD_S = 0.5 * PATCH_HOP_FRAMES * frontend.FRAME_S  # 0.992 s on average
ROW_DIM = 128

_POOLS = (((4, 1), (2, 2)), ((2, 2), (2, 2)), ((2, 2), (2, 2)), ((2, 2), (2, 2)), ((4, 4), (4, 4)))
_BATCH = 2  # larger batches fall out of the cache and are slower on a CPU


class Vgg(nn.Module):
    """Five blocks of convolution, ReLU, batch norm and max pooling; then one linear layer.

    Input is a batch of patches, shape (n, 1, 187, 96); the result is ``pool5`` rows, shape
    (n, 2, 128), and tag probabilities, shape (n, 50).
    """

    def __init__(self) -> None:
        super().__init__()
        self.norm_in = nn.BatchNorm2d(1, eps=1e-3)
        widths = (1, 128, 128, 128, 128)
        self.convs = nn.ModuleList(nn.Conv2d(w, 128, 3, padding=1) for w in widths)
        self.norms = nn.ModuleList(nn.BatchNorm2d(128, eps=1e-3) for _ in widths)
        self.pools = nn.ModuleList(nn.MaxPool2d(size, stride) for size, stride in _POOLS)
        self.head = nn.Linear(2 * ROW_DIM, len(TAGS))

    def forward(self, patches: Tensor) -> tuple[Tensor, Tensor]:
        """Return rows (n, 2, 128) and tag probabilities (n, 50)."""
        x = self.norm_in(patches)
        for conv, norm, pool in zip(self.convs, self.norms, self.pools, strict=True):
            x = pool(norm(torch.relu_(conv(x))))
        rows = x.squeeze(3).transpose(1, 2)  # (n, 128, 2, 1) -> (n, 2, 128)
        return rows, torch.sigmoid(self.head(rows.flatten(1)))


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
        self._net = net.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]

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
        self, mel: NDArray[np.float32], duration_s: float = np.inf
    ) -> tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.float32]]:
        """Do the same from log-mel frames, shape (n_frames, 96)."""
        if len(mel) < PATCH_FRAMES:
            mel = np.pad(mel, ((0, PATCH_FRAMES - len(mel)), (0, 0)))
        starts = np.arange(0, len(mel) - PATCH_FRAMES + 1, PATCH_HOP_FRAMES)
        rows = np.empty((len(starts), 2, ROW_DIM), dtype=np.float32)
        tags = np.empty((len(starts), len(TAGS)), dtype=np.float32)
        with torch.inference_mode():
            for first in range(0, len(starts), _BATCH):
                chosen = starts[first : first + _BATCH]
                batch = np.stack([mel[start : start + PATCH_FRAMES] for start in chosen])
                tensor = torch.from_numpy(batch)[:, None].to(memory_format=torch.channels_last)
                some_rows, some_tags = self._net(tensor)
                rows[first : first + _BATCH] = some_rows.numpy()
                tags[first : first + _BATCH] = some_tags.numpy()
        times = ((starts[:, None] + np.array(ROW_CENTRES_FRAMES)) * frontend.FRAME_S).ravel()
        keep = times <= duration_s
        keep[0] = True
        return times[keep], rows.reshape(-1, ROW_DIM)[keep], tags
