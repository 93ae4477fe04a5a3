"""`filters` describes and plots the filters, and refuses impossible settings in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bci_affect.cli.app import app
from bci_affect.errors import BciAffectError


def test_it_prints_one_json_document_and_draws(tmp_path: Path):
    picture = tmp_path / "new" / "response.png"
    result = CliRunner().invoke(app, ["filters", "--rate", "250", "--json", "--plot", str(picture)])
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert document["bands"]["alpha"]["gain_db_centre"] == pytest.approx(0, abs=0.3)
    assert document["bands"]["alpha"]["gain_db_low"] == pytest.approx(-3, abs=0.3)
    assert 50 < document["bands"]["alpha"]["delay_ms"] < 250
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size < 200_000


def test_people_get_a_table():
    result = CliRunner().invoke(app, ["filters"])
    assert result.exit_code == 0
    assert "gamma" in result.stdout
    assert "settle" in result.stdout


def test_a_rate_that_cannot_be_is_refused():
    result = CliRunner().invoke(app, ["filters", "--rate", "0"])
    assert isinstance(result.exception, BciAffectError)
