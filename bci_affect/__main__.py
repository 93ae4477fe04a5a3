"""Entry point of ``bci-affect`` and of ``python -m bci_affect``."""

from bci_affect.ending import end_at_once_on_signals


def main() -> None:
    """Run the command line; a signal ends it with one line, also while it is being imported."""
    end_at_once_on_signals()
    from bci_affect.cli import main as run

    run()


if __name__ == "__main__":
    main()
