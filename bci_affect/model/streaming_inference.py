"""The streaming encoder's forward pass in NumPy, for those who may not wait.

A live estimate is one small window: its arithmetic takes a tenth of a millisecond, and a hundred
torch operations ten times that. Here everything that follows from weights and montage alone is
folded once (places into scoring weights, scales into the layers after them, the fit of the field
into the linear path), and what is left is a few matrix products. `streaming` stays the definition;
a test holds the two together.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import erf
from torch import Tensor, nn

from bci_affect.model.affect import AffectModel
from bci_affect.model.card import Prediction
from bci_affect.model.positions import CODE_SIZE, known_places, position_code
from bci_affect.model.streaming import StreamingEncoder, fit_field

Floats = NDArray[np.float32]

_KEPT = 64
"""Montages with their masks that are kept worked out; electrodes come and go."""
_TOGETHER = 64
"""Windows that are read at once: more of them no longer fit the processor's cache."""


@dataclass(frozen=True)
class _Layer:
    """An affine layer of columns: ``weight @ x + bias``."""

    weight: Floats  # (n_out, n_in)
    bias: Floats  # (n_out, 1)

    @classmethod
    def of(cls, layer: nn.Linear, scale: nn.BatchNorm1d | None = None) -> _Layer:
        """Return a linear layer, after a scale that precedes it."""
        weight, bias = layer.weight.detach().double(), layer.bias.detach().double()
        if scale is not None:
            assert scale.running_mean is not None
            assert scale.running_var is not None
            weight = weight / (scale.running_var.double() + scale.eps).sqrt()
            bias = bias - weight @ scale.running_mean.double()
        return cls(_floats(weight), _floats(bias[:, None]))

    def __call__(self, x: Floats) -> Floats:
        y: Floats = self.weight @ x
        y += self.bias
        return y


@dataclass(frozen=True)
class _Montage:
    """What follows from the places of the valid electrodes."""

    rows: NDArray[np.intp]  # (v,): the valid electrodes
    code: Floats  # (16, v)
    fit: Floats  # (16, v)
    score: Floats  # (v, heads, 2 * bands)
    score_bias: Floats  # (v, heads, 1)


