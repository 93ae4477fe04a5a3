"""Use case of `process`: analysis of a recording along the live path, from Python and commands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from bci_affect.affect import (
    ESTIMATE_VALUES,
    AffectEstimate,
    AffectStep,
    analyse,
    features_document,
    model_signal,
)
from bci_affect.config import LiveSettings, SignalSettings, load_toml
from bci_affect.eeg import Chunk, FeatureWindow, Pipeline, make_montage, to_mne
from bci_affect.errors import BciAffectError
from bci_affect.event_log import Breaks, rest_spans
from bci_affect.profiles import PersonalState, starting_state
from bci_affect.session import load_predictor, model_path, path_factory
from bci_affect.streams import StreamInfo, XdfSource

if TYPE_CHECKING:
    import mne
    import pandas

Arrays = dict[str, NDArray[Any]]


def read_settings(settings: LiveSettings | str | Path | None) -> LiveSettings:
    """Return settings, read from a TOML file if a path is given; the defaults for None."""
    if settings is None:
        return LiveSettings()
    return (
        settings if isinstance(settings, LiveSettings) else load_toml(Path(settings), LiveSettings)
    )


class RecordingAnalysis:
    """Opened recording with the path of a model; a context manager.

    Parameters
    ----------
    file : path
        Recording (XDF).
    stream : str, optional
        Name, source id or number of the EEG stream, if the file has several.
    profile : str
        Name of a calibrated profile; "" for none.
    model : path, optional
        Model file; by default the shipped one.
    align : bool
        Shift streams that are on another clock, where one constant explains it.
    settings : LiveSettings or path, optional
        Settings of a live session, or their TOML file.
    one_thread : bool
        Limit torch to one thread, for the process.

    Attributes
    ----------
    source : XdfSource
    path : AffectPath
    info : StreamInfo
    """

    def __init__(
        self,
        file: str | Path,
        *,
        stream: str | None = None,
        profile: str = "",
        model: str | Path | None = None,
        align: bool = False,
        settings: LiveSettings | str | Path | None = None,
        one_thread: bool = True,
    ) -> None:
        weights = _path(model)
        self.source = XdfSource(file, stream=stream, offline=True, align=align)
        self.info = self.source.open()
        events = self.source.recording.events()
        began = starting_state(events) if profile else None
        person = PersonalState(profile, model_path(weights), began) if profile else None
        predictor = load_predictor(weights, one_thread=one_thread)
        self.path = path_factory(predictor, read_settings(settings), person)(self.info)
        for start, stop in rest_spans(events):
            self.path.begin_rest(start, stop)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.source.close()

    def steps(self) -> Iterator[AffectStep]:
        """Yield the step of every window, oldest first."""
        return analyse(self.source, self.path, Breaks(self.source.recording.events()))

    @property
    def band_names(self) -> tuple[str, ...]:
        """Names of the bands, in the order of the features."""
        return tuple(self.path.settings.bands)


@dataclass(frozen=True)
class ProcessedRecording:
    """Result of `process`: estimates and windows of a recording.

    Attributes
    ----------
    path : Path
        The recording.
    info : StreamInfo
        Its EEG stream.
    estimates : tuple of AffectEstimate
        One estimate per window, oldest first.
    windows : tuple of FeatureWindow
        Windows without covariance.
    band_names : tuple of str
        Last axis of ``window.bands``.
    damage : tuple of str
        Damaged stretches of the file, and a difference of clocks; empty for an intact file.

    Examples
    --------
    See `process`.
    """

    path: Path
    info: StreamInfo
    estimates: tuple[AffectEstimate, ...] = field(repr=False)
    windows: tuple[FeatureWindow, ...] = field(repr=False)
    band_names: tuple[str, ...]
    damage: tuple[str, ...]
    _open: Callable[[], XdfSource] = field(repr=False)

    def __repr__(self) -> str:
        ok = sum(estimate.state == "ok" for estimate in self.estimates)
        return (
            f"ProcessedRecording({self.path.name!r}, {len(self.info.labels)} channels, "
            f"{len(self.estimates)} estimates, {ok} readings)"
        )

    def features(self) -> Arrays:
        """Return the arrays of ``process --features``."""
        return features_document(
            list(self.windows), self.info.labels, self.band_names, self.info.rate_hz
        )

    def to_dataframe(self) -> pandas.DataFrame:
        """Return the estimates as a table with the columns of ``process --out``.

        Raises
        ------
        BciAffectError
            If pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise BciAffectError(
                "Tables need pandas: pip install 'bci_affect[dataframe]'."
            ) from None
        values = [estimate.values() for estimate in self.estimates]
        table = pandas.DataFrame(values, columns=list(ESTIMATE_VALUES))
        table.insert(0, "time", [estimate.time for estimate in self.estimates])
        table["state"] = [estimate.state.value for estimate in self.estimates]
        return table

    def to_mne(self) -> mne.io.RawArray:
        """Return the EEG in volts, with markers and gaps as annotations.

        Time 0 is the first sample. Electrodes that were masked in the last window are in
        ``raw.info["bads"]``.
        """
        with self._open() as source:
            chunks = list(source.chunks())
            markers = [(marker.time, marker.text) for marker in source.recording.markers()]
        eeg = self.info.montage.is_eeg
        used = self.windows[-1].mask if self.windows else eeg
        return to_mne(
            np.concatenate([chunk.samples for chunk in chunks], axis=1),
            self.info.rate_hz,
            self.info.montage,
            units=self.info.units,
            times=np.concatenate([chunk.times for chunk in chunks]),
            markers=markers,
            bad=[self.info.labels[row] for row in np.flatnonzero(eeg & ~used)],
        )


