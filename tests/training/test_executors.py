"""GPU sharing of tasks on a Ray cluster."""

from __future__ import annotations

import os
import sys

import pytest

from bci_affect.training.executors import run_tasks


def visible_gpus(corpus: str, config: str, task: int) -> tuple[int, list[int], str]:
    """Return the task, the GPUs assigned by Ray, and the visible ones."""
    import ray

    assert (corpus, config) == ("corpus", "config")
    return task, [int(gpu) for gpu in ray.get_gpu_ids()], os.environ["CUDA_VISIBLE_DEVICES"]


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.skipif(sys.platform != "linux", reason="Ray's local cluster is tried on Linux only")
def test_many_tasks_share_each_gpu_of_a_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray is configured with two GPUs; it assigns them without using them."""
    pytest.importorskip("ray")
    monkeypatch.setenv("RAY_OVERRIDE_RESOURCES", '{"GPU": 2}')
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    ran = run_tasks(
        visible_gpus, "corpus", "config", range(4), n_jobs=4, cluster="local", tasks_per_gpu=2
    )
    results = sorted(ran)
    assert [task for task, *_ in results] == [0, 1, 2, 3]
    assert all(len(gpus) == 1 and visible == str(gpus[0]) for _, gpus, visible in results)
