"""The tagger's network over a strip of overlapping patches: the same numbers much sooner.

What is saved, none of it approximate but for rounding (about 1e-6):

- A patch of 187 frames and 96 bands is longer than what its two rows look at: the last pooling
  leaves the end out, and what only that end would need is not computed. Of each patch 161 frames
  and 94 bands matter, and no row ever sees the zeros behind a patch's end.
- Patches come every 124 frames. The first two convolutions run once over the strip; only the rows
  at a patch's start, where the network sees zeros instead of its neighbour, are made again.
- Convolutions are Winograd's F(4, 3) along time: six products in place of twelve for four rows.
- Max pooling comes before bias, ReLU and batch norm, which leaves a fourth of the values to work
  on. All are monotone in each channel; where batch norm's scale is negative the convolution's sign
  is flipped, so that the maximum stays the maximum.
- The first pooling keeps every second mel column: the first convolution computes only those.

`tests/music/test_tagger.py` compares it with the plain network.

References
----------
Lavin & Gray (2016), "Fast algorithms for convolutional neural networks", CVPR.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from bci_affect.music.vgg import PATCH_FRAMES, PATCH_HOP_FRAMES, Vgg

PATCHES = 8
"""Patches of one strip: the more, the fewer rows are made twice; the fewer, the less memory."""
_N = 128  # channels
_HOP_1, _HOP_2 = PATCH_HOP_FRAMES // 2, PATCH_HOP_FRAMES // 4  # rows from patch to patch
# Rows that a patch needs after each pooling, and columns; backwards from 2 rows and 1 column.
_ROWS = (79, 39, 19, 9)
_COLUMNS = (47, 23, 11, 5)
_CHUNK_ROWS = 62  # of the first block, at a time: what fits the processor's cache
_CHUNK_TILES = 16  # of the second block

_IN = torch.tensor(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ],
    dtype=torch.float32,
)
_WEIGHTS = torch.tensor(
    [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1],
    ],
    dtype=torch.float64,
)
_OUT = torch.tensor(
    [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]],
    dtype=torch.float32,
)


class _Block:
    """Weights of a convolution, and bias, ReLU and batch norm as one clamp and one multiply-add."""

    def __init__(self, net: Vgg, index: int) -> None:
        conv, norm = cast(nn.Conv2d, net.convs[index]), cast(nn.BatchNorm2d, net.norms[index])
        mean, variance = cast(Tensor, norm.running_mean), cast(Tensor, norm.running_var)
        scale = norm.weight / torch.sqrt(variance + norm.eps)
        sign = torch.where(scale < 0, -1.0, 1.0)
        self.weight = conv.weight * sign[:, None, None, None]  # (out, in, time, band)
        bias = cast(Tensor, conv.bias) * sign
        self._low = torch.where(scale < 0, -torch.inf, 0.0) - bias
        self._high = torch.where(scale < 0, 0.0, torch.inf) - bias
        self._scale = scale.abs()
        self._shift = norm.bias - mean * scale + bias * self._scale

    def finish(self, pooled: Tensor) -> Tensor:
        """Return the block's output from the pooled convolution (..., channels), bias not added."""
        return torch.addcmul(self._shift, torch.clamp(pooled, self._low, self._high), self._scale)


class _First(_Block):
    """The block that sees the mel bands; pools 4 rows every 2, and takes every second column."""

    def __init__(self, net: Vgg) -> None:
        super().__init__(net, 0)
        self._matrix = self.weight.reshape(_N, 9).T.contiguous()

    def __call__(self, frames: Tensor) -> Tensor:
        """Return rows (m, n_rows, 47, 128) from frames (m, 2 * n_rows + 4, 95), bands padded."""
        m, n_frames, _ = frames.shape
        n_rows = n_frames // 2 - 2
        out = torch.empty(m, n_rows, _COLUMNS[0], _N)
        for first in range(0, n_rows, _CHUNK_ROWS):
            n = min(_CHUNK_ROWS, n_rows - first)
            part = frames[:, 2 * first : 2 * (first + n) + 4]
            seen = part.unfold(1, 3, 1).unfold(2, 3, 2)  # (m, 2 n + 2, 47, 3, 3)
            made = (seen.reshape(-1, 9) @ self._matrix).view(m, 2 * n + 2, _COLUMNS[0], _N)
            pairs = torch.maximum(made[:, 0::2], made[:, 1::2])
            out[:, first : first + n] = self.finish(torch.maximum(pairs[:, :-1], pairs[:, 1:]))
        return out


