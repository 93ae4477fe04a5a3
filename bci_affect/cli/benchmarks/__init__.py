"""What `bci-affect benchmark` can measure: one module each, with ``run(quick) -> figures``."""

BENCHMARKS: dict[str, str] = {
    "calibration": "bci_affect.cli.benchmarks.calibration",
    "gui": "bci_affect.cli.benchmarks.gui",
    "live": "bci_affect.cli.benchmarks.live",
    "replay": "bci_affect.cli.benchmarks.replay",
    "retrieval": "bci_affect.cli.benchmarks.retrieval",
    "robustness": "bci_affect.cli.benchmarks.robustness",
    "signal": "bci_affect.cli.benchmarks.signal",
    "startup": "bci_affect.cli.benchmarks.startup",
    "streams": "bci_affect.cli.benchmarks.streams",
    "tagger": "bci_affect.cli.benchmarks.tagger",
    "train": "bci_affect.cli.benchmarks.train",
}
