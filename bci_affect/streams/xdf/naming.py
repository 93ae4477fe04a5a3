"""File names of recordings, as in LabRecorder and BIDS."""

from __future__ import annotations

import re
from pathlib import Path

from bci_affect.errors import BciAffectError


def recording_path(
    folder: str | Path,
    participant: str = "P001",
    session: str = "S001",
    task: str = "affect",
) -> Path:
    """Return the path of the next run that does not exist yet.

    ``FOLDER/sub-P001/ses-S001/eeg/sub-P001_ses-S001_task-affect_run-001_eeg.xdf``

    Raises
    ------
    BciAffectError
        If a part has characters that such names cannot have.
    """
    for what, value in (("participant", participant), ("session", session), ("task", task)):
        if not re.fullmatch(r"[A-Za-z0-9]+", value):
            raise BciAffectError(
                f"The {what} '{value}' cannot be part of a recording's name; use letters and "
                "digits only."
            )
    where = Path(folder) / f"sub-{participant}" / f"ses-{session}" / "eeg"
    stem = f"sub-{participant}_ses-{session}_task-{task}_run-"
    taken = [
        int(match[1])
        for path in (where.glob(f"{stem}*") if where.is_dir() else ())
        if (match := re.match(re.escape(stem) + r"(\d+)", path.name))
    ]
    return where / f"{stem}{max(taken, default=0) + 1:03d}_eeg.xdf"
