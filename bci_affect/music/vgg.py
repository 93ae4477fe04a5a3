"""MusiCNN's ``MSD_vgg`` as a torch module: the plain network, as published.

`strip` computes the same numbers quicker; this is what it is compared with.

References
----------
Pons & Serra (2019), "musicnn: pre-trained convolutional neural networks for music audio tagging",
ISMIR late-breaking demo. Weights under the ISC licence (``models/MSD_vgg.LICENSE.txt``).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bci_affect.music import frontend
from bci_affect.music.tags import TAGS

PATCH_FRAMES = 187
PATCH_HOP_FRAMES = 124
ROW_CENTRES_FRAMES = (32.5, 96.5)
"""Middle of what each of a patch's two rows sees, in frames from the patch's first."""
ROW_PERIOD_S = 0.5 * PATCH_HOP_FRAMES * frontend.FRAME_S  # 0.992 s on average
ROW_DIM = 128

_POOLS = (((4, 1), (2, 2)), ((2, 2), (2, 2)), ((2, 2), (2, 2)), ((2, 2), (2, 2)), ((4, 4), (4, 4)))


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
