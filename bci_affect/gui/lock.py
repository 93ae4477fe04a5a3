"""One session per profile: a second start on the same one is refused kindly."""

from __future__ import annotations

import re
from typing import Any

from bci_affect.errors import BciAffectError
from bci_affect.resources import user_home


def hold_profile(profile: str) -> Any:
    """Take a profile for this process; keep the returned lock for as long as it is used.

    A lock that a killed process left behind is taken over.

    Raises
    ------
    BciAffectError
        If another running process holds it.
    """
    from pyqtgraph.Qt import QtCore

    folder = user_home() / "locks"
    folder.mkdir(exist_ok=True)
    name = re.sub(r"[^\w-]", "_", profile) or "_"
    lock = QtCore.QLockFile(str(folder / f"{name}.lock"))
    lock.setStaleLockTime(0)
    if not lock.tryLock(100):
        raise BciAffectError(
            f"The profile '{profile}' is in use by another window; close that one first, or start "
            "with another profile."
        )
    return lock
