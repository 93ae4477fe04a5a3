"""scikit-learn transformer from EEG epochs to band features, along the live signal path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from bci_affect.config import SignalSettings, WindowSettings
from bci_affect.eeg import Chunk, FeatureWindow, Pipeline, State, make_montage
from bci_affect.errors import BciAffectError
from bci_affect.training.estimator import TrialsError

if TYPE_CHECKING:
    import mne

Floats = NDArray[np.float32]
_MICROVOLTS = 1e6


class WindowTransformer(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Band features of EEG epochs, by the causal pipeline of a live session.

    Each epoch is filtered on its own, and nothing is fitted: features of one epoch do not depend on
    any other.

    Parameters
    ----------
    rate_hz : float, optional
        Sampling rate of arrays; `mne.Epochs` and braindecode data sets bring their own.
    channels : sequence of str, optional
        Channel names of arrays, by the 10-20 system; likewise.
    window_s : float
        Length of a window; an epoch that is shorter is one window.
    every_s : float
        Time between two windows.
    output : {"flat", "windows"}
        ``flat``: mean over the windows of an epoch, one row of channels times bands. ``windows``:
        all windows, for `AffectClassifier`.
    signal : SignalSettings, optional
        Filters and bands; the window is that of `window_s`.

    Attributes
    ----------
    positions_ : ndarray of float32, shape (n_channels, 3)
        Electrode positions of the epochs seen in `fit`, for `AffectClassifier`.
    band_names_ : tuple of str
        Names of the bands, the last axis of the features.

    Examples
    --------
    >>> import numpy as np
    >>> import bci_affect as ba
    >>> epochs = np.random.default_rng(0).normal(0, 10, (3, 2, 1000))  # microvolts
    >>> ba.WindowTransformer(250.0, ["C3", "C4"], window_s=2.0).fit_transform(epochs).shape
    (3, 10)
    >>> windows = ba.WindowTransformer(250.0, ["C3", "C4"], window_s=2.0, output="windows")
    >>> windows.fit_transform(epochs).shape  # epochs, windows, steps, channels, bands
    (3, 3, 4, 2, 5)
    """

    def __init__(
        self,
        rate_hz: float | None = None,
        channels: Sequence[str] | None = None,
        window_s: float = 6.0,
        every_s: float = 1.0,
        output: Literal["flat", "windows"] = "flat",
        signal: SignalSettings | None = None,
    ) -> None:
        self.rate_hz = rate_hz
        self.channels = channels
        self.window_s = window_s
        self.every_s = every_s
        self.output = output
        self.signal = signal

    def fit(self, x: ArrayLike | mne.BaseEpochs, y: ArrayLike | None = None) -> Self:
        """Check the epochs and note their electrodes; no statistics are computed.

        Parameters
        ----------
        x : ndarray of shape (n_epochs, n_channels, n_times), mne.Epochs, or braindecode data set
            EEG; arrays in microvolts.
        y : ignored
        """
        eeg, rate_hz, names = self._read(x)
        settings = self._settings(eeg.shape[2], rate_hz)
        self.positions_ = make_montage(names).positions
        self.band_names_ = tuple(settings.bands)
        self.n_features_in_ = eeg.shape[1]
        return self

    def transform(self, x: ArrayLike | mne.BaseEpochs) -> Floats:
        """Return the features of epochs.

        Parameters
        ----------
        x : ndarray of shape (n_epochs, n_channels, n_times), mne.Epochs, or braindecode data set

        Returns
        -------
        ndarray of float32
            Differential entropy in nats: (n_epochs, n_channels * n_bands) with ``flat``, else
            (n_epochs, n_windows, n_steps, n_channels, n_bands), with NaN for unusable electrodes
            and windows.
        """
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(self, "n_features_in_")
        eeg, rate_hz, names = self._read(x)
        if eeg.shape[1] != self.n_features_in_:
            raise TrialsError(
                f"X has {eeg.shape[1]} channels, but WindowTransformer was fitted on "
                f"{self.n_features_in_}."
            )
        settings = self._settings(eeg.shape[2], rate_hz)
        montage = make_montage(names)
        times = np.arange(eeg.shape[2]) / rate_hz
        every = max(1, round(self.every_s / settings.window.hop_s))
        first = round(settings.window.window_s / settings.window.hop_s) - 1  # full window
        rows = []
        for epoch in eeg:
            windows = Pipeline(settings, rate_hz, montage).push(Chunk(epoch, times))
            rows.append(self._row(windows[first::every]))
        return np.stack(rows)

    def _row(self, windows: list[FeatureWindow]) -> Floats:
        bands = np.stack([window.bands for window in windows])
        good = np.array([window.state is State.OK for window in windows])
        if not good.any():  # a short epoch ends before the filters have settled
            good[:] = True
        if self.output == "flat":
            flat: Floats = bands[good].mean(axis=(0, 1)).reshape(-1)
            return flat
        mask = np.stack([window.mask for window in windows]) & good[:, None]
        return np.where(mask[:, None, :, None], bands, np.float32(np.nan))

    def _settings(self, n_times: int, rate_hz: float) -> SignalSettings:
        if self.output not in ("flat", "windows"):
            raise TrialsError(f"output is 'flat' or 'windows', not {self.output!r}.")
        base = self.signal or SignalSettings()
        step = base.window.step_s
        steps = max(1, round(min(self.window_s, n_times / rate_hz - step) / step))
        if n_times / rate_hz < 2 * step:
            raise TrialsError(
                f"Epochs of {n_times / rate_hz:.2f} s are too short; {2 * step:g} s are needed."
            )
        window = WindowSettings(window_s=steps * step, step_s=step, hop_s=base.window.hop_s)
        return base.model_copy(update={"window": window})

    def _read(self, x: Any) -> tuple[Floats, float, tuple[str, ...]]:
        """Return EEG in microvolts, (n_epochs, n_channels, n_times), its rate and names."""
        rate_hz, names, scale = self.rate_hz, self.channels, 1.0
        if hasattr(x, "datasets"):  # braindecode's BaseConcatDataset of windows
            first = x.datasets[0]
            recording = first.windows if hasattr(first, "windows") else first.raw
            rate_hz, names = float(recording.info["sfreq"]), recording.ch_names
            data, scale = np.stack([item[0] for item in x]), _MICROVOLTS
        elif hasattr(x, "get_data") and hasattr(x, "info"):
            rate_hz, names = float(x.info["sfreq"]), x.ch_names
            data, scale = x.get_data(copy=False), _MICROVOLTS
        else:
            data = np.asarray(x)
        if data.ndim != 3 or not len(data):
            raise TrialsError(
                f"X must be (n_epochs, n_channels, n_times) in microvolts, or mne.Epochs; it has "
                f"shape {data.shape}."
            )
        if rate_hz is None or names is None:
            raise BciAffectError(
                "Arrays need their rate and channel names: WindowTransformer(250.0, ['C3', 'C4'])."
            )
        if len(names) != data.shape[1]:
            raise TrialsError(f"X has {data.shape[1]} channels; {len(names)} names are given.")
        if not np.isfinite(data).all():
            raise TrialsError("X contains NaN or infinity; leave these epochs out.")
        return (data * scale).astype(np.float32), float(rate_hz), tuple(names)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.requires_fit = True
        return tags
