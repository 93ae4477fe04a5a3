"""MusiCNN's ``MSD_vgg`` as a torch module: the network as published.

It is the reference implementation for `fast_vgg`, which computes the same numbers faster.

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
EMBEDDING_CENTRES_FRAMES = (32.5, 96.5)
"""Centres of the receptive fields of the two embeddings of a patch, in frames from its start."""
EMBEDDING_PERIOD_S = 0.5 * PATCH_HOP_FRAMES * frontend.FRAME_S  # 0.992 s on average
EMBEDDING_DIM = 128

_POOLS = (((4, 1), (2, 2)), ((2, 2), (2, 2)), ((2, 2), (2, 2)), ((2, 2), (2, 2)), ((4, 4), (4, 4)))


class Vgg(nn.Module):
    """Five blocks of convolution, ReLU, batch norm and max pooling, followed by a linear layer.

    The input is a batch of patches, shape (n, 1, 187, 96); the output is the ``pool5`` embeddings,
    shape (n, 2, 128), and tag probabilities, shape (n, 50).
    """

    def __init__(self) -> None:
        super().__init__()
        self.norm_in = nn.BatchNorm2d(1, eps=1e-3)
        widths = (1, 128, 128, 128, 128)
        self.convs = nn.ModuleList(nn.Conv2d(w, 128, 3, padding=1) for w in widths)
        self.norms = nn.ModuleList(nn.BatchNorm2d(128, eps=1e-3) for _ in widths)
        self.pools = nn.ModuleList(nn.MaxPool2d(size, stride) for size, stride in _POOLS)
        self.head = nn.Linear(2 * EMBEDDING_DIM, len(TAGS))

    def forward(self, patches: Tensor) -> tuple[Tensor, Tensor]:
        """Return embeddings (n, 2, 128) and tag probabilities (n, 50)."""
        x = self.norm_in(patches)
        for conv, norm, pool in zip(self.convs, self.norms, self.pools, strict=True):
            x = pool(norm(torch.relu_(conv(x))))
        embeddings = x.squeeze(3).transpose(1, 2)  # (n, 128, 2, 1) -> (n, 2, 128)
        return embeddings, torch.sigmoid(self.head(embeddings.flatten(1)))
