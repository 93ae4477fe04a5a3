"""Personal state of a profile: the model and normalisation with which its sessions start.

A session starts from the normalisation that the profile's last session saved, and records that
state as one event. Processing the recording for the same profile starts from it too, with the
personal model of that time, so that live and offline agree to the last digit (invariant 1 of the
design). A recording without such an event is processed as a session that starts today.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from bci_affect.affect import PersonalModel, RestNormaliser
from bci_affect.eeg import Normaliser
from bci_affect.errors import BciAffectError
from bci_affect.events import EventKind, InvalidEvent, Normalisation, SessionEvent
from bci_affect.profiles.records import model_identity, normalisation_key
from bci_affect.profiles.store import ProfileStore
from bci_affect.storage import decode, encode

logger = logging.getLogger(__name__)


def starting_state(events: Iterable[tuple[float, SessionEvent]]) -> Normalisation | None:
    """Return the normalisation with which a recorded session of a profile started.

    Parameters
    ----------
    events : iterable of (float, SessionEvent)
        Events of a recording.

    Returns
    -------
    Normalisation or None
        None for a recording that is not of a session of a profile.

    Raises
    ------
    BciAffectError
        If the recording has such an event and it cannot be read.
    """
    for _, event in events:
        problem = ""
        if isinstance(event, InvalidEvent) and event.name == EventKind.NORMALISATION:
            problem = event.problem
        elif isinstance(event, Normalisation):
            try:
                decode(event.state)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                problem = str(error)
            if not problem:
                return event
        if problem:
            raise BciAffectError(
                f"The normalisation in the recording is damaged ({problem}); process it without a "
                "profile."
            )
    return None


class PersonalState:
    """A profile's personal model and normalisation, for one model file.

    Parameters
    ----------
    profile : str
        Name of the profile.
    model : Path
        The model file.
    began : Normalisation, optional
        Start of a recorded session; used if it is of this profile and this model.

    Raises
    ------
    BciAffectError
        If the profile does not exist, or was calibrated with another model.
    """

    def __init__(self, profile: str, model: Path, began: Normalisation | None = None) -> None:
        self._profile = profile
        self._model = model_identity(model)
        known = (profile.casefold(), self._model)
        own = began is not None and (began.profile.casefold(), began.model) == known
        self._began = began if own else None
        self.now: float | None = None if self._began is None else self._began.now
        """Unix time that the session counts as of; None is now."""
        with ProfileStore() as store:
            self.personal: PersonalModel | None = store.load(profile).personal
            if self._began is not None:
                self.personal = store.personal_of(profile, self._began.calibration)
        if self.personal is not None and self.personal.model != self._model:
            raise BciAffectError(
                f"The profile '{profile}' was calibrated with the model {self.personal.model}, not "
                f"{self._model}; give that model, or calibrate again with this one."
            )

    def state(self, channels: Sequence[str]) -> dict[str, NDArray[Any]] | None:
        """Return the normalisation that the last session with these channels left, or None."""
        if self._began is not None and self._began.channels == tuple(channels):
            return decode(self._began.state)
        with ProfileStore() as store:
            return store.normalisation(self._profile, normalisation_key(self._model, channels))

    def start_event(
        self, channels: Sequence[str], normaliser: Normaliser | RestNormaliser
    ) -> Normalisation:
        """Return the event that `starting_state` returns."""
        return Normalisation(
            profile=self._profile,
            model=self._model,
            calibration=None if self.personal is None else self.personal.created,
            now=time.time(),
            channels=tuple(channels),
            state=encode(normaliser.state()),
        )

    def save(self, channels: Sequence[str], normaliser: Normaliser | RestNormaliser) -> None:
        """Save a normaliser's state for the next session; a failure is logged, never raised."""
        try:
            with ProfileStore() as store:
                store.save_normalisation(
                    self._profile,
                    normalisation_key(self._model, channels),
                    normaliser.state(),
                )
        except BciAffectError as error:
            logger.warning("the profile's normalisation was not kept: %s", error)
