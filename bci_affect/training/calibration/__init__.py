"""Calibration to one person: personal model, nested evaluation, permutation test and report.

This folder holds the ladder from the population head to a personal one, its nested evaluation on
the person's own clips, the verdict in words, the extraction of rated clips from recordings,
simulated people for power and false positives, and the report. It never holds the use of the result
in a live session (see `bci_affect.affect`), Qt, or LSL.
"""

from bci_affect.training.calibration.clips import ClipTable, select_labelled
from bci_affect.training.calibration.evaluation import Evaluation, Score, evaluate
from bci_affect.training.calibration.personal_model import Calibration, calibrate
from bci_affect.training.calibration.verdict import Verdict, clips_needed, make_verdict

__all__ = [
    "Calibration",
    "ClipTable",
    "Evaluation",
    "Score",
    "Verdict",
    "calibrate",
    "clips_needed",
    "evaluate",
    "make_verdict",
    "select_labelled",
]
