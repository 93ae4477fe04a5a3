"""Worker processes on this machine, and GPU sharing of tasks on a Ray cluster."""

from __future__ import annotations

import os
import sys
import time
import warnings

import numpy as np
import pytest

from bci_affect.training.executors import run_calls, run_tasks


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


def worker(number: int) -> tuple[int, int]:
    """Return the number and the process."""
    return number, os.getpid()


_held: list[np.ndarray] = []


def hold_memory(number: int) -> tuple[int, int]:
    """Grow this process by more than joblib's limit for leaks, once, for longer than its delay."""
    if not _held:
        _held.append(np.ones(45_000_000))  # 360 MB
    time.sleep(1.05)
    return number, os.getpid()


@pytest.mark.filterwarnings("error")
def test_workers_of_a_small_job_are_not_kept_for_a_large_one() -> None:
    """The warning "A worker stopped while some jobs were given to the executor" came of that."""
    small = list(run_calls(worker, ((number,) for number in range(4)), n_jobs=2))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        large = list(run_calls(hold_memory, ((number,) for number in range(4)), n_jobs=2))
    assert [str(one.message) for one in caught] == []
    assert sorted(number for number, _ in large) == [0, 1, 2, 3]
    assert not {pid for _, pid in small} & {pid for _, pid in large}
    assert os.getpid() not in {pid for _, pid in small + large}


def test_one_process_is_this_one() -> None:
    assert list(run_calls(worker, [(5,)], n_jobs=1)) == [(5, os.getpid())]
