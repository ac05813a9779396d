"""Tasks on a cluster of dask.distributed: found, checked, fed a few at a time; it keeps nothing for us.

`Cluster` owns all that a connection needs: a thread, the event loop in it, and the client in the loop. It
begins and ends them, whatever happens. A client that cannot connect is closed where it was opened. One left
to the garbage collector may stand still for ever: its finalizer waits for a lock, and when the collector runs
while the next client starts its loop, the same thread holds that lock.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor, wait
from contextlib import suppress
from functools import partial
from typing import Any, Final, Self, TypeVar

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
Running = dict[asyncio.Task[bytes], tuple[Task, Any]]


class ClusterError(WorkersError):
    """The cluster cannot be used; the message says why and what would help."""


class Cluster:
    """A scheduler and its workers; open it with `with`.

    Args:
        address: of the scheduler, such as tcp://10.0.0.5:8786.
        timeout_s: how long to wait for an answer, and for a first worker; default: `TIMEOUT_S`.
    """

    def __init__(self, address: str, *, timeout_s: float | None = None) -> None:
        self.address = address
        self.timeout_s = TIMEOUT_S if timeout_s is None else timeout_s
        self._thread: ThreadPoolExecutor | None = None
        self._loop = asyncio.Runner()
        self._client: Any = None  # a distributed.Client, whose methods are not typed

    def __enter__(self) -> Self:
        """Connect, and see that every worker runs the same program.

        Raises:
            ClusterError: dask.distributed is missing, nobody answers, there are no workers, or they differ.
        """
        try:
            import distributed
        except ImportError:
            raise ClusterError(
                "--cluster needs dask.distributed: install it here and on the workers with "
                "pip install 'reissue[cluster]'"
            ) from None
        self._thread = ThreadPoolExecutor(1, "reissue cluster")
        try:
            self._connect(distributed.Client)
            self._check()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Disconnect; what the scheduler still has of ours is dropped."""
        thread, client = self._thread, self._client
        if thread is not None:
            try:
                if client is not None:
                    with suppress(TimeoutError):  # then it ends with its loop
                        self._in_loop(partial(client.close, timeout=self.timeout_s), limit_s=self.timeout_s)
            finally:
                self._thread = self._client = None
                closed = thread.submit(self._loop.close)
                wait([closed], _MORE_S)
                thread.shutdown(wait=closed.done())

    @property
    def slots(self) -> int:
        """How many tasks its workers compute at a time."""
        return sum(self._ask("nthreads").values())

    def results(self, tasks: Sequence[Task]) -> Results:
        """See `Executor`; a task whose worker died is given to another.

        Raises:
            ClusterError: the scheduler or all workers have gone, or a task kills every worker it meets.
        """
        waiting, running = deque(tasks), Running()
        alive_s = time.monotonic()
        try:
            while waiting or running:
                slots = self.slots
                room = max(0, _AT_A_TIME * max(slots, 1) - len(running))
                new = [waiting.popleft() for _ in range(min(room, len(waiting)))]
                done = self._run(partial(self._step, new, running), limit_s=_POLL_S)
                if done or slots:
                    alive_s = time.monotonic()
                elif time.monotonic() - alive_s > WITHOUT_WORKERS_S:
                    raise self._error(
                        f"has had no worker for {WITHOUT_WORKERS_S:g} s: start one, and give the same "
                        "command again; what is done is kept"
                    )
                for task, result in done:
                    try:
                        content = result.result()
                    except (Exception, asyncio.CancelledError) as error:
                        raise self._meaning_of(error) from None
                    yield task, content
        finally:
            if running and self._client is not None and self._client.status == "running":
                with suppress(ClusterError):  # whoever is gone drops them, too
                    self._run(partial(self._drop, running), limit_s=self.timeout_s)

    async def _step(self, new: Sequence[Task], running: Running) -> list[tuple[Task, asyncio.Task[bytes]]]:
        """Hand out some tasks, and take those that are done now or soon."""
        for task in new:
            future = self._client.submit(compute, task, key=f"reissue-{task.key}")
            running[asyncio.ensure_future(future.result())] = task, future
        done, _ = await asyncio.wait(running, timeout=_POLL_S, return_when=asyncio.FIRST_COMPLETED)
        return [(running.pop(result)[0], result) for result in done]

    async def _drop(self, running: Running) -> None:
        for result in running:
            result.cancel()
        await self._client.cancel([future for _, future in running.values()])

    # --- one connection --------------------------------------------------------------------------

    def _connect(self, kind: Callable[..., Any]) -> None:
        async def connected() -> Any:
            client = kind(self.address, asynchronous=True, timeout=self.timeout_s, set_as_default=False)
            try:
                return await client
            except BaseException:
                await client.close(timeout=self.timeout_s)
                raise

        try:
            self._client = self._in_loop(connected, limit_s=self.timeout_s)
            return
        except OSError:
            failure = f"no scheduler answers within {self.timeout_s:g} s"
        except Exception as error:  # whatever distributed raises for an address it cannot use
            failure = str(error) or type(error).__name__
        raise self._error(
            f"cannot be reached: {visible(failure)[:200]}; "
            "give the address that `dask scheduler` prints, such as tcp://10.0.0.5:8786"
        )

    def _check(self) -> None:
        """See that there are workers, and that each runs this very program."""
        deadline_s = time.monotonic() + self.timeout_s
        while not self.slots:
            if time.monotonic() > deadline_s:
                raise self._error(f"has no workers: start some with dask worker {visible(self.address)}")
            time.sleep(0.05)
        try:
            programs = self._ask("run", program)
        except ClusterError:
            raise
        except Exception as error:  # a text, of what happened over there
            raise self._without_program(str(error)) from None
        for worker, other in programs.items():
            if other != program():
                raise self._error(
                    f"has a worker, {worker}, that runs {visible(other)}, and this is {program()}: "
                    "install the same"
                )

    def _ask(self, what: str, *arguments: Any) -> Any:
        """What a method of the client returns."""
        return self._run(lambda: getattr(self._client, what)(*arguments), limit_s=self.timeout_s)

    def _run(self, work: Callable[[], Awaitable[T]], *, limit_s: float) -> T:
        try:
            return self._in_loop(work, limit_s=limit_s)
        except (Exception, asyncio.CancelledError) as error:
            raise self._meaning_of(error) from None

    def _in_loop(self, work: Callable[[], Awaitable[T]], *, limit_s: float) -> T:
        """What it returns or raises, called in the loop.

        Raises:
            TimeoutError: it takes much longer than its limit, and was cancelled.
        """
        assert self._thread is not None, "open the cluster with `with`"

        async def within_limit() -> T:
            return await asyncio.wait_for(work(), limit_s + _MORE_S)

        return self._thread.submit(self._loop.run, within_limit()).result(limit_s + 2 * _MORE_S)

    def _meaning_of(self, error: BaseException) -> Exception:
        """What an exception from over there means here."""
        from distributed.scheduler import KilledWorker

        match error:
            case EngineUnavailableError() | VersionError():
                return self._error(f"has a worker that says: {error}")
            case KilledWorker():
                return self._error(
                    "lost worker after worker over the same run, most often for want of memory: give the "
                    "workers more, or fewer threads; what is done is kept"
                )
            case ImportError() | AttributeError():
                return self._without_program(str(error))
            case CancelledError() | asyncio.CancelledError() | OSError():  # a time that is over, too
                return self._error(
                    "has gone: start it again, and give the same command again; what is done is kept"
                )
        return error if isinstance(error, Exception) else RuntimeError(str(error))

    def _without_program(self, why: str) -> ClusterError:
        name = program().partition(",")[0]
        return self._error(
            f"has workers that cannot import this program ({visible(why)[:120]}): install {name} with its "
            "extra `cluster` in the environment of every worker"
        )

    def _error(self, what: str) -> ClusterError:
        return ClusterError(f"the cluster {visible(self.address)} {what}")
