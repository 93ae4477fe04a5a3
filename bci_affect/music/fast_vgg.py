"""Fast implementation of the tagger's network on a strip of overlapping patches.

The result equals that of `vgg` except for rounding (about 1e-5). It saves computation as follows:

- 57, 75, 40, 47 and 1 of the 128 channels of the five blocks are dead: their weights are below
  1e-15 and their bias is negative, so ReLU always gives zero. They are removed, and the output of
  batch norm for that zero (1e-5 at most) is added to the bias of the next block. This removes three
  quarters of all products, many of them slow because they involve denormal numbers.
- A patch of 187 frames and 96 bands is larger than the receptive field of its two embeddings,
  because the last pooling discards its end. Only 161 frames and 94 bands are computed, and no
  embedding depends on the zeros after the end of a patch.
- Patches overlap, with a hop of 124 frames. The first two convolutions run once over the strip;
  only the rows at the start of a patch, where the network has zero padding, are computed again.
- Convolutions use Winograd's F(4 x 4, 3 x 3): 36 products instead of 144 for sixteen outputs.
- Max pooling is applied before bias, ReLU and batch norm, to a quarter of the values. All of these
  are monotonic in each channel; where the scale of batch norm is negative, the sign of the
  convolution is flipped to preserve the maximum.
- The first pooling keeps every second mel column, and the first convolution computes only those.

`tests/music/test_tagger.py` compares it with the reference implementation.

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
"""Patches per strip; more patches need fewer repeated rows but more memory."""
_N = 128  # channels of the published network
_HOP_1, _HOP_2 = PATCH_HOP_FRAMES // 2, PATCH_HOP_FRAMES // 4  # rows from patch to patch
# Rows and columns of a patch needed after each pooling, given 2 rows and 1 column at the end.
_ROWS = (79, 39, 19, 9)
_COLUMNS = (47, 23, 11, 5)
_CHUNK_TILES = 8  # tiles per chunk in the first two blocks; chunks fit the processor's cache
_CHUNK_PATCHES = 2  # patches per chunk in the later blocks
_DEAD = 1e-12
"""Bound on the weights of a dead channel with negative bias."""

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
_IN_2D, _OUT_2D = torch.kron(_IN, _IN), torch.kron(_OUT, _OUT)  # for rows and columns together


def _tiles(n: int) -> int:
    """Return the number of tiles of four for n rows or columns."""
    return -(-n // 4)


class _Block:
    """Live channels of a convolution, with bias, ReLU and batch norm as clamp, multiply and add.

    Parameters
    ----------
    net : Vgg
        Reference network.
    index : int
        Index of the block, 0 to 4.
    before : _Block, optional
        Preceding block; None for the first.
    """

    def __init__(self, net: Vgg, index: int, before: _Block | None = None) -> None:
        conv, norm = cast(nn.Conv2d, net.convs[index]), cast(nn.BatchNorm2d, net.norms[index])
        mean, variance = cast(Tensor, norm.running_mean), cast(Tensor, norm.running_var)
        bias, weight = cast(Tensor, conv.bias), conv.weight  # weight: (out, in, time, band)
        dead = (weight.abs().amax(dim=(1, 2, 3)) < _DEAD) & (bias < 0)
        scale = norm.weight / torch.sqrt(variance + norm.eps)
        self.silence = norm.bias - mean * scale  # (128,), output where ReLU gives zero
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
        """Return the block's output from the pooled convolution (..., n), which is overwritten."""
        torch.clamp(pooled, self._low, self._high, out=pooled)
        return torch.addcmul(self._shift, pooled, self._scale, out=out)


class _First(_Block):
    """First block, on the mel bands: pools 4 rows with stride 2 and keeps every second column."""

    def __init__(self, net: Vgg) -> None:
        super().__init__(net, 0)
        taps = self.weight[:, 0].permute(1, 2, 0)  # (time, band, n)
        pair = torch.zeros(4, 3, 2, self.n)  # two rows from four frames
        pair[:3, :, 0] = pair[1:, :, 1] = taps
        self._matrix = pair.view(12, 2 * self.n)

    def __call__(self, frames: Tensor, out: Tensor) -> None:
        """Fill rows (m, n_rows, 47, n) from frames (m, 2 * n_rows + 4, 95), bands padded."""
        m, n_rows = out.shape[:2]
        patches = frames.unfold(1, 4, 2).unfold(2, 3, 2)  # (m, n_rows + 1, 47, 4, 3)
        result = patches.reshape(-1, 12) @ self._matrix
        result = result.view(m, n_rows + 1, _COLUMNS[0], 2, self.n)
        pairs = torch.maximum(result[..., 0, :], result[..., 1, :])
        self.finish(torch.maximum(pairs[:, :-1], pairs[:, 1:]), out)


