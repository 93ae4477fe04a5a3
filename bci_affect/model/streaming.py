"""The default encoder: any montage, attention over electrodes and time, and a linear path.

At each step, attention over the valid electrodes (several heads, each scoring an electrode by its
band features with weights that are a smooth function of its place) pools band features times
position code: what each head keeps is a small map of the head where it looked. An LSTM reads the
steps, and attention over time pools those. Beside this runs a linear path: the scalp's field of
mean band power, fitted with spherical harmonics to whatever electrodes there are, times a matrix.
With little data the linear path carries the model; it cannot be much worse than a linear one.

Pooling before anything wide is what makes it fast: no array is larger than
(batch, n_steps, heads * n_bands, n_channels).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bci_affect.model.encoder import Encoded, Encoder, masked_softmax, register
from bci_affect.model.positions import CODE_SIZE, known_places, position_code
from bci_affect.model.settings import ModelSettings

_DEGREE_OF = torch.tensor([0] + [1] * 3 + [2] * 5 + [3] * 7, dtype=torch.float32)


@register("streaming")
class StreamingEncoder(Encoder):
    """Attention over electrodes, LSTM, attention over time, and a linear path beside it."""

    any_montage = True

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        heads, bands, hidden = settings.attention_heads, settings.n_bands, settings.hidden
        self._heads = heads
        self.has_linear_path = settings.linear_path
        self.has_attention_path = settings.attention_path
        if self.has_attention_path:
            # Scores are a quadratic function of the bands: high, low, and far from usual power can
            # each draw attention.
            self.score_by_place = nn.Linear(CODE_SIZE, heads * (2 * bands + 1))
            self.map_scale = nn.BatchNorm1d(heads * CODE_SIZE * bands, affine=False)
            self.step = nn.Linear(heads * CODE_SIZE * bands, hidden)
            self.drop = nn.Dropout(settings.dropout)
            self.lstm = nn.LSTM(hidden, hidden, batch_first=True)
            self.time_hidden = nn.Linear(hidden, hidden)
            self.time_score = nn.Linear(hidden, 1, bias=False)
            self.out = nn.Linear(hidden, settings.width)
        if self.has_linear_path:
            # Lateral differences vary far less than power does everywhere at once; on one scale
            # gradient descent finds both.
            self.field_scale = nn.BatchNorm1d(CODE_SIZE * settings.n_bands, affine=False)
            self.linear = nn.Linear(CODE_SIZE * settings.n_bands, settings.width)

    def forward(self, bands: Tensor, mask: Tensor, positions: Tensor) -> Encoded:
        """Encode a batch of windows; see `Encoder.forward`."""
        batch, n_steps, n_channels, _ = bands.shape
        code = position_code(positions)
        valid = mask & known_places(positions)
        x = _electrodes_last(bands, valid)
        features = bands.new_zeros(())
        if self.has_linear_path:
            field = fit_field(x.mean(dim=1).transpose(1, 2), code, valid).flatten(1)
            features = self.linear(self.scale_field(field))
        if self.has_attention_path:
            context, attention = self._attend(x, code, valid)
            features = features + self.out(self.drop(context))
        else:
            shares = valid.float() / (valid.sum(dim=1, keepdim=True).clamp_min(1) * n_steps)
            attention = shares[:, :, None].expand(batch, n_channels, n_steps)
        return Encoded(features, attention)

    def field(self, bands: Tensor, mask: Tensor, positions: Tensor) -> Tensor:
        """Return what the linear path reads of windows, before scaling: (batch, n_fields)."""
        valid = mask & known_places(positions)
        power = _electrodes_last(bands, valid).mean(dim=1).transpose(1, 2)
        return fit_field(power, position_code(positions), valid).flatten(1)

    def standardise(self, fields: Tensor) -> None:
        """Take mean and spread of these fields, (n, n_fields), as those of all."""
        mean, var = self.field_scale.running_mean, self.field_scale.running_var
        assert mean is not None
        assert var is not None
        mean.copy_(fields.mean(dim=0))
        var.copy_(fields.var(dim=0).clamp_min(1e-6))

    def scale_field(self, fields: Tensor) -> Tensor:
        """Scale fields by the statistics that training set, in training too."""
        scale = self.field_scale
        return nn.functional.batch_norm(fields, scale.running_mean, scale.running_var)

    def _attend(self, x: Tensor, code: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        batch, n_steps, n_bands, n_channels = x.shape
        montages, heads = len(code), self._heads  # all windows have one montage, or each its own
        rows = batch * n_steps // max(montages, 1)
        weights = self.score_by_place(code).unflatten(-1, (2 * n_bands + 1, heads))
        weights = weights.flatten(0, 1)
        seen = torch.cat([x, x * x - 1], dim=2).view(montages, rows, 2 * n_bands, n_channels)
        seen = seen.permute(0, 3, 1, 2).contiguous().flatten(0, 1)
        scores = torch.baddbmm(weights[:, -1:], seen, weights[:, :-1])
        scores = scores.view(montages, n_channels, rows, heads).permute(0, 2, 3, 1)
        scores = scores.reshape(batch, n_steps, heads, n_channels)
        over_electrodes = masked_softmax(scores, valid[:, None, None], dim=3)
        # Electrodes stand last, in steps of one, where adding over them and over bands is cheap.
        looked_at = over_electrodes[:, :, :, None] * x[:, :, None]
        looked_at = looked_at.view(montages, rows * heads * n_bands, n_channels)
        maps = torch.bmm(looked_at, code.to(looked_at.dtype))
        maps = maps.view(batch * n_steps, heads * n_bands, CODE_SIZE).transpose(1, 2).flatten(1)
        maps = self.map_scale(maps).unflatten(0, (batch, n_steps))
        steps = self.drop(nn.functional.gelu(self.step(maps)))  # (batch, n_steps, hidden)
        hidden, _ = self.lstm(steps)
        # The step's own content stands beside the LSTM's memory, so that attention points at the
        # time when something was, and not at a later step that remembers it.
        hidden = hidden + steps
        scores = self.time_score(torch.tanh(self.time_hidden(hidden))).squeeze(-1)
        over_time = torch.softmax(scores.float(), dim=1)  # (batch, n_steps)
        context = torch.einsum("bs,bsh->bh", over_time.to(hidden.dtype), hidden)
        attention = (over_electrodes.mean(dim=2) * over_time[:, :, None]).transpose(1, 2)
        return context, attention


def _electrodes_last(bands: Tensor, valid: Tensor) -> Tensor:
    """Return bands as (batch, n_steps, n_bands, n_channels), 0 where an electrode is masked.

    What is masked cannot be seen, whatever stands there (NaN too).
    """
    x = bands.transpose(2, 3).contiguous()
    return torch.where(valid[:, None, None], x, x.new_zeros(()))


def fit_field(power: Tensor, code: Tensor, valid: Tensor) -> Tensor:
    """Fit the field of band power over the head with spherical harmonics.

    A ridge fit whose penalty grows with the harmonic's degree: with few electrodes only the broad
    parts are told, and the montage hardly matters.

    Parameters
    ----------
    power : Tensor, shape (batch, n_channels, n_bands)
        Mean over the window.
    code : Tensor, shape (batch or 1, n_channels, 16)
        Of the electrodes' places.
    valid : Tensor of bool, shape (batch, n_channels)
        Electrodes to use.

    Returns
    -------
    Tensor, shape (batch, 16, n_bands)
    """
    with torch.autocast(power.device.type, enabled=False):
        y = code.float() * valid[..., None]  # (batch, n_channels, 16)
        share = valid.sum(dim=1).clamp_min(1)[:, None, None]
        gram = torch.einsum("bci,bcj->bij", y, y) / share
        penalty = 0.05 * (1 + _DEGREE_OF.to(y.device)) ** 2
        moments = torch.einsum("bci,bcf->bif", y, power.float()) / share
        field: Tensor = torch.linalg.solve(gram + torch.diag(penalty), moments)
    return field
