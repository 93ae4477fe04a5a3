"""Electrodes of common headsets, in the order of their streams."""

from __future__ import annotations

CAPS: dict[str, tuple[str, ...]] = {
    "muse": ("TP9", "AF7", "AF8", "TP10"),
    "cyton": ("Fp1", "Fp2", "C3", "C4", "P7", "P8", "O1", "O2"),
    "epoc": (
        "AF3", "F7", "F3", "FC5", "T7", "P7", "O1", "O2", "P8", "T8", "FC6", "F4", "F8", "AF4",
    ),
    "cap32": (
        "Fp1", "AF3", "F3", "F7", "FC5", "FC1", "C3", "T7", "CP5", "CP1", "P3", "P7", "PO3", "O1",
        "Oz", "Pz", "Fp2", "AF4", "Fz", "F4", "F8", "FC6", "FC2", "Cz", "C4", "T8", "CP6", "CP2",
        "P4", "P8", "PO4", "O2",
    ),
}  # fmt: skip
"""Names by headset; ``cap32`` is also DEAP's order, ``epoc`` DREAMER's."""
