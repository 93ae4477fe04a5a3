"""List music that fits a mood: ``python music_query.py ~/Music --valence 0.6 --arousal -0.3``.

Without a folder, a few pieces are generated.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from bci_affect.music import Library, Retriever
from bci_affect.simulation import random_pieces, write


def main() -> None:
    """Analyse the folder into a library of its own and print the best tracks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--valence", type=float, default=0.6)
    parser.add_argument("--arousal", type=float, default=-0.3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = arguments.folder
        if folder is None:
            folder = Path(name) / "music"
            write(folder, random_pieces(3, seconds=6.0))
        with Library(Path(name) / "library.sqlite") as library:
            report = library.add([folder], workers=1)
            print(report)
            found = Retriever(library).by_point(arguments.valence, arguments.arousal, count=5)
    for suggestion in found:
        track = suggestion.track
        print(f"{track.title}: distance {suggestion.distance:.2f} ({suggestion.rule})")


if __name__ == "__main__":
    main()
