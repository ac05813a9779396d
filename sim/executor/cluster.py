"""Tasks on a cluster of dask.distributed: found, checked, fed a few at a time; it keeps nothing for us.

`Cluster` owns all that a connection needs: a thread, the event loop in it, and the client in the loop. It
begins and ends them, whatever happens. A client that cannot connect is closed where it was opened. One left
to the garbage collector may stand still for ever: its finalizer waits for a lock, and when the collector runs
while the next client starts its loop, the same thread holds that lock.
"""

from __future__ import annotations

import asyncio
import platform
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from functools import partial
from threading import Event, Thread
from types import TracebackType
from typing import Any, Final, TypeVar

from sim.errors import EngineUnavailableError, visible
from sim.executor.task import Results, Task, VersionError, WorkersError, compute, program

TIMEOUT_S: Final = 5.0
"""How long to wait for a scheduler that does not answer, and for its first worker."""
WITHOUT_WORKERS_S: Final = 60.0
"""How long to wait for new workers when the last one has gone."""
_AT_A_TIME: Final = 4
"""Tasks that wait at the scheduler for each thread of a worker."""
_POLL_S: Final = 1.0
_MORE_S: Final = 10.0
"""How much longer than its limit anything may take, on a busy computer, before it is given up."""

T = TypeVar("T")


class ClusterError(WorkersError):
    """The cluster cannot be used; the message says why and what would help."""


