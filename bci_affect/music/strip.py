"""The tagger's network over a strip of overlapping patches: the same numbers, a third sooner.

Three things are saved, none of them approximate:

- Max pooling before ReLU and batch norm, which leaves a fourth of the values to work on. Both are
  monotone in each channel; where batch norm's scale is negative the convolution's sign is flipped,
  so that the maximum stays the maximum.
- The first pooling keeps every second mel column: the first convolution computes only those.
- Patches of 187 frames overlap by 63. The first two convolutions run once over a strip of patches;
  rows that touch a patch's edge, where the network sees zeros instead of its neighbour, are
  computed again.

`tests/music/test_tagger.py` compares it with the plain network.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from bci_affect.music.vgg import PATCH_FRAMES, PATCH_HOP_FRAMES, Vgg

PATCHES = 3
"""Patches of one strip: longer strips fall out of the cache."""
_HOP_1 = PATCH_HOP_FRAMES // 2  # rows from patch to patch after the first pooling
_HOP_2 = PATCH_HOP_FRAMES // 4  # and after the second
_ROWS_1, _ROWS_2 = 92, 46  # rows of one patch after the first and the second pooling


class _Block:
    """Convolution, then pooling, then ReLU and batch norm as one clamp and one multiply-add."""

    def __init__(self, net: Vgg, index: int) -> None:
        conv, norm = cast(nn.Conv2d, net.convs[index]), cast(nn.BatchNorm2d, net.norms[index])
        mean, variance = cast(Tensor, norm.running_mean), cast(Tensor, norm.running_var)
        scale = norm.weight / torch.sqrt(variance + norm.eps)
        sign = torch.where(scale < 0, -1.0, 1.0)
        flipped = conv.weight * sign[:, None, None, None]
        self.weight = flipped.contiguous(memory_format=torch.channels_last)
        self.bias = cast(Tensor, conv.bias) * sign
        shift = norm.bias - mean * scale
        self.low = torch.where(scale < 0, -torch.inf, 0.0)[:, None, None]
        self.high = torch.where(scale < 0, 0.0, torch.inf)[:, None, None]
        self.scale, self.shift = scale.abs()[:, None, None], shift[:, None, None]
        self.conv_stride, self.pool, self.pool_stride = (1, 1), (2, 2), (2, 2)
        if index == 0:
            self.conv_stride, self.pool, self.pool_stride = (1, 2), (4, 1), (2, 1)
        elif index == 4:
            self.pool, self.pool_stride = (4, 4), (4, 4)

    def __call__(self, x: Tensor, pad_time: int = 1) -> Tensor:
        x = functional.conv2d(x, self.weight, self.bias, self.conv_stride, (pad_time, 1))
        x = functional.max_pool2d(x, self.pool, self.pool_stride)
        return torch.addcmul(self.shift, torch.clamp(x, self.low, self.high), self.scale)


class StripNet:
    """`Vgg` in its quick form, for inference; takes its weights at construction."""

    def __init__(self, net: Vgg) -> None:
        with torch.inference_mode():
            self._blocks = [_Block(net, index) for index in range(5)]
        self._norm_in, self._head = net.norm_in, net.head

    def __call__(self, strip: Tensor) -> tuple[Tensor, Tensor]:
        """Return rows (n, 2, 128) and tags (n, 50) of the n patches of a strip.

        Parameters
        ----------
        strip : Tensor, shape (187 + 124 * (n - 1), 96)
            Log-mel frames.
        """
        n = (len(strip) - PATCH_FRAMES) // PATCH_HOP_FRAMES + 1
        x = self._norm_in(strip[None, None].contiguous(memory_format=torch.channels_last))
        outs = []
        for patch in self._second(x, self._blocks[0](x), n):
            for block in self._blocks[2:]:
                patch = block(patch)
            outs.append(patch)
        rows = torch.cat(outs).squeeze(3).transpose(1, 2)  # (n, 128, 2, 1) -> (n, 2, 128)
        return rows, torch.sigmoid(self._head(rows.flatten(1)))

    def _second(self, x: Tensor, rows: Tensor, n: int) -> list[Tensor]:
        """Return each patch after the second block, (1, 128, 46, 24), from the strip's rows."""
        whole = self._blocks[1](rows)
        if n == 1:
            return [whole]
        # A patch sees zeros before its first frame: five frames decide its first row.
        heads = [x[:, :, at : at + 5] for at in range(0, n * PATCH_HOP_FRAMES, PATCH_HOP_FRAMES)]
        firsts = self._blocks[0](functional.pad(torch.cat(heads), (0, 0, 1, 0)), pad_time=0)
        zeros = torch.zeros_like(rows[:, :, :1])
        edges = []
        for p in range(n):
            at = p * _HOP_1
            top = [zeros, firsts[p : p + 1], rows[:, :, at + 1 : at + 3]]
            bottom = [rows[:, :, at + _ROWS_1 - 3 : at + _ROWS_1], zeros]
            edges += [torch.cat(top, 2), torch.cat(bottom, 2)]  # (1, 128, 4, 48) each
        batch = torch.cat(edges).contiguous(memory_format=torch.channels_last)
        ends = self._blocks[1](batch, pad_time=0)  # (2 n, 128, 1, 24)
        patches = []
        for p in range(n):
            middle = whole[:, :, p * _HOP_2 + 1 : p * _HOP_2 + _ROWS_2 - 1]
            patches.append(torch.cat([ends[2 * p : 2 * p + 1], middle, ends[2 * p + 1 :][:1]], 2))
        return patches
