"""Tasks run on Ray share its GPUs."""

from __future__ import annotations

import os
import sys

import pytest

from bci_affect.training.engines import run_all


def where(corpus: str, config: str, task: int) -> tuple[int, list[int], str]:
    """Say what ran, which GPUs Ray gave it, and which it can see."""
    import ray

    assert (corpus, config) == ("corpus", "config")
    return task, [int(gpu) for gpu in ray.get_gpu_ids()], os.environ["CUDA_VISIBLE_DEVICES"]


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.skipif(sys.platform != "linux", reason="Ray's local cluster is tried on Linux only")
def test_many_tasks_share_each_gpu_of_a_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray is told of two GPUs, which it hands out by its books: none has to be there for that."""
    pytest.importorskip("ray")
    monkeypatch.setenv("RAY_OVERRIDE_RESOURCES", '{"GPU": 2}')
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    ran = run_all(where, "corpus", "config", range(4), n_jobs=4, cluster="local", tasks_per_gpu=2)
    said = sorted(ran)
    assert [task for task, *_ in said] == [0, 1, 2, 3]
    assert all(len(gpus) == 1 and seen == str(gpus[0]) for _, gpus, seen in said)
