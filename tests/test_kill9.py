"""``kill -9`` in the middle of work; ``python -m benchmarks.kill9`` does it at many moments.

Recording and training are killed in their rooms' tests: `tests/streams/xdf/test_recorder.py` and
`tests/training/test_study.py`; a profile in `tests/profiles/test_store.py`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import kill9


@pytest.mark.parametrize("name", ["scan", "calibrate"])
def test_what_was_finished_is_kept_and_work_goes_on(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kill9, "TRACKS", 12)
    kill9.prepare(name, tmp_path)
    rng = np.random.default_rng(5)
    words, wait_s = int(rng.integers(2, 10)), float(rng.uniform(0, 0.02))
    kept = kill9.kill_once(name, tmp_path, 0, wait_s, words)
    assert int(kept.split(" of ")[0]) >= words - 1, kept
