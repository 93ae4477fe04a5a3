"""Paths of shipped files and of the user's data, and reading of small documents.

Weights, presets and the demonstration recording are next to the package in the repository
(``models/``, ``configs/``, ``recordings/``) and inside it, under ``_data``, in an installed wheel.
"""

from __future__ import annotations

import os
from pathlib import Path

from bci_affect.errors import BciAffectError

_PACKAGE = Path(__file__).resolve().parent

DOCUMENT_BYTES = 32 << 20
"""Largest text document (settings, labels, profile) that is read."""


def shipped(relative: str) -> Path:
    """Return the path of a shipped file or folder.

    Parameters
    ----------
    relative : str
        Path below the repository's root, such as ``"models/demo.safetensors"``.

    Raises
    ------
    BciAffectError
        If the installation lacks it.
    """
    for root in (_PACKAGE / "_data", _PACKAGE.parent):
        path = root / relative
        if path.exists():
            return path
    raise BciAffectError(
        f"The installation lacks '{relative}'; install bci_affect again "
        "(pip install --force-reinstall)."
    )


def user_home() -> Path:
    """Return (and make) the folder of profiles, library and logs.

    ``BCI_AFFECT_HOME`` overrides the platform's user data directory.
    """
    override = os.environ.get("BCI_AFFECT_HOME")
    if override:
        home = Path(override).expanduser()
    else:
        from platformdirs import user_data_path

        home = user_data_path("bci_affect", appauthor=False)
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise BciAffectError(
            f"Cannot make the data folder {home} ({error.strerror}); set BCI_AFFECT_HOME to a "
            "folder that you may write."
        ) from None
    return home


def read_document(path: Path) -> str:
    """Return the text of a file, which is UTF-8.

    Raises
    ------
    BciAffectError
        If it is larger than `DOCUMENT_BYTES`.
    OSError, UnicodeDecodeError
        If it cannot be read.
    """
    with path.open("rb") as file:
        data = file.read(DOCUMENT_BYTES + 1)
    if len(data) > DOCUMENT_BYTES:
        raise BciAffectError(
            f"{path} is larger than {DOCUMENT_BYTES >> 20} MB, which no such file is; "
            "choose another file."
        )
    return data.decode("utf-8")
