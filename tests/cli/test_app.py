"""The command line answers mistakes with one line, and help without importing torch or Qt."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from inspect import getdoc

import typer

from bci_affect.cli.app import COMMANDS


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bci_affect", *arguments],
        capture_output=True,
        text=True,
        timeout=115,
        check=False,
    )


def test_version() -> None:
    from bci_affect import __version__

    assert run("--version").stdout.strip() == f"bci-affect {__version__}"


def test_the_table_says_what_the_commands_say() -> None:
    for name, line in COMMANDS.items():
        module = name.replace("-", "_")
        found = getattr(import_module(f"bci_affect.cli.{module}"), module)
        said = found.info.help if isinstance(found, typer.Typer) else getdoc(found)
        assert said.splitlines()[0] == line, name


def test_a_slip_of_the_pen_is_understood() -> None:
    result = run("liev")
    assert result.returncode == 2
    assert "Did you mean 'live'?" in result.stderr


def test_usage_error_exits_2() -> None:
    result = run("no-such-command")
    assert result.returncode == 2
    assert "Traceback" not in result.stderr


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['bci-affect', '--help']\n"
        "from bci_affect.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = ('torch', 'mne', 'PyQt6', 'librosa', 'scipy', 'pylsl')\n"
        "print([m for m in heavy if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=115, check=True
    )
    assert result.stdout.strip().endswith("[]"), result.stdout[-200:]
