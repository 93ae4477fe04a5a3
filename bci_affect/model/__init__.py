"""The bimodal model: EEG encoder, music projection, common space, heads, losses, model files.

What lives here: torch modules, each in a file, and `Predictor`, which takes and gives NumPy arrays
so that other rooms need no torch. What never will: EEG files, LSL, and Qt.
"""