def process(
    recording: str | Path,
    *,
    stream: str | None = None,
    profile: str = "",
    model: str | Path | None = None,
    align: bool = False,
    settings: LiveSettings | str | Path | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> ProcessedRecording:
    """Analyse a recording as a live session does, as fast as possible.

    Parameters
    ----------
    recording : path
        Recording (XDF).
    stream : str, optional
        Name, source id or number of the EEG stream, if the file has several.
    profile : str
        Name of a calibrated profile; "" for none.
    model : path, optional
        Model file; by default the shipped one.
    align : bool
        Shift EEG or markers that are on another clock.
    settings : LiveSettings or path, optional
        Settings of a live session, or their TOML file.
    progress : callable, optional
        Called with the share that is done, 0 to 1.

    Returns
    -------
    ProcessedRecording
        The numbers that ``bci-affect process`` writes.

    Raises
    ------
    BciAffectError
        If the file has no EEG, or the model cannot use it.

    Examples
    --------
    >>> import bci_affect as ba
    >>> from bci_affect.resources import shipped
    >>> result = ba.process(shipped("recordings/demo.xdf"))
    >>> result
    ProcessedRecording('demo.xdf', 8 channels, 1056 estimates, 950 readings)
    >>> estimate = result.estimates[-1]
    >>> estimate.state.value, estimate.attention.shape, estimate.embedding.shape
    ('ok', (8, 12), (32,))
    >>> raw = result.to_mne()
    >>> len(raw.ch_names), float(raw.info["sfreq"]), result.features()["bands"].shape[1:]
    (8, 250.0, (12, 8, 5))
    """
    file = Path(recording)
    estimates, windows = [], []
    with RecordingAnalysis(
        file,
        stream=stream,
        profile=profile,
        model=model,
        align=align,
        settings=settings,
        one_thread=False,
    ) as analysis:
        source = analysis.source
        for step in analysis.steps():
            estimates.append(step.estimate)
            windows.append(replace(step.window, covariance=None))
            progress(source.position_s / source.duration_s)
        difference = source.recording.clock_difference()
        return ProcessedRecording(
            file,
            analysis.info,
            tuple(estimates),
            tuple(windows),
            analysis.band_names,
            (*map(str, source.recording.damage), *([difference.text] if difference else [])),
            lambda: XdfSource(file, stream=stream, offline=True, align=align),
        )


def features(
    data: str | Path | NDArray[np.floating] | mne.io.BaseRaw,
    rate_hz: float | None = None,
    channels: Sequence[str] | None = None,
    *,
    stream: str | None = None,
    model: str | Path | None = None,
    signal: SignalSettings | None = None,
) -> Arrays:
    """Return the band features of EEG by the causal signal path of a live session.

    Parameters
    ----------
    data : path, ndarray of shape (n_channels, n_samples), or mne.io.Raw
        Recording (XDF), EEG in microvolts, or EEG of MNE.
    rate_hz : float, optional
        Sampling rate of an array.
    channels : sequence of str, optional
        Channel names of an array, by the 10-20 system.
    stream : str, optional
        Name of the EEG stream of a recording, if it has several.
    model : path, optional
        Model file whose filters, bands and window are used; by default the shipped one.
    signal : SignalSettings, optional
        Filters, bands and window in place of the model's.

    Returns
    -------
    dict of str to ndarray
        The arrays of a ``features.npz``: ``time`` (n,), ``bands`` (n, n_steps, n_channels, n_bands)
        in nats, ``mask`` and ``quality`` (n, n_channels), ``state`` (n,), ``index`` (n,),
        ``channels``, ``band_names`` and ``rate``.

    Raises
    ------
    BciAffectError
        If rate and channels are missing or do not fit, or a recording has no EEG.

    Examples
    --------
    >>> import numpy as np
    >>> import bci_affect as ba
    >>> eeg = np.random.default_rng(0).normal(0, 10, (4, 5120))  # 20 s of four electrodes
    >>> arrays = ba.features(eeg, 256.0, ["TP9", "AF7", "AF8", "TP10"])
    >>> arrays["bands"].shape[1:], [str(name) for name in arrays["band_names"]]
    ((12, 4, 5), ['delta', 'theta', 'alpha', 'beta', 'gamma'])
    """
    settings = signal or model_signal(load_predictor(_path(model), one_thread=False).card)
    if isinstance(data, str | Path):
        with XdfSource(data, stream=stream, offline=True) as source:
            info = source.info
            pipeline = Pipeline(settings, info.rate_hz, info.montage)
            windows = [w for chunk in source.chunks() for w in pipeline.push(chunk)]
        names, rate = info.labels, info.rate_hz
    else:
        chunk, names, rate = _one_chunk(data, rate_hz, channels)
        windows = Pipeline(settings, rate, make_montage(names)).push(chunk)
    kept = [replace(window, covariance=None) for window in windows]
    return features_document(kept, names, tuple(settings.bands), rate)


def _one_chunk(
    data: NDArray[np.floating] | mne.io.BaseRaw,
    rate_hz: float | None,
    channels: Sequence[str] | None,
) -> tuple[Chunk, tuple[str, ...], float]:
    """Return EEG of an array or of MNE as one chunk, with channel names and rate."""
    if not isinstance(data, np.ndarray):
        rate_hz, channels = float(data.info["sfreq"]), data.ch_names
        data = data.get_data() * 1e6
    if rate_hz is None or channels is None:
        raise BciAffectError(
            "An array needs its rate and channel names: features(eeg, 250.0, [...])."
        )
    if data.ndim != 2 or len(data) != len(channels):
        raise BciAffectError(
            f"The array has shape {data.shape}; with {len(channels)} channel names it must be "
            f"({len(channels)}, n_samples)."
        )
    times = np.arange(data.shape[1]) / rate_hz
    return Chunk(data.astype(np.float32), times), tuple(channels), rate_hz


def _path(model: str | Path | None) -> Path | None:
    return None if model is None else Path(model)
