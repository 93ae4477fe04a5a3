"""The command `bridge` with a stand-in for the board, whose faults follow files in a folder.

While a file `silent` or `refuse` exists in the folder of the first argument, the headset sends
nothing or refuses the connection; the other arguments are those of the command.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

from bci_affect.cli import main
from bci_affect.streams import Bridge
from tests.streams.bridge.stand_in import Headset


def follow(folder: Path, headset: Headset) -> None:
    """Set the headset's faults from the files."""
    while True:
        headset.silent = (folder / "silent").exists()
        headset.refuses = "BOARD_NOT_READY_ERROR" if (folder / "refuse").exists() else ""
        time.sleep(0.02)


if __name__ == "__main__":
    headset = Headset()  # type: ignore[no-untyped-call]
    folder = Path(sys.argv.pop(1))
    defaults = Bridge.__init__.__kwdefaults__
    assert defaults is not None
    defaults["make_board"] = headset.board
    threading.Thread(target=follow, args=(folder, headset), daemon=True).start()
    time.sleep(0.1)
    main()
