"""Flows of the window, one per file: start, calibration, replay, end, preferences.

This folder holds pages and dialogs that never cover a running session. It never holds the work
itself, which services do, or blocking calls.
"""