class _Later(_Block):
    """Later block, computed in tiles of four rows by four columns."""

    def __init__(self, net: Vgg, index: int, before: _Block) -> None:
        super().__init__(net, index, before)
        kernels = torch.einsum("ik,jl,ockl->ijco", _WEIGHTS, _WEIGHTS, self.weight.double())
        self._matrices = kernels.float().flatten(0, 1).contiguous()  # (36, in, n)

    def convolve(self, x: Tensor) -> Tensor:
        """Convolve without padding and without pooling.

        Parameters
        ----------
        x : Tensor, shape (m, 4 * n_down + 2, 4 * n_across + 2, n_in)
            Rows and columns, contiguous.

        Returns
        -------
        Tensor, shape (2, 2, 2, 2, m, n_down, n_across, n)
            By position in a tile: pair of rows, row in the pair, pair of columns, column in it.
        """
        m, height, width, n_in = x.shape
        shape = (6, 6, m, height // 4, width // 4, n_in)
        steps = (width * n_in, n_in, height * width * n_in, 4 * width * n_in, 4 * n_in, 1)
        tiles = _IN_2D @ x.as_strided(shape, steps, x.storage_offset()).reshape(36, -1)
        products = torch.bmm(tiles.view(36, -1, n_in), self._matrices)
        return (_OUT_2D @ products.view(36, -1)).view(2, 2, 2, 2, *shape[2:5], self.n)

    def __call__(self, x: Tensor, out: Tensor) -> None:
        """Fill the output (m, 2 * n_down, 2 * n_across, n), pooled by (2, 2)."""
        tiles = self.convolve(x)
        m, n_down, n_across = tiles.shape[4:7]
        upper = torch.maximum(tiles[:, 0, :, 0], tiles[:, 0, :, 1])
        lower = torch.maximum(tiles[:, 1, :, 0], tiles[:, 1, :, 1])
        by_position = out.view(m, n_down, 2, n_across, 2, self.n).permute(2, 4, 0, 1, 3, 5)
        self.finish(torch.maximum(upper, lower), by_position)


class FastVgg:
    """Fast inference with the weights of a `Vgg`, which are copied at construction."""

    def __init__(self, net: Vgg) -> None:
        with torch.inference_mode():
            self._first = _First(net)
            blocks: list[_Block] = [self._first]
            for index in range(1, 5):
                blocks.append(_Later(net, index, blocks[-1]))
            self._second, self._third, self._fourth, self._fifth = cast(list[_Later], blocks[1:])
        self._norm_in, self._head = net.norm_in, net.head

    def __call__(self, strip: Tensor) -> tuple[Tensor, Tensor]:
        """Return embeddings (n, 2, 128) and tags (n, 50) of the n patches of a strip.

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
            output = torch.empty(n, x.shape[1] // 4 * 2, x.shape[2] // 4 * 2, block.n)
            for p in range(0, n, _CHUNK_PATCHES):
                block(x[p : p + _CHUNK_PATCHES], output[p : p + _CHUNK_PATCHES])
            x = _padded_zeros(n, n_rows, n_columns, block.n)
            x[:, 1 : n_rows + 1, 1 : n_columns + 1] = output[:, :n_rows, :n_columns]
        last = self._fifth
        top = last.convolve(x).flatten(0, 3).amax(dim=0)[:, :, 0]  # (n, 2, n_live)
        embeddings = last.silence.repeat(n, 2, 1)
        embeddings[..., last.live] = last.finish(top)
        return embeddings, torch.sigmoid(self._head(embeddings.flatten(1)))

    def _two_blocks(self, frames: Tensor, n: int) -> Tensor:
        """Return the input of the third block, (n, 42, 26, 53), from frames (m, 94)."""
        first, second = self._first, self._second
        n_rows, n_columns = _ROWS[1], _COLUMNS[1]
        padded = nn.functional.pad(frames, (1, 0, 1, 0))
        x = _padded_zeros(n, n_rows, n_columns, second.n)
        # The first row of a patch depends on the zero padding before its first frame.
        starts = torch.stack([padded[p * PATCH_HOP_FRAMES :][:10] for p in range(n)])
        starts[:, 0] = 0.0
        hidden = _padded_zeros(n, 3, _COLUMNS[0], first.n)
        first(starts, hidden[:, 1:4, 1 : _COLUMNS[0] + 1])
        first_rows = torch.empty(n, 2, 2 * _tiles(_COLUMNS[0] - 1), second.n)
        second(hidden, first_rows)
        x[:, 1, 1 : n_columns + 1] = first_rows[:, 0, :n_columns]
        # All other rows are computed once for the strip, without its unused first row.
        n_tiles = _tiles(_HOP_1 * (n - 1) + 2 * n_rows - 2)
        inner = torch.empty(1, 2 * n_tiles, first_rows.shape[2], second.n)
        hidden = _padded_zeros(1, 4 * _CHUNK_TILES, _COLUMNS[0], first.n)
        for start in range(0, n_tiles, _CHUNK_TILES):
            end = min(start + _CHUNK_TILES, n_tiles)
            part = hidden[:, : 4 * (end - start) + 2]
            first(padded[None, 8 * start + 2 : 8 * end + 10], part[:, :, 1 : _COLUMNS[0] + 1])
            second(part, inner[:, 2 * start : 2 * end])
        for p in range(n):
            rows = inner[0, p * _HOP_2 : p * _HOP_2 + n_rows - 1, :n_columns]
            x[p, 2 : n_rows + 1, 1 : n_columns + 1] = rows
        return x


def _padded_zeros(n: int, n_rows: int, n_columns: int, n_channels: int) -> Tensor:
    """Return zeros for rows and columns with one row and column of padding, in complete tiles.

    Outputs that depend on the zeros after the last row and column are not used.
    """
    height, width = 4 * _tiles(n_rows - 1) + 2, 4 * _tiles(n_columns - 1) + 2
    return torch.zeros(n, height, width, n_channels)
