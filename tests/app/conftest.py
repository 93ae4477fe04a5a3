"""Fixtures of the calibration tests: an untrained model file and one finished calibration."""

from tests.training.calibration.conftest import calibrated, model_file

__all__ = ["calibrated", "model_file"]
