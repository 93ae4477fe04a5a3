"""Default encoder: attention over electrodes and time plus a linear path, for any montage.

At each step, multi-head attention over the valid electrodes pools the products of band features and
position code, which gives a low-resolution scalp map per head. Attention scores are a function of
an electrode's band features whose weights vary smoothly with its position. An LSTM runs over the
steps, and attention over time pools its states. In parallel, a linear path fits spherical harmonics
to the mean band power at the electrodes present and multiplies the coefficients by a matrix; it
keeps the model close to a linear one where training data are scarce.

Pooling over electrodes before any wide layer keeps it fast: no array is larger than
(batch, n_steps, heads * n_bands, n_channels).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bci_affect.model.encoder import Encoder, EncoderOutput, masked_softmax
from bci_affect.model.positions import CODE_SIZE, has_position, position_code
from bci_affect.model.settings import ModelSettings

_DEGREE_OF = torch.tensor([0] + [1] * 3 + [2] * 5 + [3] * 7, dtype=torch.float32)


class StreamingEncoder(Encoder):
    """Attention over electrodes, LSTM and attention over time, with a parallel linear path."""

    any_montage = True

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        heads, bands, hidden = settings.attention_heads, settings.n_bands, settings.hidden
        self._heads = heads
        self.has_linear_path = settings.linear_path
        self.has_attention_path = settings.attention_path
        if self.has_attention_path:
            # Scores are a quadratic function of the bands, so that high, low and unusual power can
            # each raise attention.
            self.score_by_place = nn.Linear(CODE_SIZE, heads * (2 * bands + 1))
            self.map_scale = nn.BatchNorm1d(heads * CODE_SIZE * bands, affine=False)
            self.step = nn.Linear(heads * CODE_SIZE * bands, hidden)
            self.drop = nn.Dropout(settings.dropout)
            self.lstm = nn.LSTM(hidden, hidden, batch_first=True)
            self.time_hidden = nn.Linear(hidden, hidden)
            self.time_score = nn.Linear(hidden, 1, bias=False)
            self.out = nn.Linear(hidden, settings.width)
        if self.has_linear_path:
            # Lateral differences vary far less than overall power; scaled to unit variance, both
            # are learnt at the same rate by gradient descent.
            self.field_scale = nn.BatchNorm1d(CODE_SIZE * settings.n_bands, affine=False)
            self.linear = nn.Linear(CODE_SIZE * settings.n_bands, settings.width)

    def forward(self, bands: Tensor, mask: Tensor, positions: Tensor) -> EncoderOutput:
        """Encode a batch of windows; see `Encoder.forward`."""
        batch, n_steps, n_channels, _ = bands.shape
        code = position_code(positions)
        valid = mask & has_position(positions)
        x = _electrodes_last(bands, valid)
        features = bands.new_zeros(())
        if self.has_linear_path:
            field = fit_field(x.mean(dim=1).transpose(1, 2), code, valid).flatten(1)
            features = self.linear(self.scale_field(field))
        if self.has_attention_path:
            context, attention = self._attend(x, code, valid)
            features = features + self.out(self.drop(context))
        else:
            uniform = valid.float() / (valid.sum(dim=1, keepdim=True).clamp_min(1) * n_steps)
            attention = uniform[:, :, None].expand(batch, n_channels, n_steps)
        return EncoderOutput(features, attention)

    def field(self, bands: Tensor, mask: Tensor, positions: Tensor) -> Tensor:
        """Return the inputs of the linear path before scaling, (batch, 16 * n_bands)."""
        valid = mask & has_position(positions)
        power = _electrodes_last(bands, valid).mean(dim=1).transpose(1, 2)
        return fit_field(power, position_code(positions), valid).flatten(1)

    def set_field_statistics(self, fields: Tensor) -> None:
        """Set the scaling of the linear path from fields, (n, 16 * n_bands)."""
        mean, var = self.field_scale.running_mean, self.field_scale.running_var
        assert mean is not None
        assert var is not None
        mean.copy_(fields.mean(dim=0))
        var.copy_(fields.var(dim=0).clamp_min(1e-6))

    def scale_field(self, fields: Tensor) -> Tensor:
        """Standardise fields with the fixed statistics, in training mode too."""
        scale = self.field_scale
        return nn.functional.batch_norm(fields, scale.running_mean, scale.running_var)

    def _attend(self, x: Tensor, code: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        batch, n_steps, n_bands, n_channels = x.shape
        montages, heads = len(code), self._heads  # one montage for all windows, or one per window
        rows = batch * n_steps // max(montages, 1)
        weights = self.score_by_place(code).unflatten(-1, (2 * n_bands + 1, heads))
        weights = weights.flatten(0, 1)
        terms = torch.cat([x, x * x - 1], dim=2).view(montages, rows, 2 * n_bands, n_channels)
        terms = terms.permute(0, 3, 1, 2).contiguous().flatten(0, 1)
        scores = torch.baddbmm(weights[:, -1:], terms, weights[:, :-1])
        scores = scores.view(montages, n_channels, rows, heads).permute(0, 2, 3, 1)
        scores = scores.reshape(batch, n_steps, heads, n_channels)
        over_electrodes = masked_softmax(scores, valid[:, None, None], dim=3)
        # Electrodes are the last, contiguous axis, which makes the sums over them fast.
        attended = over_electrodes[:, :, :, None] * x[:, :, None]
        attended = attended.view(montages, rows * heads * n_bands, n_channels)
        maps = torch.bmm(attended, code.to(attended.dtype))
        maps = maps.view(batch * n_steps, heads * n_bands, CODE_SIZE).transpose(1, 2).flatten(1)
        maps = self.map_scale(maps).unflatten(0, (batch, n_steps))
        steps = self.drop(nn.functional.gelu(self.step(maps)))  # (batch, n_steps, hidden)
        hidden, _ = self.lstm(steps)
        # Skip connection, so that attention points at the step where something happened and not at
        # a later step whose LSTM state still carries it.
        hidden = hidden + steps
        scores = self.time_score(torch.tanh(self.time_hidden(hidden))).squeeze(-1)
        over_time = torch.softmax(scores.float(), dim=1)  # (batch, n_steps)
        context = torch.einsum("bs,bsh->bh", over_time.to(hidden.dtype), hidden)
        attention = (over_electrodes.mean(dim=2) * over_time[:, :, None]).transpose(1, 2)
        return context, attention


def _electrodes_last(bands: Tensor, valid: Tensor) -> Tensor:
    """Return bands as (batch, n_steps, n_bands, n_channels), masked values (NaN too) set to 0."""
    x = bands.transpose(2, 3).contiguous()
    return torch.where(valid[:, None, None], x, x.new_zeros(()))


def fit_field(power: Tensor, code: Tensor, valid: Tensor) -> Tensor:
    """Fit spherical harmonics to the scalp distribution of band power.

    A ridge regression whose penalty grows with the degree of the harmonic: with few electrodes only
    the low degrees are fitted, so the result depends little on the montage.

    Parameters
    ----------
    power : Tensor, shape (batch, n_channels, n_bands)
        Band power averaged over the window.
    code : Tensor, shape (batch or 1, n_channels, 16)
        Position code of the electrodes.
    valid : Tensor of bool, shape (batch, n_channels)
        Valid electrodes.

    Returns
    -------
    Tensor, shape (batch, 16, n_bands)
        Coefficients of the harmonics.
    """
    with torch.autocast(power.device.type, enabled=False):
        y = code.float() * valid[..., None]  # (batch, n_channels, 16)
        count = valid.sum(dim=1).clamp_min(1)[:, None, None]
        gram = torch.einsum("bci,bcj->bij", y, y) / count
        penalty = 0.05 * (1 + _DEGREE_OF.to(y.device)) ** 2
        moments = torch.einsum("bci,bcf->bif", y, power.float()) / count
        field: Tensor = torch.linalg.solve(gram + torch.diag(penalty), moments)
    return field
