"""The CSV of estimates has the columns that other programs read."""

from __future__ import annotations

from bci_affect.affect.estimate_csv import COLUMNS


def test_columns_are_the_documented_ones_in_order() -> None:
    assert ",".join(COLUMNS) == (
        "time,valence,arousal,valence_prob,arousal_prob,confidence,quality,state,track,"
        "elapsed_s,decided_valence,decided_arousal,calibrated,reason,"
        "music_valence_prob,music_arousal_prob,fused_valence_prob,fused_arousal_prob"
    )
