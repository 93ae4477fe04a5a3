"""The terminal shows the three estimates apart and together, what is decided, and why not more."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
from rich.console import Console

from bci_affect.app.dashboard import line, render
from tests.gui.scripted import ScriptedSession


def test_three_estimates_are_shown_with_their_decision_and_reasons() -> None:
    session = ScriptedSession()
    session.advance(20.0)
    snapshot = session.snapshot()
    assert snapshot.affect.estimate is not None
    assert snapshot.affect.estimate.reading is not None
    reading = replace(
        snapshot.affect.estimate.reading,
        eeg_prob=np.array([0.61, 0.42]),
        music_prob=np.array([0.78, np.nan]),
        fused_prob=np.array([0.70, 0.42]),
        eeg_weight=np.array([0.0, 1.0]),
        decision=("unsure", "low"),
        reasons=("your EEG is not above chance for valence, so the music decides",),
    )
    snapshot = replace(
        snapshot,
        affect=replace(
            snapshot.affect, estimate=replace(snapshot.affect.estimate, reading=reading)
        ),
    )
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(render(snapshot))
    for shown in (console.export_text(), line(snapshot)):
        assert "EEG 61%, music 78%, both 70%" in shown
        assert "unsure" in shown
        assert "EEG 42%, no music, both 42%" in shown
        assert "so the music decides" in shown
