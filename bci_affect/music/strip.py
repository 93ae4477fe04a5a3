"""The tagger's network over a strip of overlapping patches: the same numbers much sooner.

What is saved, none of it approximate but for rounding (about 1e-5):

- 57, 75, 40, 47 and 1 of the 128 channels of the five blocks died in training: their weights are
  below 1e-15 and their bias is negative, so that ReLU gives zero whatever the music. They are left
  out; what batch norm makes of that zero (1e-5 at most) is added to the next block's bias. Three
  quarters of all products go this way, and products of 1e-35 with anything small are the
  processor's slow ones (denormal numbers), which had cost as much again.
- A patch of 187 frames and 96 bands is longer than what its two rows look at: the last pooling
  leaves the end out, and what only that end would need is not computed. Of each patch 161 frames
  and 94 bands matter, and no row ever sees the zeros behind a patch's end.
- Patches come every 124 frames. The first two convolutions run once over the strip; only the rows
  at a patch's start, where the network sees zeros instead of its neighbour, are made again.
- Convolutions are Winograd's F(4 x 4, 3 x 3): 36 products in place of 144 for sixteen places.
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

from bci_affect.music.vgg import PATCH_FRAMES, PATCH_HOP_FRAMES, Vgg

PATCHES = 8
"""Patches of one strip: the more, the fewer rows are made twice; the fewer, the less memory."""
_N = 128  # channels of the published network
_HOP_1, _HOP_2 = PATCH_HOP_FRAMES // 2, PATCH_HOP_FRAMES // 4  # rows from patch to patch
# Rows that a patch needs after each pooling, and columns; backwards from 2 rows and 1 column.
_ROWS = (79, 39, 19, 9)
_COLUMNS = (47, 23, 11, 5)
_CHUNK_TILES = 8  # of the first two blocks, and
_CHUNK_PATCHES = 2  # of the later ones, at a time: what fits the processor's cache
_DEAD = 1e-12
"""Weights of a channel that cannot bring its sum above a negative bias."""

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
_IN_2D, _OUT_2D = torch.kron(_IN, _IN), torch.kron(_OUT, _OUT)  # of rows and columns at once


def _tiles(n: int) -> int:
    """Tiles of four that hold n rows or columns."""
    return -(-n // 4)


class _Block:
    """Weights of a convolution's live channels; bias, ReLU and batch norm as clamp, multiply, add.

    Parameters
    ----------
    net : Vgg
        The plain network.
    index : int
        Which of its five blocks.
    before : _Block, optional
        The block that this one listens to; none for the first.
    """

    def __init__(self, net: Vgg, index: int, before: _Block | None = None) -> None:
        conv, norm = cast(nn.Conv2d, net.convs[index]), cast(nn.BatchNorm2d, net.norms[index])
        mean, variance = cast(Tensor, norm.running_mean), cast(Tensor, norm.running_var)
        bias, weight = cast(Tensor, conv.bias), conv.weight  # weight: (out, in, time, band)
        dead = (weight.abs().amax(dim=(1, 2, 3)) < _DEAD) & (bias < 0)
        scale = norm.weight / torch.sqrt(variance + norm.eps)
        self.silence = norm.bias - mean * scale  # (128,), what comes out where ReLU gave zero
        self.live = torch.nonzero(~dead)[:, 0]
        self.n = len(self.live)
        if before is not None:
            silent = before.silence.index_fill(0, before.live, 0.0)
            bias = bias + weight.sum(dim=(2, 3)) @ silent
            weight = weight[:, before.live]
        scale, shift = scale[self.live], self.silence[self.live]
        sign = torch.where(scale < 0, -1.0, 1.0)
        self.weight = weight[self.live] * sign[:, None, None, None]
        bias = bias[self.live] * sign
        self._low = torch.where(scale < 0, -torch.inf, 0.0) - bias
        self._high = torch.where(scale < 0, 0.0, torch.inf) - bias
        self._scale = scale.abs()
        self._shift = shift + bias * self._scale

    def finish(self, pooled: Tensor, out: Tensor | None = None) -> Tensor:
        """Return the block's output from the pooled convolution (..., n), which is spoilt."""
        torch.clamp(pooled, self._low, self._high, out=pooled)
        return torch.addcmul(self._shift, pooled, self._scale, out=out)


