"""A person's rest from one session to the next, and in the recording of the next."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bci_affect.affect import ReferenceKind
from bci_affect.events import decode, encode
from bci_affect.model import save_model
from bci_affect.profiles import PersonalState, starting_state
from bci_affect.profiles.store import ProfileStore
from tests.affect.test_rest import CAP, arousal, eeg, predictor, session


def test_the_second_session_and_its_recording_start_from_the_stored_rest(tmp_path: Path):
    model = tmp_path / "model.safetensors"
    save_model(model, predictor().copy_model(), predictor().card)
    with ProfileStore() as store:
        store.create("Ann")
    first, _ = session(eeg(70), rest=(105.0, 165.0))
    assert PersonalState("Ann", model).state(CAP.names) is None
    PersonalState("Ann", model).save(CAP.names, first.estimator.normaliser)
    live_person = PersonalState("Ann", model)
    second = eeg(40, alpha=0.4, seed=5)
    _, steps = session(second, state=live_person.state(CAP.names))
    assert steps[-1].estimate.reference is ReferenceKind.STORED
    assert arousal(steps, 30, 40) > 1.0
    fresh, _ = session(eeg(20), state=live_person.state(CAP.names))
    event = live_person.start_event(CAP.names, fresh.estimator.normaliser)
    text = encode(event)
    assert len(text) < 400_000
    PersonalState("Ann", model).save(CAP.names, session(eeg(30))[0].estimator.normaliser)  # later
    began = starting_state([(100.0, decode(text))])
    replay = PersonalState("Ann", model, began).state(CAP.names)
    _, again = session(second, state=replay, size_s=20.0)
    for a, b in zip(steps, again, strict=True):
        np.testing.assert_allclose(a.estimate.arousal, b.estimate.arousal, atol=1e-5)
