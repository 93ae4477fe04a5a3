"""The default encoder: any montage, attention over electrodes and time, and a linear path.

At each step, attention over the valid electrodes (several heads, each scoring an electrode by its
band features with weights that are a smooth function of its place) pools what was seen (the bands)
and where (the position code). An LSTM reads the steps, and attention over time pools those. Beside
this runs a linear path: the scalp's field of mean band power, fitted with spherical harmonics to
whatever electrodes there are, times a matrix. Training fits the linear path first and adds the
attention path from zero (`training.linear_start`): on little data the linear path carries the
model.

Pooling before anything wide is what makes it fast: no array is larger than
(batch, n_steps, n_channels, 2 * n_bands).
"""

from __future__ import annotations

from functools import lru_cache

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
    field_mean: Tensor
    field_sd: Tensor

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        heads, bands, hidden = settings.attention_heads, settings.n_bands, settings.hidden
        self._heads = heads
        self.has_linear_path, self.has_attention_path = (
            settings.linear_path,
            settings.attention_path,
        )
        if self.has_attention_path:
            # Scores are a quadratic function of the bands: high, low, and far from usual power can
            # each draw attention.
            self.score_by_place = nn.Linear(CODE_SIZE, heads * (2 * bands + 1))
            self.look_scale = nn.BatchNorm1d(heads * (bands + CODE_SIZE), affine=False)
            self.step = nn.Linear(heads * (bands + CODE_SIZE), hidden)
            self.drop = nn.Dropout(settings.dropout)
            self.lstm = nn.LSTM(hidden, hidden, batch_first=True)
            self.time_hidden = nn.Linear(hidden, hidden)
            self.time_score = nn.Linear(hidden, 1, bias=False)
            self.out = nn.Linear(hidden, settings.width)
        if self.has_linear_path:
            n_fields = CODE_SIZE * settings.n_bands
            self.register_buffer("field_mean", torch.zeros(n_fields))
            self.register_buffer("field_sd", torch.ones(n_fields))
            self.linear = nn.Linear(n_fields, settings.width)

    def forward(self, bands: Tensor, mask: Tensor, positions: Tensor) -> Encoded:
        """Encode a batch of windows; see `Encoder.forward`."""
        batch, n_steps, n_channels, _ = bands.shape
        code = position_code(positions)  # (batch or 1, n_channels, CODE_SIZE)
        valid = mask & known_places(positions)
        # What is masked cannot be seen, whatever stands there.
        bands = bands.masked_fill(~valid[:, None, :, None], 0.0)
        features = bands.new_zeros(())
        if self.has_linear_path:
            field = _field(bands.mean(dim=1), code, valid).flatten(1)
            features = self.linear(self.scale_field(field))
        if self.has_attention_path:
            context, attention = self._attend(bands, code, valid)
            features = features + self.out(self.drop(context))
        else:
            shares = valid.float() / (valid.sum(dim=1, keepdim=True).clamp_min(1) * n_steps)
            attention = shares[:, :, None].expand(batch, n_channels, n_steps)
        return Encoded(features, attention)

    def field(self, bands: Tensor, mask: Tensor, positions: Tensor) -> Tensor:
        """Return what the linear path reads of windows, before scaling: (batch, n_fields)."""
        valid = mask & known_places(positions)
        bands = bands.masked_fill(~valid[:, None, :, None], 0.0)
        return _field(bands.mean(dim=1), position_code(positions), valid).flatten(1)

    def standardise(self, fields: Tensor) -> None:
        """Take mean and spread of these fields, (n, n_fields), as those of all.

        Lateral differences vary far less than power does everywhere at once; on one scale both are
        found.
        """
        self.field_mean.copy_(fields.mean(dim=0))
        self.field_sd.copy_(fields.std(dim=0).clamp_min(1e-3))

    def scale_field(self, fields: Tensor) -> Tensor:
        """Scale fields by the statistics that training set."""
        return (fields - self.field_mean) / self.field_sd

    def _attend(self, bands: Tensor, code: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        batch, n_steps, _, n_bands = bands.shape
        weights = self.score_by_place(code).unflatten(-1, (2 * n_bands + 1, self._heads))
        seen = torch.cat([bands, bands * bands - 1], dim=-1)
        by_bands, by_place = weights[:, :, :-1], weights[:, None, :, -1]
        if len(code) == 1:  # one montage: one product for each electrode, not for each window
            scores = torch.einsum("bscf,cfh->bsch", seen, by_bands[0]) + by_place
        else:
            scores = torch.einsum("bscf,bcfh->bsch", seen, by_bands) + by_place
        over_electrodes = masked_softmax(scores, valid[:, None, :, None], dim=2)
        shares = over_electrodes.to(bands.dtype).transpose(2, 3)  # (batch, n_steps, heads, n_ch)
        what = torch.matmul(shares, bands)  # (batch, n_steps, heads, n_bands)
        where = torch.matmul(shares, code[:, None].to(bands.dtype))
        looked_at = torch.cat([what, where], dim=-1).flatten(2).flatten(0, 1)
        looked_at = self.look_scale(looked_at).unflatten(0, (batch, n_steps))
        steps = self.drop(nn.functional.gelu(self.step(looked_at)))  # (batch, n_steps, hidden)
        hidden, _ = self.lstm(steps)
        # The step's own content stands beside the LSTM's memory, so that attention points at the
        # time when something was, and not at a later step that remembers it.
        hidden = hidden + steps
        scores = self.time_score(torch.tanh(self.time_hidden(hidden))).squeeze(-1)
        over_time = torch.softmax(scores.float(), dim=1)  # (batch, n_steps)
        context = torch.einsum("bs,bsh->bh", over_time.to(hidden.dtype), hidden)
        attention = over_electrodes.mean(dim=-1) * over_time[:, :, None]
        return context, attention.transpose(1, 2)


def _field(power: Tensor, code: Tensor, valid: Tensor) -> Tensor:
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
        if torch.is_inference_mode_enabled() and not code.is_cuda and _alike(code, valid):
            fit = _fit(code[0].numpy().tobytes(), valid[0].numpy().tobytes(), valid.shape[1])
            return torch.matmul(fit, power.float())
        y = code.float() * valid[..., None]  # (batch, n_channels, 16)
        share = valid.sum(dim=1).clamp_min(1)[:, None, None]
        gram = torch.einsum("bci,bcj->bij", y, y) / share
        penalty = 0.05 * (1 + _DEGREE_OF.to(y.device)) ** 2
        moments = torch.einsum("bci,bcf->bif", y, power.float()) / share
        root = torch.linalg.cholesky(gram + torch.diag(penalty))
        field: Tensor = torch.cholesky_solve(moments, root)
    return field


def _alike(code: Tensor, valid: Tensor) -> bool:
    """Whether all windows have the same electrodes, as live ones do."""
    same = (valid == valid[:1]).all() and (code == code[:1]).all()
    return len(valid) > 0 and bool(same)


@lru_cache(maxsize=32)
def _fit(code: bytes, valid: bytes, n_channels: int) -> Tensor:
    """Return the matrix of the fit, (1, 16, n_channels), worked out once per montage and mask.

    `_field` is linear in the power, so that the fit of unit powers is its matrix.
    """
    with torch.inference_mode(False):
        return _field(
            torch.eye(n_channels)[None],
            torch.frombuffer(bytearray(code), dtype=torch.float32).view(1, n_channels, CODE_SIZE),
            torch.frombuffer(bytearray(valid), dtype=torch.bool).view(1, n_channels),
        )
