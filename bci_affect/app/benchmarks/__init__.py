"""Benchmarks of `bci-affect benchmark`: one module each, with ``run(quick) -> figures``.

This folder holds the measurements, the process that each of them runs in, and the runner. It never
holds tests of behaviour or limits that a figure has to keep.
"""

BENCHMARKS: dict[str, str] = {
    "calibration": "bci_affect.app.benchmarks.calibration",
    "gui": "bci_affect.app.benchmarks.gui",
    "live": "bci_affect.app.benchmarks.live",
    "replay": "bci_affect.app.benchmarks.replay",
    "retrieval": "bci_affect.app.benchmarks.retrieval",
    "robustness": "bci_affect.app.benchmarks.robustness",
    "signal": "bci_affect.app.benchmarks.signal",
    "startup": "bci_affect.app.benchmarks.startup",
    "streams": "bci_affect.app.benchmarks.streams",
    "tagger": "bci_affect.app.benchmarks.tagger",
    "train": "bci_affect.app.benchmarks.train",
}
"""Modules of the benchmarks, by name."""
