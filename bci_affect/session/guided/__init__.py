"""Guided calibration: contact check, rest, rated clips, with progress that survives a restart.

This folder holds the protocol, the choice of its clips, and its progress on disk. It never holds
the fit of a personal model, which is a task of `bci_affect.training`, or widgets.
"""