class Cluster:
    """A scheduler and its workers; open it with `with`.

    Args:
        address: of the scheduler, such as tcp://10.0.0.5:8786.
        timeout_s: how long to wait for an answer, and for a first worker; default: `TIMEOUT_S`.
        without_workers_s: how long to wait, when all workers have gone, for another.
    """

    def __init__(
        self,
        address: str,
        *,
        timeout_s: float | None = None,
        without_workers_s: float = WITHOUT_WORKERS_S,
    ) -> None:
        self.address = address
        self.timeout_s = TIMEOUT_S if timeout_s is None else timeout_s
        self.without_workers_s = without_workers_s
        self._loop: _Loop | None = None
        self._client: Any = None  # a distributed.Client, whose methods are not typed

    def __enter__(self) -> Cluster:
        """Connect, and see that every worker runs the same program.

        Raises:
            ClusterError: dask.distributed is missing, nobody answers, there are no workers, or they differ.
        """
        try:
            import distributed  # noqa: F401 - whether it is there
        except ImportError:
            raise ClusterError(
                "--cluster needs dask.distributed: install it here and on the workers with "
                "pip install 'reissue[cluster]'"
            ) from None
        self._loop = _Loop()
        try:
            self._client = self._connect()
            self._check()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Disconnect; what the scheduler still has of ours is dropped."""
        loop, self._loop = self._loop, None
        client, self._client = self._client, None
        if loop is None:
            return
        try:
            if client is not None:
                with suppress(TimeoutError):  # then it ends with its loop
                    loop.run(lambda: client.close(timeout=self.timeout_s), limit_s=self.timeout_s)
        finally:
            loop.end()

    @property
    def slots(self) -> int:
        """How many tasks its workers compute at a time."""
        return sum(self._workers().values())

    def results(self, tasks: Sequence[Task]) -> Results:
        """See `Executor`; a task whose worker died is given to another.

        Raises:
            ClusterError: the scheduler or all workers have gone, or a task kills every worker it meets.
        """
        waiting, running = deque(tasks), dict[asyncio.Task[bytes], tuple[Task, Any]]()
        alive_s = time.monotonic()
        try:
            while waiting or running:
                slots = self.slots
                room = max(0, _AT_A_TIME * max(slots, 1) - len(running))
                new = [waiting.popleft() for _ in range(min(room, len(waiting)))]
                done = self._run(partial(self._step, new, running), limit_s=_POLL_S)
                if done or slots:
                    alive_s = time.monotonic()
                elif time.monotonic() - alive_s > self.without_workers_s:
                    raise ClusterError(
                        f"the cluster {visible(self.address)} has had no worker for "
                        f"{self.without_workers_s:g} s: start one, and give the same command again; "
                        "what is done is kept"
                    )
                for task, result in done:
                    yield task, self._content(result)
        finally:
            if running and self._client is not None and self._client.status == "running":
                with suppress(ClusterError):  # whoever is gone drops them, too
                    self._run(partial(self._drop, running), limit_s=self.timeout_s)

    async def _step(
        self, new: Sequence[Task], running: dict[asyncio.Task[bytes], tuple[Task, Any]]
    ) -> list[tuple[Task, asyncio.Task[bytes]]]:
        """Hand out some tasks, and take those that are done now or soon."""
        for task in new:
            future = self._client.submit(compute, task, key=f"reissue-{task.key}")
            running[asyncio.ensure_future(future.result())] = task, future
        done, _ = await asyncio.wait(running, timeout=_POLL_S, return_when=asyncio.FIRST_COMPLETED)
        return [(running.pop(result)[0], result) for result in done]

    async def _drop(self, running: dict[asyncio.Task[bytes], tuple[Task, Any]]) -> None:
        for result in running:
            result.cancel()
        await self._client.cancel([future for _, future in running.values()])

    def _content(self, result: asyncio.Task[bytes]) -> bytes:
        try:
            return result.result()
        except (Exception, asyncio.CancelledError) as error:
            raise self._meaning_of(error) from None

    def _run(self, work: Callable[[], Awaitable[T]], *, limit_s: float) -> T:
        """What it returns, called in the loop."""
        assert self._loop is not None, "open the cluster with `with`"
        try:
            return self._loop.run(work, limit_s=limit_s)
        except (Exception, asyncio.CancelledError) as error:
            raise self._meaning_of(error) from None

    def _meaning_of(self, error: BaseException) -> Exception:
        """What an exception from over there means here."""
        from distributed.scheduler import KilledWorker

        match error:
            case EngineUnavailableError() | VersionError():
                return ClusterError(f"a worker of the cluster: {error}")
            case KilledWorker():
                return ClusterError(
                    "worker after worker died over the same run, most often for want of memory: give the "
                    "workers more, or fewer threads; what is done is kept"
                )
            case ImportError() | AttributeError():
                return self._without_program(visible(str(error)))
            case CancelledError() | asyncio.CancelledError() | OSError():  # a time that is over, too
                return ClusterError(
                    f"the scheduler {visible(self.address)} has gone: start it again, and give the same "
                    "command again; what is done is kept"
                )
        return error if isinstance(error, Exception) else RuntimeError(str(error))

    def _without_program(self, why: str) -> ClusterError:
        return ClusterError(
            f"the workers of {visible(self.address)} cannot import this program ({why[:120]}): install "
            f"{program().partition(',')[0]} with its extra `cluster` in the environment of every worker"
        )

    def _connect(self) -> Any:
        assert self._loop is not None
        try:
            connect = partial(_connected, self.address, self.timeout_s)
            return self._loop.run(connect, limit_s=self.timeout_s)
        except OSError:
            failure = f"no scheduler answers within {self.timeout_s:g} s"
        except Exception as error:  # whatever distributed raises for an address it cannot use
            failure = str(error) or type(error).__name__
        raise ClusterError(
            f"the cluster {visible(self.address)} cannot be reached: {visible(failure)[:200]}; "
            "give the address that `dask scheduler` prints, such as tcp://10.0.0.5:8786"
        )

    def _check(self) -> None:
        """See that there are workers, and that each runs this very program."""
        deadline_s = time.monotonic() + self.timeout_s
        while not self._workers():
            if time.monotonic() > deadline_s:
                raise ClusterError(
                    f"the scheduler {visible(self.address)} has no workers: start some with "
                    f"dask worker {visible(self.address)}"
                )
            time.sleep(0.05)
        python = platform.python_version_tuple()[:2]
        versions = self._run(lambda: self._client.get_versions(), limit_s=self.timeout_s)["workers"]
        for worker, reported in versions.items():
            there = str(reported["host"]["python"]).split(".")[:2]
            if tuple(there) != python:  # before a function is sent: compiled code differs
                raise ClusterError(
                    f"the worker {worker} runs Python {'.'.join(there)}, and this is Python "
                    f"{'.'.join(python)}: install the same"
                )
        programs = self._run(lambda: self._client.run(_probe()), limit_s=self.timeout_s)
        for worker, reported in programs.items():
            if reported.startswith("missing: "):
                raise self._without_program(f"{worker}: {reported.removeprefix('missing: ')}")
            if reported != program():
                raise ClusterError(
                    f"the worker {worker} runs {visible(reported)}, and this is {program()}: install the same"
                )

    def _workers(self) -> dict[str, int]:
        """Threads by worker."""
        return dict(self._run(lambda: self._client.nthreads(), limit_s=self.timeout_s))


class _Loop:
    """An event loop in a thread, which ends with `end`."""

    def __init__(self) -> None:
        self._is_ready = Event()
        self._thread = Thread(target=lambda: asyncio.run(self._live()), name="reissue cluster", daemon=True)
        self._thread.start()
        if not self._is_ready.wait(_MORE_S):
            raise ClusterError("no thread can be started for the cluster: this computer is too busy")

    async def _live(self) -> None:
        self._loop, self._is_over = asyncio.get_running_loop(), asyncio.Event()
        self._is_ready.set()
        await self._is_over.wait()

    def run(self, work: Callable[[], Awaitable[T]], *, limit_s: float) -> T:
        """What it returns or raises, called in the loop.

        Raises:
            TimeoutError: it takes much longer than its limit, and was cancelled.
        """

        async def within_limit() -> T:
            return await asyncio.wait_for(work(), limit_s + _MORE_S)

        return asyncio.run_coroutine_threadsafe(within_limit(), self._loop).result(limit_s + 2 * _MORE_S)

    def end(self) -> None:
        """Cancel what still runs, and end loop and thread."""
        self._loop.call_soon_threadsafe(self._is_over.set)
        self._thread.join(_MORE_S)


async def _connected(address: str, timeout_s: float) -> Any:
    """A client that has connected; one that cannot is closed."""
    import distributed

    connect: Any = distributed.Client
    client = connect(address, asynchronous=True, timeout=timeout_s, set_as_default=False)
    try:
        return await client
    except BaseException:
        await client.close(timeout=timeout_s)
        raise


def _probe() -> Callable[[], str]:
    """A function that is sent whole, so that it also runs where this package is missing or another."""

    def reported() -> str:
        try:
            from sim.executor.task import program as here
        except ImportError as error:
            return f"missing: {error}"
        return here()

    return reported
