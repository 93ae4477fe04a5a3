"""Bridge from BrainFlow's boards to LSL, for headsets without an LSL program.

This folder holds the board and its layout, time stamps, causes of refusal, the scan for devices,
and the service that publishes a board and reconnects to it. It never holds signal processing or Qt.

BrainFlow, bleak and pyserial (extra ``headset``) are imported on first use.
"""
