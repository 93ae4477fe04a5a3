"""Synthetic music, rendered once per test session."""

from __future__ import annotations

from pathlib import Path

import pytest

from bci_affect.simulation import music as simulate


@pytest.fixture(scope="session")
def piece_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of six pieces of 8 s, spread over the valence-arousal plane."""
    folder = tmp_path_factory.mktemp("pieces")
    simulate.write(folder, simulate.random_pieces(6, seed=3, seconds=8.0), file_format="flac")
    return folder
