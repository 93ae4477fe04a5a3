"""NumPy forward pass of the streaming encoder, for low latency.

The arithmetic of one live window takes 0.1 ms, but the overhead of a hundred torch operations takes
ten times that. Here all terms that depend only on weights and montage are computed once (scoring
weights per electrode, batch normalisation folded into the next layer, the spherical-harmonic fit
folded into the linear path), which leaves a few matrix products. `streaming` is the reference
implementation; a test checks that both agree.
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
from bci_affect.model.covariance import FEW_ELECTRODES, CovarianceEncoder
from bci_affect.model.positions import CODE_SIZE, has_position, position_code
from bci_affect.model.streaming import StreamingEncoder, fit_field

Floats = NDArray[np.float32]

_CACHE_SIZE = 64
"""Number of cached montages, one per set of valid electrodes."""
_BATCH_SIZE = 64
"""Windows per batch; larger batches exceed the processor's cache."""


@dataclass(frozen=True)
class _Layer:
    """Affine layer on columns: ``weight @ x + bias``."""

    weight: Floats  # (n_out, n_in)
    bias: Floats  # (n_out, 1)

    @classmethod
    def from_linear(cls, layer: nn.Linear, scale: nn.BatchNorm1d | None = None) -> _Layer:
        """Convert a linear layer, with the batch normalisation before it folded in."""
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
    """Cached terms of one montage with v valid electrodes."""

    rows: NDArray[np.intp]  # (v,): indices of the valid electrodes
    code: Floats  # (16, v)
    fit: Floats  # (16, v)
    score: Floats  # (v, heads, 2 * bands)
    score_bias: Floats  # (v, heads, 1)


