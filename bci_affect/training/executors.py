"""Executors of tasks: in this process, in several processes, or on a Ray cluster.

Results do not depend on the executor.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from bci_affect.errors import BciAffectError

Task = TypeVar("Task")
Result = TypeVar("Result")
Work = Callable[[Any, Any, Task], Result]


def run_tasks(
    work: Work[Task, Result],
    corpus: Any,
    config: Any,
    tasks: Sequence[Task],
    *,
    n_jobs: int = 1,
    cluster: str | None = None,
    tasks_per_gpu: int = 4,
) -> Iterator[Result]:
    """Yield ``work(corpus, config, task)`` for every task in order of completion.

    Parameters
    ----------
    work : callable
        Module-level function.
    corpus, config : object
        Arguments of every call; large arrays are shared between processes, not copied.
    tasks : sequence
        One task per call.
    n_jobs : int
        Processes on this machine; 1 runs in this process.
    cluster : str, optional
        Run on Ray instead: "local" starts Ray with `n_jobs` workers on this machine, "auto" or an
        address connects to a running cluster.
    tasks_per_gpu : int
        Tasks that share one GPU of the cluster. Local processes all have access to the GPUs of
        this machine; `n_jobs` limits their number.

    Raises
    ------
    BciAffectError
        If Ray is not installed, the cluster cannot be reached, or a task raises it.
    """
    if not tasks:
        return
    if cluster is not None:
        yield from _run_on_ray(work, corpus, config, tasks, n_jobs, cluster, tasks_per_gpu)
    elif n_jobs == 1 or len(tasks) == 1:
        for task in tasks:
            yield work(corpus, config, task)
    else:
        calls = ((corpus, config, task) for task in tasks)
        yield from run_calls(work, calls, min(n_jobs, len(tasks)))


def run_calls(
    work: Callable[..., Result], calls: Iterable[tuple[Any, ...]], n_jobs: int
) -> Iterator[Result]:
    """Yield ``work(*call)`` for every call in order of completion.

    The worker processes end with the last call. joblib would keep them for the next task of this
    process, and compare their memory with what it was after their first call: workers that had
    loaded features and then trained a fold, which needs a gigabyte, were ended as leaking.

    Parameters
    ----------
    work : callable
        Module-level function.
    calls : iterable of tuple
        Arguments of each call; arrays over a megabyte are memory-mapped once for all processes.
    n_jobs : int
        Number of processes; 1 runs in this process.
    """
    if n_jobs == 1:
        for call in calls:
            yield work(*call)
        return
    from joblib import Parallel, delayed
    from joblib.externals.loky import get_reusable_executor

    parallel = Parallel(n_jobs=n_jobs, return_as="generator_unordered")
    yield from parallel(delayed(work)(*call) for call in calls)
    get_reusable_executor(reuse=True).shutdown(wait=True)


def _run_on_ray(
    work: Work[Task, Result],
    corpus: Any,
    config: Any,
    tasks: Sequence[Task],
    n_jobs: int,
    cluster: str,
    tasks_per_gpu: int,
) -> Iterator[Result]:
    _check_reachable(cluster)
    try:
        import ray
    except ImportError:
        raise BciAffectError(
            "--cluster needs Ray; install it with: pip install 'bci_affect[cluster]'."
        ) from None
    with _ray_session(ray, n_jobs, cluster):
        # Ray hides GPUs from tasks that do not request one.
        resources = ray.cluster_resources()  # type: ignore[no-untyped-call]
        share = 1 / tasks_per_gpu if resources.get("GPU") else 0
        remote = ray.remote(work).options(num_cpus=1, num_gpus=share, max_retries=2)
        shared, settings = ray.put(corpus), ray.put(config)
        pending = [remote.remote(shared, settings, task) for task in tasks]
        while pending:
            done, pending = ray.wait(pending, num_returns=1)
            try:
                yield ray.get(done[0])
            except ray.exceptions.RayTaskError as error:
                cause = error.cause
                if isinstance(cause, BciAffectError):
                    raise cause from None
                raise


def _check_reachable(cluster: str) -> None:
    """Raise if the cluster's address does not accept connections; Ray would retry for minutes."""
    host, colon, port = cluster.removeprefix("ray://").rpartition(":")
    if not colon or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError as error:
        raise BciAffectError(
            f"The Ray cluster '{cluster}' cannot be reached: {error.strerror or error}."
        ) from None


@contextmanager
def _ray_session(ray: Any, n_jobs: int, cluster: str) -> Iterator[None]:
    """Connect to the cluster or start a local one; a running cluster is not stopped on exit."""
    import logging

    options: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    if cluster == "local":
        options |= {"address": "local", "num_cpus": n_jobs, "include_dashboard": False}
    else:
        options["address"] = cluster
    try:
        ray.init(**options)
    except (ConnectionError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise BciAffectError(f"The Ray cluster '{cluster}' cannot be reached: {reason}.") from None
    try:
        yield
    finally:
        ray.shutdown()
