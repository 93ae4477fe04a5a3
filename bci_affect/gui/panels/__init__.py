"""Panels of the window, one per file: each draws the view model and sends commands to the session.

This folder holds drawing code and the widgets of one panel each. It never holds requests for data,
which are the view model's, timers, or layout, which is the main window's.
"""
