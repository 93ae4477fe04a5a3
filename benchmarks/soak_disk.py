"""Disk that can be filled: a small tmpfs, or a limit on file sizes where mounting is not allowed.

Mounting requires root. Otherwise the session's limit on file sizes (``RLIMIT_FSIZE``) is set to the
current size of the recording: writing then fails on the same path with another error number.
"""

from __future__ import annotations

import contextlib
import resource
import subprocess
from pathlib import Path

SIZE_MB = 400


class SmallDisk:
    """Folder for recordings, on its own small disk if possible; a context manager."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "disk"
        self.folder.mkdir()
        self.mounted = False
        self._hard = resource.RLIM_INFINITY

    def __enter__(self) -> SmallDisk:
        command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "tmpfs", str(self.folder)]
        try:
            self.mounted = subprocess.run(command, capture_output=True).returncode == 0
        except FileNotFoundError:
            self.mounted = False
        return self

    def __exit__(self, *_: object) -> None:
        if self.mounted:
            subprocess.run(["umount", "-l", str(self.folder)], check=True)

    @property
    def how(self) -> str:
        """Return a description of the full disk."""
        return "a full tmpfs" if self.mounted else "a limit on file size (RLIMIT_FSIZE)"

    def fill(self, pid: int, recording: str) -> None:
        """Fill the disk, or limit the size of the recording."""
        if not self.mounted:
            size = Path(recording).stat().st_size
            _, self._hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, self._hard))
            return
        block = bytes(1 << 20)
        with contextlib.suppress(OSError), (self.folder / "filler").open("wb", buffering=0) as file:
            while file.write(block):  # until the disk is full: the recorder writes too
                pass

    def empty(self, pid: int) -> None:
        """Free the disk again."""
        if self.mounted:
            (self.folder / "filler").unlink()
        else:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (self._hard, self._hard))
