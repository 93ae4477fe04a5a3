"""Calibration to one person, with statistics that withstand a sceptic.

This folder holds the ladder from the population head to a personal one, its nested evaluation on
the person's own clips, the verdict in words, the way from recordings to rated clips, simulated
people that show the statistics' power and false positives, and the report. It never holds the use
of the result in a live session (see `bci_affect.affect`), Qt, or LSL.
"""

from bci_affect.training.calibration.clips import ClipTable, labelled
from bci_affect.training.calibration.evaluation import Evaluation, Score, evaluate
from bci_affect.training.calibration.personal import Calibration, calibrate
from bci_affect.training.calibration.verdict import Verdict, clips_needed, judge

__all__ = [
    "Calibration",
    "ClipTable",
    "Evaluation",
    "Score",
    "Verdict",
    "calibrate",
    "clips_needed",
    "evaluate",
    "judge",
    "labelled",
]
