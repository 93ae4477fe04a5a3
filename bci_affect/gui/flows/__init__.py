"""What the window leads through, one flow per file: start, calibration, replay, end, preferences.

What lives here: pages and dialogs that stand beside the session and never cover it while it runs.
What never will: the work itself (services do it), and blocking calls.
"""
