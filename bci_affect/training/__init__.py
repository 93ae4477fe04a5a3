"""Offline training: splits that cannot leak, the trainer, metrics, studies, reports, calibration.

What lives here: everything that fits something to data. What never will: Qt and LSL.
"""
