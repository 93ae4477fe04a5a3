"""Each limit of the security page is enforced with one clear line, in less than 1 GB of memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("measures the memory of a process", allow_module_level=True)

from tests.bad_input.limits import LIMITS

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the sentence for each limit; memory is checked, too."""
    folder = tmp_path_factory.mktemp("limits")
    done = subprocess.run(
        [sys.executable, "-m", "tests.bad_input.limits", str(folder)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    *lines, last = map(json.loads, done.stdout.splitlines())
    assert last["peak_kb"] < 1_000_000
    return {line["limit"]: line["said"] for line in lines}


@pytest.mark.parametrize("limit", LIMITS)
def test_a_limit_is_enforced_with_one_line(limit: str, told: dict[str, str]) -> None:
    assert LIMITS[limit][1] in told[limit]
    assert "\n" not in told[limit]
    assert len(told[limit]) < 400
