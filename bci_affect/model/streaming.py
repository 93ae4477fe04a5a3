"""The default encoder: any montage, attention over electrodes and time, and a linear path.

Each electrode becomes a token from its band features and a smooth code of its place; attention over
the valid electrodes pools the tokens of a step; an LSTM reads the steps; attention over time pools
those. Beside this runs a linear path: the scalp's field of mean band power, fitted with spherical
harmonics to whatever electrodes there are, times a matrix. With little data the linear path carries
the model; it cannot be much worse than a linear one.
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
        token, heads = settings.token_width, settings.attention_heads
        hidden = 2 * token
        self._heads = heads
        self._linear_path, self._attention_path = settings.linear_path, settings.attention_path
        if self._attention_path:
            self.from_bands = nn.Linear(settings.n_bands, token)
            self.scale_by_place = nn.Linear(CODE_SIZE, token, bias=False)
            self.shift_by_place = nn.Linear(CODE_SIZE, token, bias=False)
            self.electrode_score = nn.Linear(token, heads)
            self.value = nn.Linear(token, heads * token)
            self.drop = nn.Dropout(settings.dropout)
            self.lstm = nn.LSTM(token, hidden, batch_first=True)
            self.step = nn.Linear(token, hidden)
            self.time_hidden = nn.Linear(hidden, token)
            self.time_score = nn.Linear(token, 1, bias=False)
            self.out = nn.Linear(hidden, settings.width)
        if self._linear_path:
            self.linear = nn.Linear(CODE_SIZE * settings.n_bands, settings.width)

    def forward(self, bands: Tensor, mask: Tensor, positions: Tensor) -> Encoded:
        """Encode a batch of windows; see `Encoder.forward`."""
        batch, n_steps, n_channels, _ = bands.shape
        code = position_code(positions).expand(batch, n_channels, CODE_SIZE)
        valid = mask & known_places(positions)
        # What is masked cannot be seen, whatever stands there.
        bands = bands.masked_fill(~valid[:, None, :, None], 0.0)
        features = bands.new_zeros(())
        if self._linear_path:
            features = self.linear(_field(bands.mean(dim=1), code, valid).flatten(1))
        if self._attention_path:
            context, attention = self._attend(bands, code, valid)
            features = features + self.out(self.drop(context))
        else:
            shares = valid.float() / (valid.sum(dim=1, keepdim=True).clamp_min(1) * n_steps)
            attention = shares[:, :, None].expand(batch, n_channels, n_steps)
        return Encoded(features, attention)

    def _attend(self, bands: Tensor, code: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        scale = 1 + self.scale_by_place(code)[:, None]  # (batch, 1, n_channels, token)
        shift = self.shift_by_place(code)[:, None]
        tokens = torch.nn.functional.gelu(self.from_bands(bands) * scale + shift)
        over_electrodes = masked_softmax(
            self.electrode_score(tokens), valid[:, None, :, None], dim=2
        )  # (batch, n_steps, n_channels, heads)
        pooled = torch.einsum("bsch,bsct->bsht", over_electrodes.to(tokens.dtype), tokens)
        # Each head has its own value matrix; pooling before it is the same and costs less.
        weight = self.value.weight.view(self._heads, tokens.shape[-1], tokens.shape[-1])
        steps = torch.einsum("bsht,hot->bso", pooled, weight.to(pooled.dtype)) / self._heads
        steps = self.drop(steps + self.value.bias.view(self._heads, -1).mean(0))
        hidden, _ = self.lstm(steps)
        # The step's own content stands beside the LSTM's memory, so that attention points at the
        # time when something was, and not at a later step that remembers it.
        hidden = hidden + self.step(steps)
        scores = self.time_score(torch.tanh(self.time_hidden(hidden))).squeeze(-1)
        over_time = torch.softmax(scores.float(), dim=1)  # (batch, n_steps)
        context = torch.einsum("bs,bsh->bh", over_time.to(hidden.dtype), hidden)
        attention = over_electrodes.mean(dim=-1).transpose(1, 2) * over_time[:, None, :]
        return context, attention


def _field(power: Tensor, code: Tensor, valid: Tensor) -> Tensor:
    """Fit the field of band power over the head with spherical harmonics.

    A ridge fit whose penalty grows with the harmonic's degree: with few electrodes only the broad
    parts are told, and the montage hardly matters.

    Parameters
    ----------
    power : Tensor, shape (batch, n_channels, n_bands)
        Mean over the window.
    code : Tensor, shape (batch, n_channels, 16)
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
