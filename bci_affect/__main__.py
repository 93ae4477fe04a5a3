"""Entry point of ``bci-affect`` and of ``python -m bci_affect``."""

from bci_affect.cli import main

if __name__ == "__main__":
    main()
