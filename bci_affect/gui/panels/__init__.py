"""The window's panels, one per file: each draws the view model and sends commands to the session.

What lives here: drawing and the widgets of one panel each. What never will: asking the session for
data (the view model does), timers, and layout (the main window does).
"""
