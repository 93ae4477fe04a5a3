"""Montage: names and positions of channels, and which of them are EEG.

Names may have any case, old 10-20 names (T3), prefixes and suffixes ("EEG Fp1-REF"), and vendor's
spellings. Positions are those of MNE's template head.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bci_affect.errors import BciAffectError

logger = logging.getLogger(__name__)

MAX_CHANNELS = 1024
"""Most channels of an EEG stream; one with more is refused."""

MASTOIDS = ("M1", "M2", "A1", "A2", "TP9", "TP10")
"""Electrodes on or near the mastoids and ear lobes, best first."""

# Names that vendors and old papers use, in lower case, and what they are in the 10-05 system.
_ALIASES = {
    "t3": "T7",
    "t4": "T8",
    "t5": "P7",
    "t6": "P8",
    "left mastoid": "M1",
    "right mastoid": "M2",
    "lm": "M1",
    "rm": "M2",
    "l_ear": "TP9",  # Muse by its older names
    "r_ear": "TP10",
    "l_forehead": "AF7",
    "r_forehead": "AF8",
    "left ear": "TP9",
    "right ear": "TP10",
    "left forehead": "AF7",
    "right forehead": "AF8",
}

# Names of channels without an electrode: full words, or words followed by a number.
_NO_EEG = re.compile(
    r"""^(
    tri?g(ger)?s? | stim(ulus)? | sti | status | event(s)? | marker(s)? | annotations? | digital.* |
    acc(el(erometer)?)? .* | gyro(scope)?.* | mag(netometer)?.* | quat.* | imu.* | motion.* |
    q[0-3] | mot\.?q[0-3] | mot\..* | [xyz] |
    counter | (sample|packet|frame|chunk)[ _-]?(number|counter|index|num|id)? | seq(uence)?.* |
    index | time(stamp)?s?(_.*)? | interpolated? | (raw_?)?cq.* | eq[_.].* | battery.* |
    temp(erature)?.* | hardware.* | error.* | timing.* | rssi | impedance.* | unused.* |
    [hv]?eog.* | emg.* | ecg.* | ekg.* | gsr\d* | eda\d* | resp(iration)?.* | plet(h)?.* | ppg.* |
    hr | [hv]eo[gl] | [hz]emg | tmp\d* | aux.* | right[ _]aux | left[ _]aux | audio.* | sound.* |
    photo.* | exg\d+ | gaze.* | pupil.* | valence | arousal | validity.* |
    valid(ation)?[ _-]?indicator
    )$""",
    re.VERBOSE | re.IGNORECASE,
)

# Channel types, as a stream's description may name them, that are EEG.
_EEG_TYPES = {"", "eeg", "electrode", "voltage", "exg", "unknown", "misc/eeg"}

_DECORATION = re.compile(r"^(eeg|ch(annel)?|chan|electrode)[\s_:.-]+(?=\D)", re.IGNORECASE)
_REFERENCE = re.compile(
    r"[\s_-]+(ref|reference|le|ar|avg|av|cz|linked|a1a2|a1|a2|m1|m2|raw|uv)\.?$", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Montage:
    """Names and positions of channels.

    Attributes
    ----------
    names : tuple of str
        Channel names in the order of the samples, unique.
    positions : ndarray of float32, shape (n_channels, 3)
        Metres in head coordinates of MNE's ``standard_1005``; NaN if unknown.
    is_eeg : ndarray of bool, shape (n_channels,)
        False for channels that are not EEG (accelerometer, trigger, sample number).

    Examples
    --------
    See `make_montage`.
    """

    names: tuple[str, ...]
    positions: NDArray[np.float32]
    is_eeg: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        return f"Montage({', '.join(self.names)}; {int(self.placed.sum())} electrodes placed)"

    @property
    def placed(self) -> NDArray[np.bool_]:
        """EEG electrodes of known position, bool (n_channels,)."""
        known: NDArray[np.bool_] = self.is_eeg & np.isfinite(self.positions).all(axis=1)
        return known


def make_montage(
    names: Sequence[str],
    *,
    types: Sequence[str] | None = None,
) -> Montage:
    """Create a montage from channel names.

    Parameters
    ----------
    names : sequence of str
        Labels of the stream. Empty labels become "EEG 001" (with the channel's number),
        a repeated label gets the suffix "-2", "-3", and so on.
    types : sequence of str, optional
        Type of each channel as the stream names it; one that is clearly not EEG ("ACC",
        "EOG") excludes the channel.

    Returns
    -------
    Montage
        An electrode with an unknown name keeps it, is EEG, and has a position of NaN.

    Raises
    ------
    BciAffectError
        If there is no channel, there are too many, or `types` has another length.

    Examples
    --------
    >>> import bci_affect as ba
    >>> montage = ba.make_montage(["EEG Fp1-REF", "T3", "ACC X"])
    >>> montage
    Montage(EEG Fp1-REF, T3, ACC X; 2 electrodes placed)
    >>> montage.is_eeg.tolist()
    [True, True, False]
    """
    if not names:
        raise BciAffectError("The stream has no channels; check that it is the EEG stream.")
    if len(names) > MAX_CHANNELS:
        raise BciAffectError(
            f"The stream has {len(names)} channels, more than {MAX_CHANNELS}: it is no EEG; choose "
            "another stream."
        )
    if types is not None and len(types) != len(names):
        raise BciAffectError(
            f"The stream describes {len(types)} channel types for {len(names)} channels."
        )
    places = _places()
    unique = unique_names(names)
    positions = np.full((len(names), 3), np.nan, np.float32)
    is_eeg = np.ones(len(names), np.bool_)
    for row, raw in enumerate(names):
        label = raw.strip()
        place = _place_name(label, places)
        kind = "" if types is None else types[row].strip().casefold()
        is_eeg[row] = kind in _EEG_TYPES and not (not place and _NO_EEG.match(label))
        if is_eeg[row] and place:
            positions[row] = places[place]
    return Montage(unique, positions, is_eeg)


def map_electrodes(montage: Montage, user_map: Mapping[str, str]) -> Montage:
    """Apply the user's electrode map, which overrides the names.

    Parameters
    ----------
    montage : Montage
        From `make_montage`.
    user_map : mapping of str to str
        Channel name, as in `Montage.names`, to name in the 10-05 system ("Ch1" -> "Fp1"), or to ""
        for a channel that is not EEG. Case is ignored.

    Raises
    ------
    BciAffectError
        If a channel or a position does not exist.
    """
    places = _places()
    rows = {name.casefold(): row for row, name in enumerate(montage.names)}
    positions, is_eeg = montage.positions.copy(), montage.is_eeg.copy()
    for label, written in user_map.items():
        row, place = rows.get(label.strip().casefold()), written.strip()
        if row is None:
            raise BciAffectError(
                f"The electrode map names '{label}', which is no channel of the stream; it has "
                f"{', '.join(montage.names)}."
            )
        key = _place_name(place, places) if place else ""
        if place and not key:
            raise BciAffectError(
                f"The electrode map sends '{label}' to '{place}', which is no place of the 10-05 "
                "system; use names such as Fp1, Cz, TP9, or an empty name where there is no EEG."
            )
        is_eeg[row] = bool(place)
        positions[row] = places[key] if key else np.nan
    return Montage(montage.names, positions, is_eeg)


def montage_messages(montage: Montage) -> tuple[str, ...]:
    """Return one sentence per excluded channel with the reason."""
    said = []
    other = [n for n, eeg in zip(montage.names, montage.is_eeg, strict=True) if not eeg]
    if other:
        said.append(f"No EEG, left out: {', '.join(other)}.")
    lost = montage.is_eeg & ~montage.placed
    unknown = [n for n, missing in zip(montage.names, lost, strict=True) if missing]
    if unknown:
        said.append(
            f"Unknown electrode names, masked for the model: {', '.join(unknown)}; give their "
            f'places in the settings, as [electrodes] "{unknown[0]}" = "Fp1", with --config.'
        )
    return tuple(said)


def unique_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return labels without empty ones ("EEG 001") and without repeats ("Cz", "Cz-2")."""
    taken: set[str] = set()
    result = []
    given = {name.strip() for name in names}
    for number, raw in enumerate(names, start=1):
        base = raw.strip() or f"EEG {number:03d}"
        name, count = base, 1
        while name in taken or (count > 1 and name in given):
            count += 1
            name = f"{base}-{count}"
        taken.add(name)
        result.append(name)
    return tuple(result)


def known_places() -> tuple[str, ...]:
    """Return the names of all electrode positions, as in MNE."""
    return tuple(_template())


def _place_name(label: str, places: Mapping[str, NDArray[np.float32]]) -> str:
    """Return the key in `places` that matches a label, or ""."""
    candidates = [label]
    bare = _DECORATION.sub("", label)
    candidates += [bare, _REFERENCE.sub("", bare), bare.replace(" ", "").strip(".")]
    candidates.append(re.split(r"[-:/]", bare)[0])
    for candidate in candidates:
        key = candidate.strip().strip(".").casefold()
        key = _ALIASES.get(key, key).casefold()
        if key in places:
            return key
    return ""


@lru_cache(maxsize=1)
def _places() -> dict[str, NDArray[np.float32]]:
    """Positions by name in lower case."""
    return {name.casefold(): place for name, place in _template().items()}


@lru_cache(maxsize=1)
def _template() -> dict[str, NDArray[np.float32]]:
    """Positions of all 10-05 electrodes in head coordinates, by name."""
    import mne  # slow to import, so only where positions are needed

    known = mne.channels.get_builtin_montages()
    # MNE 1.13 renamed the template and warns about the old name.
    template = "colin27_1005" if "colin27_1005" in known else "standard_1005"
    montage = mne.channels.make_standard_montage(template)
    info = mne.create_info(montage.ch_names, 100.0, "eeg")
    info.set_montage(montage)  # turns the template's coordinates into head coordinates
    return {ch["ch_name"]: ch["loc"][:3].astype(np.float32) for ch in info["chs"]}