class _First(_Block):
    """The block that sees the mel bands; pools 4 rows every 2, and takes every second column."""

    def __init__(self, net: Vgg) -> None:
        super().__init__(net, 0)
        taps = self.weight[:, 0].permute(1, 2, 0)  # (time, band, n)
        two = torch.zeros(4, 3, 2, self.n)  # two rows from four frames
        two[:3, :, 0] = two[1:, :, 1] = taps
        self._matrix = two.view(12, 2 * self.n)

    def __call__(self, frames: Tensor, out: Tensor) -> None:
        """Fill rows (m, n_rows, 47, n) from frames (m, 2 * n_rows + 4, 95), bands padded."""
        m, n_rows = out.shape[:2]
        seen = frames.unfold(1, 4, 2).unfold(2, 3, 2)  # (m, n_rows + 1, 47, 4, 3)
        made = seen.reshape(-1, 12) @ self._matrix
        made = made.view(m, n_rows + 1, _COLUMNS[0], 2, self.n)
        pairs = torch.maximum(made[..., 0, :], made[..., 1, :])
        self.finish(torch.maximum(pairs[:, :-1], pairs[:, 1:]), out)


class _Later(_Block):
    """A block of many channels, four rows by four columns at a time."""

    def __init__(self, net: Vgg, index: int, before: _Block) -> None:
        super().__init__(net, index, before)
        made = torch.einsum("ik,jl,ockl->ijco", _WEIGHTS, _WEIGHTS, self.weight.double())
        self._matrices = made.float().flatten(0, 1).contiguous()  # (36, in, n)

    def convolve(self, x: Tensor) -> Tensor:
        """Convolve without padding, not pooled yet.

        Parameters
        ----------
        x : Tensor, shape (m, 4 * n_down + 2, 4 * n_across + 2, n_in)
            Rows and columns, contiguous.

        Returns
        -------
        Tensor, shape (2, 2, 2, 2, m, n_down, n_across, n)
            By place in a tile: pair of rows, row of the pair, pair of columns, column of it.
        """
        m, height, width, n_in = x.shape
        shape = (6, 6, m, height // 4, width // 4, n_in)
        steps = (width * n_in, n_in, height * width * n_in, 4 * width * n_in, 4 * n_in, 1)
        turned = _IN_2D @ x.as_strided(shape, steps, x.storage_offset()).reshape(36, -1)
        made = torch.bmm(turned.view(36, -1, n_in), self._matrices)
        return (_OUT_2D @ made.view(36, -1)).view(2, 2, 2, 2, *shape[2:5], self.n)

    def __call__(self, x: Tensor, out: Tensor) -> None:
        """Fill the output (m, 2 * n_down, 2 * n_across, n), pooled by (2, 2)."""
        made = self.convolve(x)
        m, n_down, n_across = made.shape[4:7]
        upper = torch.maximum(made[:, 0, :, 0], made[:, 0, :, 1])
        lower = torch.maximum(made[:, 1, :, 0], made[:, 1, :, 1])
        places = out.view(m, n_down, 2, n_across, 2, self.n).permute(2, 4, 0, 1, 3, 5)
        self.finish(torch.maximum(upper, lower), places)


class StripNet:
    """`Vgg` in its quick form, for inference; takes its weights at construction."""

    def __init__(self, net: Vgg) -> None:
        with torch.inference_mode():
            self._first = _First(net)
            blocks: list[_Block] = [self._first]
            for index in range(1, 5):
                blocks.append(_Later(net, index, blocks[-1]))
            self._second, self._third, self._fourth, self._fifth = cast(list[_Later], blocks[1:])
        self._norm_in, self._head = net.norm_in, net.head

    def __call__(self, strip: Tensor) -> tuple[Tensor, Tensor]:
        """Return rows (n, 2, 128) and tags (n, 50) of the n patches of a strip.

        Parameters
        ----------
        strip : Tensor, shape (187 + 124 * (n - 1), 96)
            Log-mel frames.
        """
        n = (len(strip) - PATCH_FRAMES) // PATCH_HOP_FRAMES + 1
        x = self._two_blocks(self._norm_in(strip[None, None])[0, 0, :, : 2 * _COLUMNS[0]], n)
        for block, n_rows, n_columns in (
            (self._third, _ROWS[2], _COLUMNS[2]),
            (self._fourth, _ROWS[3], _COLUMNS[3]),
        ):
            made = torch.empty(n, x.shape[1] // 4 * 2, x.shape[2] // 4 * 2, block.n)
            for p in range(0, n, _CHUNK_PATCHES):
                block(x[p : p + _CHUNK_PATCHES], made[p : p + _CHUNK_PATCHES])
            x = _room(n, n_rows, n_columns, block.n)
            x[:, 1 : n_rows + 1, 1 : n_columns + 1] = made[:, :n_rows, :n_columns]
        last = self._fifth
        top = last.convolve(x).flatten(0, 3).amax(dim=0)[:, :, 0]  # (n, 2, n_live)
        rows = last.silence.repeat(n, 2, 1)
        rows[..., last.live] = last.finish(top)
        return rows, torch.sigmoid(self._head(rows.flatten(1)))

    def _two_blocks(self, frames: Tensor, n: int) -> Tensor:
        """Return what the third block sees of n patches, (n, 42, 26, 53), from frames (m, 94)."""
        first, second = self._first, self._second
        n_rows, n_columns = _ROWS[1], _COLUMNS[1]
        padded = nn.functional.pad(frames, (1, 0, 1, 0))
        x = _room(n, n_rows, n_columns, second.n)
        # A patch sees zeros before its first frame, which decides the first of its rows.
        starts = torch.stack([padded[p * PATCH_HOP_FRAMES :][:10] for p in range(n)])
        starts[:, 0] = 0.0
        seen = _room(n, 3, _COLUMNS[0], first.n)
        first(starts, seen[:, 1:4, 1 : _COLUMNS[0] + 1])
        made = torch.empty(n, 2, 2 * _tiles(_COLUMNS[0] - 1), second.n)
        second(seen, made)
        x[:, 1, 1 : n_columns + 1] = made[:, 0, :n_columns]
        # All other rows are the strip's. Its very first, which no patch looks at, is left out.
        n_tiles = _tiles(_HOP_1 * (n - 1) + 2 * n_rows - 2)
        inner = torch.empty(1, 2 * n_tiles, made.shape[2], second.n)
        seen = _room(1, 4 * _CHUNK_TILES, _COLUMNS[0], first.n)
        for at in range(0, n_tiles, _CHUNK_TILES):
            end = min(at + _CHUNK_TILES, n_tiles)
            part = seen[:, : 4 * (end - at) + 2]
            first(padded[None, 8 * at + 2 : 8 * end + 10], part[:, :, 1 : _COLUMNS[0] + 1])
            second(part, inner[:, 2 * at : 2 * end])
        for p in range(n):
            rows = inner[0, p * _HOP_2 : p * _HOP_2 + n_rows - 1, :n_columns]
            x[p, 2 : n_rows + 1, 1 : n_columns + 1] = rows
        return x


def _room(n: int, n_rows: int, n_columns: int, n_channels: int) -> Tensor:
    """Zeros for rows and columns with one of padding before them, in whole tiles.

    What a tile's last row and column would give from the zeros behind is never looked at.
    """
    height, width = 4 * _tiles(n_rows - 1) + 2, 4 * _tiles(n_columns - 1) + 2
    return torch.zeros(n, height, width, n_channels)
