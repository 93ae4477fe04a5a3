"""Fixtures of the tests of `affect`: a small model with seeded weights and simulated EEG."""

from tests.affect.conftest import eeg, montage, predictor

__all__ = ["eeg", "montage", "predictor"]
