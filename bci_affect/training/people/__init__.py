"""Benchmark of people: recorded data sets, people held out, encoder against plain methods.

This folder holds the conditions that a result has to survive (fewer electrodes, failing electrodes,
sittings with a single state, drifting gain), the plain methods, the loop over folds and seeds, and
the page. It never holds a fit or a reference of its own: both are those of `training.trainer` and
`training.person`.
"""
