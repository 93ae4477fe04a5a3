"""JSON output of commands."""

from __future__ import annotations

import json

import numpy as np
import pytest

from bci_affect.cli.output import print_json


def test_json_is_plain_and_knows_no_nan(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": np.float32(0.5), "b": [float("nan"), np.arange(2)], "c": float("inf")})
    assert json.loads(capsys.readouterr().out) == {"a": 0.5, "b": [None, [0, 1]], "c": None}
