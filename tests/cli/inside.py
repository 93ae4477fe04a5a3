"""A command of the program run in this process, as quick as what it does."""

from __future__ import annotations

import contextlib
import io
import logging
import subprocess
import sys
from unittest import mock

from bci_affect.cli import main


def run_inside(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Return what a process of its own would: exit status, and all that was printed or logged."""
    out, err = io.StringIO(), io.StringIO()
    code: object = 0
    log = logging.StreamHandler(err)
    log.setLevel(logging.WARNING)
    logging.getLogger().addHandler(log)
    try:
        with (
            mock.patch.object(sys, "argv", ["bci-affect", *arguments]),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            main()
    except SystemExit as leaving:
        code = leaving.code or 0
    finally:
        logging.getLogger().removeHandler(log)
    assert isinstance(code, int), code
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())
