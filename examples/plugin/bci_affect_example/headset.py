"""Electrodes of a headset, for ``bci-affect simulate stream --cap example-headband``."""

CHANNELS = ("AF7", "AF8", "T7", "T8", "O1", "O2")
