"""JSON output of commands, and settings of the command groups."""

from __future__ import annotations

import json
import sys
from typing import Any

from bci_affect.safe_text import json_safe
from bci_affect.storage import plain

TYPER: dict[str, Any] = {
    "pretty_exceptions_enable": False,
    "rich_markup_mode": None,  # importing rich takes longer than all else that --help does
    "context_settings": {"help_option_names": ["-h", "--help"]},
}
"""Settings of every group of commands."""


def print_json(document: Any) -> None:
    """Print one JSON document on stdout; not-a-number becomes null, as JSON has none."""
    sys.stdout.write(json_text(document))


def json_text(document: Any) -> str:
    """Return a document as `print_json` prints it."""
    text = json.dumps(plain(document), indent=2, ensure_ascii=False, allow_nan=False)
    return json_safe(text) + "\n"