class _Later(_Block):
    """A block of 128 channels in and out, four rows at a time."""

    def __init__(self, net: Vgg, index: int) -> None:
        super().__init__(net, index)
        made = torch.einsum("ik,ockw->iwco", _WEIGHTS, self.weight.double())
        self._matrices = made.float().contiguous()  # (6, 3, in, out)
        self._plain = self.weight.contiguous(memory_format=torch.channels_last)

    def rows(self, x: Tensor) -> Tensor:
        """Convolve without padding, not pooled yet.

        Parameters
        ----------
        x : Tensor, shape (m, 4 * n_tiles + 2, n_columns + 2, 128)
            Rows and columns; the innermost three dimensions contiguous.

        Returns
        -------
        Tensor, shape (4, m * n_tiles, n_columns + 2, 128)
            Rows by their place in a tile; the last two columns are of no meaning.
        """
        m, n_rows, width, _ = x.shape
        n_tiles = n_rows // 4
        turned = torch.empty(6, m * n_tiles, width * _N)
        for tile in range(m * n_tiles):
            at = 4 * (tile % n_tiles)
            seen = x[tile // n_tiles, at : at + 6].reshape(6, width * _N)
            torch.mm(_IN, seen, out=turned[:, tile])
        n = m * n_tiles * width
        flat = turned.view(6, n, _N)
        products = torch.empty(6, n, _N)
        for out, part, matrices in zip(products, flat, self._matrices, strict=True):
            torch.mm(part[: n - 2], matrices[0], out=out[: n - 2])
            out[: n - 2].addmm_(part[1 : n - 1], matrices[1])
            out[: n - 2].addmm_(part[2:], matrices[2])
        return (_OUT @ products.view(6, n * _N)).view(4, m * n_tiles, width, _N)

    def __call__(self, x: Tensor) -> Tensor:
        """Return the block's output (m, 2 * n_tiles, n_columns // 2, 128), pooled by (2, 2)."""
        made = self.rows(x)
        pairs = torch.maximum(made[0::2], made[1::2])[:, :, :-2]
        pooled = torch.maximum(pairs[:, :, 0::2], pairs[:, :, 1::2])
        turned = self.finish(pooled).transpose(0, 1)  # (m * n_tiles, 2, n_columns // 2, 128)
        return turned.reshape(len(x), -1, *turned.shape[2:])

    def first_row(self, x: Tensor) -> Tensor:
        """Return the first pooled row (m, n_columns // 2, 128) from four rows of each patch."""
        made = functional.conv2d(x.permute(0, 3, 1, 2), self._plain)  # (m, 128, 2, n_columns)
        return self.finish(functional.max_pool2d(made, 2)[:, :, 0].transpose(1, 2))


class StripNet:
    """`Vgg` in its quick form, for inference; takes its weights at construction."""

    def __init__(self, net: Vgg) -> None:
        with torch.inference_mode():
            self._first = _First(net)
            self._later = [_Later(net, index) for index in range(1, 5)]
        self._norm_in, self._head = net.norm_in, net.head

    def __call__(self, strip: Tensor) -> tuple[Tensor, Tensor]:
        """Return rows (n, 2, 128) and tags (n, 50) of the n patches of a strip.

        Parameters
        ----------
        strip : Tensor, shape (187 + 124 * (n - 1), 96)
            Log-mel frames.
        """
        n = (len(strip) - PATCH_FRAMES) // PATCH_HOP_FRAMES + 1
        x = self._second(self._norm_in(strip[None, None])[0, 0, :, : 2 * _COLUMNS[0]], n)
        for block, n_rows, n_columns in zip(self._later[1:3], _ROWS[2:], _COLUMNS[2:], strict=True):
            made = block(x)[:, :n_rows]
            x = torch.zeros(n, -(-(n_rows - 1) // 4) * 4 + 2, n_columns + 1, _N)
            x[:, 1 : n_rows + 1, 1:] = made
        last = self._later[3]
        made = last.rows(x)[:, :, :4]  # (4, 2 n, 4, 128), all of which is one pooled row
        rows = last.finish(made.amax(dim=(0, 2)).view(n, 2, _N))
        return rows, torch.sigmoid(self._head(rows.flatten(1)))

    def _second(self, frames: Tensor, n: int) -> Tensor:
        """Return what the third block sees of n patches, (n, 42, 24, 128), from frames (m, 94)."""
        block = self._later[0]
        n_tiles = -(-(_HOP_1 * (n - 1) + 2 * _ROWS[1] - 2) // 4)
        n_rows = 4 * n_tiles + 3  # the first of them is looked at by patches' starts alone
        padded = functional.pad(frames, (1, 0, 1, 0))
        rows = torch.zeros(1, n_rows, _COLUMNS[0] + 1, _N)  # a column of zeros first
        rows[:, :, 1:] = self._first(padded[None, : 2 * n_rows + 4])
        # A patch sees zeros before its first frame: five frames decide its first row.
        heads = torch.zeros(n, 4, _COLUMNS[0] + 1, _N)
        starts = [padded[p * PATCH_HOP_FRAMES :][:6].clone() for p in range(n)]
        for start in starts:
            start[0] = 0.0
        heads[:, 1:2, 1:] = self._first(torch.stack(starts))
        for p in range(n):
            heads[p, 2:] = rows[0, p * _HOP_1 + 1 : p * _HOP_1 + 3]
        x = torch.zeros(n, 42, _COLUMNS[1] + 1, _N)
        x[:, 1, 1:] = block.first_row(heads)
        inner = torch.cat(
            [
                block(rows[:, 4 * at + 1 : 4 * min(at + _CHUNK_TILES, n_tiles) + 3])
                for at in range(0, n_tiles, _CHUNK_TILES)
            ],
            dim=1,
        )
        for p in range(n):
            x[p, 2 : _ROWS[1] + 1, 1:] = inner[0, p * _HOP_2 : p * _HOP_2 + _ROWS[1] - 1]
        return x
