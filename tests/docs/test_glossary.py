"""The glossary is in alphabetical order and covers the words that users see."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from bci_affect.eeg import State
from bci_affect.session.control import Policy

ROOT = Path(__file__).resolve().parents[2]
ROWS = dict(
    re.findall(r"^\| ([^|]+?) \| (.+) \|$", (ROOT / "docs/glossary.md").read_text(), re.MULTILINE)
)


def test_terms_are_in_alphabetical_order_with_one_sentence_each() -> None:
    assert ROWS.pop("term") == "meaning"
    assert len(ROWS) > 60
    assert list(ROWS) == sorted(ROWS, key=str.lower)
    for term, meaning in ROWS.items():
        assert re.fullmatch(r"[A-Z][^.]*(?:\.\w[^.]*)*\.", meaning), term


def test_states_and_policies_are_explained() -> None:
    assert all(f"`{state}`" in ROWS["state"] for state in State)
    assert all(policy in ROWS["policy"] for policy in get_args(Policy))
    assert ROWS.keys() >= {"follow", "steer", "sham", "yoked", "rest", "person reference", "rung"}
