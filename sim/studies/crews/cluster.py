"""Units on a cluster of dask.distributed: found, checked, fed a few at a time; it keeps nothing for us."""

from __future__ import annotations

import platform
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Final

from sim.errors import EngineUnavailableError, visible
from sim.studies.crews.crew import Answers
from sim.studies.crews.hand import WorkersError
from sim.studies.crews.unit import Unit, VersionError, compute, program

TIMEOUT_S: Final = 5.0
"""How long to wait for a scheduler that does not answer, and for its first worker."""
WITHOUT_WORKERS_S: Final = 60.0
"""How long to wait for new workers when the last one has gone."""
_AT_A_TIME: Final = 4
"""Units that wait at the scheduler for each thread of a worker."""
_POLL_S: Final = 1.0


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
        self._client: Any = None  # a Client, whose methods are not typed

    def __enter__(self) -> Cluster:
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
        failure: str | None = None
        try:
            connect: Any = distributed.Client
            self._client = connect(self.address, timeout=self.timeout_s, set_as_default=False)
        except OSError:
            failure = f"no scheduler answers within {self.timeout_s:g} s"
        except Exception as error:  # whatever distributed raises for an address it cannot use
            failure = str(error) or type(error).__name__
        if failure is not None:
            raise ClusterError(
                f"the cluster {visible(self.address)} cannot be reached: {visible(failure)[:200]}; "
                "give the address that `dask scheduler` prints, such as tcp://10.0.0.5:8786"
            )
        try:
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
        client, self._client = self._client, None
        if client is not None:
            client.close(timeout=self.timeout_s)

    @property
    def threads(self) -> int:
        """How many units its workers compute at a time."""
        return sum(self._workers().values())

    def results(self, units: Sequence[Unit]) -> Answers:
        """Every unit with its value, as they are done; a unit whose worker died is given to another.

        Raises:
            ClusterError: the scheduler or all workers have gone, or a unit kills every worker it meets.
        """
        client = self._connected()
        waiting, running = deque(units), dict[Any, Unit]()
        alive_s = time.monotonic()
        try:
            while waiting or running:
                while waiting and len(running) < _AT_A_TIME * max(self.threads, 1):
                    unit = waiting.popleft()
                    running[client.submit(compute, unit, key=f"reissue-{unit.key}")] = unit
                done = self._done(list(running))
                if done or self.threads:
                    alive_s = time.monotonic()
                elif time.monotonic() - alive_s > self.without_workers_s:
                    raise ClusterError(
                        f"the cluster {visible(self.address)} has had no worker for "
                        f"{self.without_workers_s:g} s: start one, and give the same command again; "
                        "what is done is kept"
                    )
                for future in done:
                    yield running.pop(future), self._content(future)
        finally:
            if running and client.status == "running":
                client.cancel(list(running))

    def _done(self, futures: list[Any]) -> list[Any]:
        import distributed

        wait: Any = distributed.wait

        try:
            with self._connected().as_current():
                return list(wait(futures, timeout=_POLL_S, return_when="FIRST_COMPLETED").done)
        except TimeoutError:
            if self._connected().status != "running":
                raise self._gone() from None
            return []
        except Exception as error:
            raise self._told(error) from None

    def _content(self, future: Any) -> bytes:
        try:
            content: bytes = future.result(timeout=self.timeout_s)
        except Exception as error:
            raise self._told(error) from None
        future.release()
        return content

    def _told(self, error: BaseException) -> Exception:
        """What an exception from over there means here."""
        from distributed import CancelledError
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
            case CancelledError() | OSError():
                return self._gone()
        return error if isinstance(error, Exception) else RuntimeError(str(error))

    def _gone(self) -> ClusterError:
        return ClusterError(
            f"the scheduler {visible(self.address)} has gone: start it again, and give the same command "
            "again; what is done is kept"
        )

    def _without_program(self, why: str) -> ClusterError:
        return ClusterError(
            f"the workers of {visible(self.address)} cannot import this program ({why[:120]}): install "
            f"{program().partition(',')[0]} with its extra `cluster` in the environment of every worker"
        )

    def _check(self) -> None:
        """See that there are workers, and that each runs this very program."""
        client = self._connected()
        deadline_s = time.monotonic() + self.timeout_s
        while not self._workers():
            if time.monotonic() > deadline_s:
                raise ClusterError(
                    f"the scheduler {visible(self.address)} has no workers: start some with "
                    f"dask worker {visible(self.address)}"
                )
            time.sleep(0.05)
        python = platform.python_version_tuple()[:2]
        versions: dict[str, Any] = client.get_versions()["workers"]
        for worker, told in versions.items():
            there = str(told["host"]["python"]).split(".")[:2]
            if tuple(there) != python:  # before a function is sent: compiled code differs
                raise ClusterError(
                    f"the worker {worker} runs Python {'.'.join(there)}, and this is Python "
                    f"{'.'.join(python)}: install the same"
                )
        for worker, told in client.run(_probe()).items():
            if told.startswith("missing: "):
                raise self._without_program(f"{worker}: {told.removeprefix('missing: ')}")
            if told != program():
                raise ClusterError(
                    f"the worker {worker} runs {visible(told)}, and this is {program()}: install the same"
                )

    def _workers(self) -> dict[str, int]:
        """Threads by worker."""
        try:
            return dict(self._connected().nthreads())
        except Exception as error:
            raise self._told(error) from None

    def _connected(self) -> Any:
        assert self._client is not None, "open the cluster with `with`"
        return self._client


@contextmanager
def connected(address: str, *, notice: Callable[[str], None] | None = None) -> Iterator[Cluster]:
    """A cluster that was found and checked; `notice` is told how much it computes at a time.

    Raises:
        ClusterError: it cannot be used.
    """
    with Cluster(address) as cluster:
        if notice is not None:
            notice(f"connected to {visible(address)}: {cluster.threads:,} runs at a time")
        yield cluster


def _probe() -> Callable[[], str]:
    """A function that is sent whole, so that it also runs where this package is missing or another."""

    def told() -> str:
        try:
            from sim.studies.crews.unit import program as here
        except ImportError as error:
            return f"missing: {error}"
        return here()

    return told