class StreamingInference:
    """Inference with a `streaming` or `covariance` `AffectModel` in evaluation mode.

    Parameters
    ----------
    model : AffectModel
        Model whose current weights are copied.
    """

    def __init__(self, model: AffectModel) -> None:
        encoder, settings = model.encoder, model.settings
        assert isinstance(encoder, StreamingEncoder)
        self._encoder = encoder
        self._n_bands, self._heads = settings.n_bands, settings.attention_heads
        self._slope = 0.01 if settings.shared_activation else 1.0  # of the LeakyReLU
        self._shared, self._emotion = (
            _Layer.from_linear(model.shared),
            _Layer.from_linear(model.heads),
        )
        self._montages: OrderedDict[tuple[bytes, bytes], _Montage] = OrderedDict()
        if encoder.has_linear_path:
            self._linear = _Layer.from_linear(encoder.linear, encoder.field_scale)
        if encoder.has_attention_path:
            self._step = _Layer.from_linear(encoder.step, encoder.map_scale)
            self._lstm_in, self._lstm_recurrent = _lstm_layers(encoder.lstm)
            logistic = np.arange(4 * settings.hidden)[:, None] < 3 * settings.hidden
            self._lstm_scale = np.where(logistic, np.float32(0.5), np.float32(1))
            self._lstm_shift = np.where(logistic, np.float32(0.5), np.float32(0))
            self._time_hidden = _Layer.from_linear(encoder.time_hidden)
            self._time_score = _floats(encoder.time_score.weight)
            self._out = _Layer.from_linear(encoder.out)
        self._gate, self._person = np.float32(1), None
        if isinstance(encoder, CovarianceEncoder):
            self._gate = np.float32(encoder.gate.item())
            self._person = tuple(
                _Layer(_floats(layer.weight / encoder.feature_scale), _floats(layer.bias[:, None]))
                for layer in (encoder.many, encoder.few)
            )

    def predict(
        self,
        bands: Floats,
        mask: NDArray[np.bool_],
        positions: Floats,
        person: Floats | None = None,
    ) -> Prediction:
        """Run the model on windows; the arrays of the result have a leading axis n.

        Parameters
        ----------
        bands : ndarray of float32, shape (n, n_steps, n_channels, n_bands)
        mask : ndarray of bool, shape (n, n_channels)
        positions : ndarray of float32, shape (1 or n, n_channels, 3)
        person : ndarray of float32, shape (n, n_bands * 316), optional
            Features against the person's rest, for `covariance` models.
        """
        n, n_steps, n_channels, _ = bands.shape
        features = np.zeros((self._shared.weight.shape[1], n), np.float32)
        attention = np.zeros((n, n_channels, n_steps), np.float32)
        for group, montage in self._group_by_montage(mask, positions):
            for start in range(0, len(group), _BATCH_SIZE):
                batch = group[start : start + _BATCH_SIZE]
                features[:, batch], weights = self._encode(bands[batch], montage)
                if self._person is not None:
                    linear = self._person[len(montage.rows) <= FEW_ELECTRODES]
                    features[:, batch] *= self._gate
                    features[:, batch] += linear.bias if person is None else linear(person[batch].T)
                attention[batch[:, None], montage.rows] = weights
        common = self._shared(features)
        if self._slope != 1.0:
            common = np.where(common < 0, self._slope * common, common)
        length = np.sqrt(np.add.reduce(common * common, axis=0))
        embedding = (common / np.maximum(length, np.float32(1e-12))).T
        return Prediction(embedding, attention, self._emotion(common).T)

    def _group_by_montage(
        self, mask: NDArray[np.bool_], positions: Floats
    ) -> list[tuple[NDArray[np.intp], _Montage]]:
        """Return the indices of the windows that share valid electrodes, with their montage."""
        groups: dict[tuple[bytes, bytes], list[int]] = {}
        keys = [montage.tobytes() for montage in positions]
        for i, row in enumerate(mask):
            groups.setdefault((keys[i % len(keys)], row.tobytes()), []).append(i)
        return [
            (np.array(rows), self._montage(key, mask[rows[0]], positions[rows[0] % len(positions)]))
            for key, rows in groups.items()
        ]

    def _montage(
        self, key: tuple[bytes, bytes], mask: NDArray[np.bool_], positions: Floats
    ) -> _Montage:
        if (cached := self._montages.get(key)) is not None:
            return cached
        xyz, encoder = torch.from_numpy(np.array(positions)), self._encoder
        rows = np.flatnonzero(torch.from_numpy(mask) & has_position(xyz))
        with torch.no_grad():
            code = position_code(xyz[rows])
            valid = torch.ones(1, len(rows), dtype=torch.bool)
            fit = fit_field(torch.eye(len(rows))[None], code[None], valid)[0]
            score = torch.zeros(len(rows), 2 * self._n_bands + 1, self._heads)
            if encoder.has_attention_path:
                score = encoder.score_by_place(code).view_as(score)
            # Scores are linear in x and x * x - 1; the constant 1 is folded into the bias.
            bias = score[:, -1] - score[:, self._n_bands : -1].sum(dim=1)
        montage = _Montage(
            rows,
            code=_floats(code.T),
            fit=_floats(fit),
            score=_floats(score[:, :-1].transpose(1, 2)),
            score_bias=_floats(bias[..., None]),
        )
        self._montages[key] = montage
        while len(self._montages) > _CACHE_SIZE:
            self._montages.popitem(last=False)
        return montage

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
            attended, weights = self._attend(x.reshape(v, n_bands, n_steps * n), montage)
            maps = montage.code @ attended
            steps = _gelu(self._step(maps.reshape(-1, n_steps * n)))
            hidden = self._run_lstm(steps, n)
            hidden += steps
            scores = self._time_score @ np.tanh(self._time_hidden(hidden))
            over_time = _softmax(scores.reshape(n_steps, n))
            context = np.add.reduce(hidden.reshape(-1, n_steps, n) * over_time, axis=1)
            features = features + self._out(context)
            over_electrodes = np.add.reduce(weights, axis=1).reshape(v, n_steps, n)
            attention = (over_electrodes * (over_time / self._heads)).transpose(2, 0, 1)
        return features, attention

    def _attend(self, x: Floats, montage: _Montage) -> tuple[Floats, Floats]:
        """Return weighted features, (v, heads * bands * m), and weights, (v, heads, m)."""
        v, n_bands, m = x.shape
        terms = np.empty((v, 2 * n_bands, m), np.float32)
        terms[:, :n_bands] = x
        np.multiply(x, x, out=terms[:, n_bands:])
        scores: Floats = montage.score @ terms
        scores += montage.score_bias
        weights = _softmax(scores) if v else scores
        attended = weights[:, :, None] * x[:, None]
        return attended.reshape(v, self._heads * n_bands * m), weights

    def _run_lstm(self, steps: Floats, n: int) -> Floats:
        """Run the LSTM over steps, (hidden, n_steps * n), from the zero state."""
        size = len(steps)
        gates = np.ascontiguousarray(
            self._lstm_in(steps).reshape(4 * size, -1, n).transpose(1, 0, 2)
        )
        hidden = np.empty((size, len(gates), n), np.float32)
        before, cell = np.zeros((2, size, n), np.float32)
        for t, gate in enumerate(gates):
            if t:
                gate += self._lstm_recurrent @ before
            np.tanh(gate, out=gate)
            gate *= self._lstm_scale  # turn tanh into logistic functions, see `_lstm_layers`
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
    """Return the input layer and the recurrent weights, gates in the order i, f, o, g.

    A logistic function is ``(tanh(x / 2) + 1) / 2``: with the weights of the logistic gates halved
    here, one call of tanh serves all four gates.
    """
    size = lstm.hidden_size
    order = np.r_[0 : 2 * size, 3 * size : 4 * size, 2 * size : 3 * size]
    half = np.r_[np.full(3 * size, 0.5), np.ones(size)].astype(np.float32)[:, None]
    params = {name: _floats(value)[order] for name, value in lstm.named_parameters()}
    weight, recurrent = params["weight_ih_l0"], params["weight_hh_l0"]
    bias = params["bias_ih_l0"] + params["bias_hh_l0"]
    return _Layer(weight * half, bias[:, None] * half), recurrent * half
