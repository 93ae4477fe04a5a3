"""Classify trials of a data set with scikit-learn, people held out.

``python features_to_sklearn.py`` simulates a small data set in the layout of DEAP; ``--data DEAP``
reads the real one.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import bci_affect as ba
from bci_affect.datasets import SimulationSettings, write_deap


def main() -> None:
    """Print the balanced accuracy of two models and the leak check of the split."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of DEAP")
    parser.add_argument("--epochs", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = arguments.data
        if data is None:
            data = Path(folder) / "deap"
            write_deap(data, SimulationSettings(subjects=3, trials=8, seconds=10))
        corpus = ba.load_corpus(ba.open_dataset("deap", data), cache=Path(folder))
    x, y, people = ba.trial_table(corpus, "arousal")
    print(corpus, x.shape)
    flat = np.nanmean(x, axis=(1, 2)).reshape(len(x), -1)  # mean band power of each trial
    split = list(LeaveOneGroupOut().split(flat, y, people))
    models = {
        "logistic": (make_pipeline(StandardScaler(), LogisticRegression()), flat),
        "encoder": (
            ba.AffectClassifier(corpus.features.positions[0], epochs=arguments.epochs),
            x,
        ),
    }
    for name, (model, inputs) in models.items():
        correct = cross_val_predict(model, inputs, y, cv=split) == y
        score = np.mean([correct[y == label].mean() for label in np.unique(y)])
        print(f"{name}: balanced accuracy {score:.2f} on {len(y)} trials")
    print(ba.check_split(split, y, subjects=people, new=["subject"]))


if __name__ == "__main__":
    main()
