"""Export of EEG to MNE with positions and markers, for offline analysis."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bci_affect.eeg.montage import Montage
from bci_affect.eeg.units import eeg_scales, with_inferred
from bci_affect.errors import BciAffectError

if TYPE_CHECKING:
    import mne


def to_mne(
    samples: NDArray[np.floating],
    rate_hz: float,
    montage: Montage,
    *,
    units: Sequence[str] = (),
    times: NDArray[np.float64] | None = None,
    markers: Iterable[tuple[float, str]] = (),
    bad: Sequence[str] = (),
) -> mne.io.RawArray:
    """Convert a recording to an `mne.io.RawArray`.

    Parameters
    ----------
    samples : ndarray, shape (n_channels, n_samples)
        EEG in the given units; if unknown, inferred from the signal, else microvolts.
    rate_hz : float
        Nominal rate.
    montage : Montage
        Channels; those that are not EEG become MNE's type ``misc`` and keep their values.
    units : sequence of str
        Unit of each channel as the stream names it.
    times : ndarray of float64, shape (n_samples,), optional
        Stamp of each sample. A gap in them becomes an annotation ``BAD_gap`` at the position of
        the join (MNE has no gaps).
    markers : iterable of (float, str)
        Events with their times on the clock of `times` (seconds from the first sample without
        stamps); each becomes an annotation. Events outside the recording are omitted.
    bad : sequence of str
        Channels to mark as bad.

    Returns
    -------
    mne.io.RawArray
        In volts, with electrode positions in head coordinates.

    Raises
    ------
    BciAffectError
        If the arrays do not fit together.
    """
    import mne

    samples = np.asarray(samples)
    n_samples = samples.shape[-1]
    if samples.ndim != 2 or len(samples) != len(montage):
        raise BciAffectError(
            f"The samples have shape {samples.shape}; {len(montage)} channels are named."
        )
    if times is None:
        times = np.arange(n_samples) / rate_hz
    if len(times) != n_samples:
        raise BciAffectError(f"There are {len(times)} stamps for {n_samples} samples.")
    eeg = montage.is_eeg
    volts = samples.astype(np.float64)
    scales = with_inferred(eeg_scales(units, eeg), samples.T, rate_hz)
    volts[eeg] *= scales[eeg, None] * 1e-6
    kinds = ["eeg" if is_eeg else "misc" for is_eeg in eeg]
    info = mne.create_info(list(montage.names), rate_hz, kinds)
    info["bads"] = [name for name in montage.names if name in set(bad)]
    raw = mne.io.RawArray(volts, info, verbose="error")
    placed = np.flatnonzero(montage.placed)
    if placed.size:
        places = {montage.names[c]: montage.positions[c].astype(np.float64) for c in placed}
        head = mne.channels.make_dig_montage(places, coord_frame="head")
        raw.set_montage(head, on_missing="ignore", verbose="error")
    raw.set_annotations(_annotations(times, rate_hz, markers), verbose="error")
    return raw


def _annotations(
    times: NDArray[np.float64], rate_hz: float, markers: Iterable[tuple[float, str]]
) -> mne.Annotations:
    """Markers and gaps as annotations, in seconds of samples from the first one."""
    import mne

    found: list[tuple[float, float, str]] = []
    if len(times):
        samples = np.arange(len(times), dtype=np.float64)
        for stamp, text in markers:
            if times[0] - 1 / rate_hz <= stamp <= times[-1] + 1 / rate_hz:
                onset = float(np.interp(stamp, times, samples)) / rate_hz
                found.append((onset, 0.0, text))
        for at in np.flatnonzero(np.diff(times) > max(2.5 / rate_hz, 0.05)):
            found.append((float(at) / rate_hz, 1.0 / rate_hz, "BAD_gap"))
    found.sort()
    return mne.Annotations(
        [onset for onset, _, _ in found],
        [length for _, length, _ in found],
        [text for _, _, text in found],
    )