class StreamingInference:
    """Reads windows as an `AffectModel` with the `streaming` encoder does in evaluation mode.

    Parameters
    ----------
    model : AffectModel
        Its weights are taken as they are now.
    """

    def __init__(self, model: AffectModel) -> None:
        encoder, settings = model.encoder, model.settings
        assert isinstance(encoder, StreamingEncoder)
        self._encoder = encoder
        self._n_bands, self._heads = settings.n_bands, settings.attention_heads
        self._slope = 0.01 if settings.shared_activation else 1.0  # of the LeakyReLU
        self._shared, self._emotion = _Layer.of(model.shared), _Layer.of(model.heads)
        self._montages: OrderedDict[tuple[bytes, bytes], _Montage] = OrderedDict()
        if encoder.has_linear_path:
            self._linear = _Layer.of(encoder.linear, encoder.field_scale)
        if encoder.has_attention_path:
            self._step = _Layer.of(encoder.step, encoder.map_scale)
            self._lstm_in, self._lstm_again = _lstm_layers(encoder.lstm)
            logistic = np.arange(4 * settings.hidden)[:, None] < 3 * settings.hidden
            self._lstm_scale = np.where(logistic, np.float32(0.5), np.float32(1))
            self._lstm_shift = np.where(logistic, np.float32(0.5), np.float32(0))
            self._time_hidden = _Layer.of(encoder.time_hidden)
            self._time_score = _floats(encoder.time_score.weight)
            self._out = _Layer.of(encoder.out)

    def read(self, bands: Floats, mask: NDArray[np.bool_], places: Floats) -> Prediction:
        """Read windows, results with a leading axis n.

        Parameters
        ----------
        bands : ndarray of float32, shape (n, n_steps, n_channels, n_bands)
        mask : ndarray of bool, shape (n, n_channels)
        places : ndarray of float32, shape (1 or n, n_channels, 3)
        """
        n, n_steps, n_channels, _ = bands.shape
        features = np.zeros((self._shared.weight.shape[1], n), np.float32)
        attention = np.zeros((n, n_channels, n_steps), np.float32)
        for which, montage in self._alike(mask, places):
            for start in range(0, len(which), _TOGETHER):
                some = which[start : start + _TOGETHER]
                features[:, some], seen = self._encode(bands[some], montage)
                attention[some[:, None], montage.rows] = seen
        common = self._shared(features)
        if self._slope != 1.0:
            common = np.where(common < 0, self._slope * common, common)
        length = np.sqrt(np.add.reduce(common * common, axis=0))
        embedding = (common / np.maximum(length, np.float32(1e-12))).T
        return Prediction(embedding, attention, self._emotion(common).T)

    def _alike(
        self, mask: NDArray[np.bool_], places: Floats
    ) -> list[tuple[NDArray[np.intp], _Montage]]:
        """Return groups of windows whose electrodes are the same; live and replayed, most are."""
        groups: dict[tuple[bytes, bytes], list[int]] = {}
        where = [place.tobytes() for place in places]
        for i, row in enumerate(mask):
            groups.setdefault((where[i % len(where)], row.tobytes()), []).append(i)
        return [
            (np.array(rows), self._montage(key, mask[rows[0]], places[rows[0] % len(places)]))
            for key, rows in groups.items()
        ]

    def _montage(
        self, key: tuple[bytes, bytes], mask: NDArray[np.bool_], places: Floats
    ) -> _Montage:
        if (known := self._montages.get(key)) is not None:
            return known
        places_, encoder = torch.from_numpy(np.array(places)), self._encoder
        rows = np.flatnonzero(torch.from_numpy(mask) & known_places(places_))
        with torch.no_grad():
            code = position_code(places_[rows])
            one = torch.ones(1, len(rows), dtype=torch.bool)
            fit = fit_field(torch.eye(len(rows))[None], code[None], one)[0]
            score = torch.zeros(len(rows), 2 * self._n_bands + 1, self._heads)
            if encoder.has_attention_path:
                score = encoder.score_by_place(code).view_as(score)
            # Scores read x and x * x - 1; the 1 goes into the bias.
            bias = score[:, -1] - score[:, self._n_bands : -1].sum(dim=1)
        found = _Montage(
            rows,
            code=_floats(code.T),
            fit=_floats(fit),
            score=_floats(score[:, :-1].transpose(1, 2)),
            score_bias=_floats(bias[..., None]),
        )
        self._montages[key] = found
        while len(self._montages) > _KEPT:
            self._montages.popitem(last=False)
        return found

    def _encode(self, bands: Floats, montage: _Montage) -> tuple[Floats, Floats]:
        """Return features (width, n) and attention (n, v, n_steps) of windows of one montage."""
        n, n_steps, _, n_bands = bands.shape
        v = len(montage.rows)
        x = np.ascontiguousarray(bands.transpose(2, 3, 1, 0)[montage.rows])  # (v, bands, steps, n)
        features = np.zeros((), np.float32)
        attention = np.full((n, v, n_steps), 1 / (max(v, 1) * n_steps), np.float32)
        if self._encoder.has_linear_path:
            power = np.add.reduce(x, axis=2) * np.float32(1 / n_steps)
            field = montage.fit @ power.reshape(v, n_bands * n)
            features = self._linear(field.reshape(CODE_SIZE * n_bands, n))
        if self._encoder.has_attention_path:
            looked_at, shares = self._look(x.reshape(v, n_bands, n_steps * n), montage)
            maps = montage.code @ looked_at
            steps = _gelu(self._step(maps.reshape(-1, n_steps * n)))
            hidden = self._remember(steps, n)
            hidden += steps
            scores = self._time_score @ np.tanh(self._time_hidden(hidden))
            over_time = _softmax(scores.reshape(n_steps, n))
            context = np.add.reduce(hidden.reshape(-1, n_steps, n) * over_time, axis=1)
            features = features + self._out(context)
            over_electrodes = np.add.reduce(shares, axis=1).reshape(v, n_steps, n)
            attention = (over_electrodes * (over_time / self._heads)).transpose(2, 0, 1)
        return features, attention

    def _look(self, x: Floats, montage: _Montage) -> tuple[Floats, Floats]:
        """Return what the heads look at, (v, heads * bands * m), and shares, (v, heads, m)."""
        v, n_bands, m = x.shape
        seen = np.empty((v, 2 * n_bands, m), np.float32)
        seen[:, :n_bands] = x
        np.multiply(x, x, out=seen[:, n_bands:])
        scores: Floats = montage.score @ seen
        scores += montage.score_bias
        shares = _softmax(scores) if v else scores
        looked_at = shares[:, :, None] * x[:, None]
        return looked_at.reshape(v, self._heads * n_bands * m), shares

    def _remember(self, steps: Floats, n: int) -> Floats:
        """Run the LSTM over steps, (hidden, n_steps * n), from rest."""
        size = len(steps)
        gates = np.ascontiguousarray(
            self._lstm_in(steps).reshape(4 * size, -1, n).transpose(1, 0, 2)
        )
        hidden = np.empty((size, len(gates), n), np.float32)
        before, cell = np.zeros((2, size, n), np.float32)
        for t, gate in enumerate(gates):
            if t:
                gate += self._lstm_again @ before
            np.tanh(gate, out=gate)
            gate *= self._lstm_scale  # from tanh to logistic functions, see `_lstm_layers`
            gate += self._lstm_shift
            cell *= gate[size : 2 * size]
            cell += gate[:size] * gate[3 * size :]
            before = np.tanh(cell)
            before *= gate[2 * size : 3 * size]
            hidden[:, t] = before
        return hidden.reshape(size, -1)


def _floats(tensor: Tensor) -> Floats:
    return np.array(tensor.detach().cpu().numpy(), np.float32, order="C")


def _softmax(scores: Floats) -> Floats:
    """Softmax along the first axis."""
    scores = np.exp(scores - scores.max(axis=0))
    scores /= np.add.reduce(scores, axis=0)
    return scores


def _gelu(x: Floats) -> Floats:
    gelu: Floats = x * (erf(x * np.float32(0.5**0.5)) + 1)
    gelu *= np.float32(0.5)
    return gelu


def _lstm_layers(lstm: nn.LSTM) -> tuple[_Layer, Floats]:
    """Return the layers of input and memory, gates in the order in, forget, out, new.

    A logistic function is ``(tanh(x / 2) + 1) / 2``: halved here, one call of tanh serves all four.
    """
    size = lstm.hidden_size
    order = np.r_[0 : 2 * size, 3 * size : 4 * size, 2 * size : 3 * size]
    half = np.r_[np.full(3 * size, 0.5), np.ones(size)].astype(np.float32)[:, None]
    of = {name: _floats(value)[order] for name, value in lstm.named_parameters()}
    weight, again = of["weight_ih_l0"], of["weight_hh_l0"]
    bias = of["bias_ih_l0"] + of["bias_hh_l0"]
    return _Layer(weight * half, bias[:, None] * half), again * half
