"""Where folds run: in this process, in several, or on a cluster. Results do not depend on it."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from bci_affect.errors import BciAffectError

Task = TypeVar("Task")
Result = TypeVar("Result")
Work = Callable[[Any, Any, Task], Result]


def run_all(
    work: Work[Task, Result],
    corpus: Any,
    config: Any,
    tasks: Sequence[Task],
    *,
    n_jobs: int = 1,
    cluster: str | None = None,
    tasks_per_gpu: int = 4,
) -> Iterator[Result]:
    """Yield ``work(corpus, config, task)`` for every task, as each is done.

    Parameters
    ----------
    work : callable
        A plain function of a module.
    corpus, config : object
        Given to every call; large arrays are shared between processes, not copied to each.
    tasks : sequence
        What differs.
    n_jobs : int
        Processes on this machine; 1 runs in this one.
    cluster : str, optional
        Runs on Ray instead: "local" starts a Ray of `n_jobs` workers on this machine, "auto" or an
        address joins a running cluster.
    tasks_per_gpu : int
        On a cluster that has GPUs, how many tasks share one; each is given its share. Processes on
        this machine all see its GPUs, and `n_jobs` says how many there are.

    Raises
    ------
    BciAffectError
        If Ray is asked for and missing, or the cluster cannot be reached; whatever a task raises
        for the user.
    """
    if not tasks:
        return
    if cluster is not None:
        yield from _on_ray(work, corpus, config, tasks, n_jobs, cluster, tasks_per_gpu)
    elif n_jobs == 1 or len(tasks) == 1:
        for task in tasks:
            yield work(corpus, config, task)
    else:
        from joblib import Parallel, delayed

        # joblib maps arrays over a megabyte into memory once, for all processes.
        parallel = Parallel(n_jobs=min(n_jobs, len(tasks)), return_as="generator_unordered")
        yield from parallel(delayed(work)(corpus, config, task) for task in tasks)


def _on_ray(
    work: Work[Task, Result],
    corpus: Any,
    config: Any,
    tasks: Sequence[Task],
    n_jobs: int,
    cluster: str,
    tasks_per_gpu: int,
) -> Iterator[Result]:
    _reachable(cluster)
    try:
        import ray
    except ImportError:
        raise BciAffectError(
            "--cluster needs Ray; install it with: pip install 'bci_affect[cluster]'."
        ) from None
    with _connected(ray, n_jobs, cluster):
        # Ray hides GPUs from what does not ask for one.
        there = ray.cluster_resources()  # type: ignore[no-untyped-call]
        share = 1 / tasks_per_gpu if there.get("GPU") else 0
        remote = ray.remote(work).options(num_cpus=1, num_gpus=share, max_retries=2)
        shared, settings = ray.put(corpus), ray.put(config)
        waiting = [remote.remote(shared, settings, task) for task in tasks]
        while waiting:
            done, waiting = ray.wait(waiting, num_returns=1)
            try:
                yield ray.get(done[0])
            except ray.exceptions.RayTaskError as error:
                cause = error.cause
                if isinstance(cause, BciAffectError):
                    raise cause from None
                raise


def _reachable(cluster: str) -> None:
    """Ask the address itself first: Ray tries for minutes before it gives up."""
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
def _connected(ray: Any, n_jobs: int, cluster: str) -> Iterator[None]:
    """Connect to the cluster, or start one here; leave a cluster that was there as it was."""
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
