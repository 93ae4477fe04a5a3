"""LSL configurations that keep streams on this machine, and separate from those of others."""

from __future__ import annotations

import os
import uuid
from pathlib import Path


def write_lsl_config(folder: Path, *, private: bool = True) -> Path:
    """Write a configuration of liblsl that never uses the network; return its path.

    liblsl reads the file that ``LSLAPICFG`` names once, when it is loaded: set the variable before
    the first use of LSL, or in the environment of another process.

    Parameters
    ----------
    folder : Path
        An existing folder; the file is ``lsl_api.cfg`` in it.
    private : bool
        Use a session id and ports of its own, so that only processes with this file see its
        streams. Otherwise every program on this machine does.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> write_lsl_config(Path(mkdtemp())).name
    'lsl_api.cfg'
    """
    lines = ["[log]", "level=-3", "[ports]", "IPv6=disable"]
    if private:
        # The 32 default ports are soon taken, and a stream on a port beyond them is never found.
        lines += [f"BasePort={18_000 + 64 * (os.getpid() % 200)}", "PortRange=64"]
    lines += ["[multicast]", "ResolveScope=machine"]
    if private:
        lines += ["[lab]", f"SessionID={uuid.uuid4().hex}"]
    path = folder / "lsl_api.cfg"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
