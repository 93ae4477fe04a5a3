"""How a session goes on where the last one stood: the normalisation that a profile keeps."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from bci_affect.eeg import Normaliser
from bci_affect.errors import BciAffectError
from bci_affect.session.fusion import PersonalModel
from bci_affect.session.profiles import ProfileStore, model_identity, normalisation_key

log = logging.getLogger(__name__)


class Continuing:
    """A profile's personal model and normalisation, for one model file.

    Parameters
    ----------
    profile : str
        Name of the profile.
    model : Path
        The model file.

    Raises
    ------
    BciAffectError
        If the profile does not exist, or was calibrated with another model.
    """

    def __init__(self, profile: str, model: Path) -> None:
        self._profile = profile
        self._model = model_identity(model)
        with ProfileStore() as store:
            self.personal: PersonalModel | None = store.load(profile).personal
        if self.personal is not None and self.personal.model != self._model:
            raise BciAffectError(
                f"The profile '{profile}' was calibrated with the model {self.personal.model}, not "
                f"{self._model}; give that model, or calibrate again with this one."
            )

    def normaliser(self, channels: Sequence[str]) -> Normaliser | None:
        """Return the normaliser that the last session with these channels left, or None."""
        with ProfileStore() as store:
            state = store.normalisation(self._profile, normalisation_key(self._model, channels))
        return None if state is None else Normaliser.from_state(state)

    def keep(self, channels: Sequence[str], normaliser: Normaliser) -> None:
        """Keep a normaliser's state for the next session; a failure is logged, never raised."""
        try:
            with ProfileStore() as store:
                store.save_normalisation(
                    self._profile,
                    normalisation_key(self._model, channels),
                    normaliser.state(),
                )
        except (BciAffectError, sqlite3.Error) as error:
            log.warning("the profile's normalisation was not kept: %s", error)
