"""What every study takes: how to compute, and who is told how far it is; wrong arguments in one sentence."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from inspect import Parameter
from numbers import Integral, Real
from pathlib import Path
from time import monotonic
from typing import Final, ParamSpec, TypedDict, TypeVar

from sim.errors import InputError, visible
from sim.executor import Cache, Executor, Resources
from sim.executor.local import Here, Processes
from sim.scenario.scenario import Scenario, expect_scenario
from sim.scenario.values import kind_of
from sim.studies.experiment import Engine, Experiment, Notice, Progress
from sim.text import spaced


class Options(TypedDict, total=False):
    """How `run`, `compare`, `curve`, `plan` and `sweep` compute; but for the first two, to the same result.

    Attributes:
        seed: instead of the scenario's.
        replications: instead of the scenario's; replication r draws with (seed, r).
        engine: `process`: one SimPy process a device; `fleet`: devices as arrays, much faster; `auto`, the
            default: whichever is done first.
        workers: processes on this machine that run the replications, and parts of a large fleet without a
            help desk; default: this process. Rows of devices are simulated again here when they are needed.
        cluster: address of a dask.distributed scheduler, whose workers do so instead.
        store: folder in which what was computed is kept, by content, and from which it is taken; default,
            with workers or a cluster: the user's cache.
        keep: whether that is kept, and taken from there; default: yes.
        progress: called now and then with the share that is done; True: a line shows it.
        notice: called with a sentence before a wait that needs a reason.
    """

    seed: int | None
    replications: int | None
    engine: Engine
    workers: int | None
    cluster: str | None
    store: str | os.PathLike[str] | None
    keep: bool
    progress: Progress | bool | None
    notice: Notice | None


class NotSplitError(InputError):
    """One replication cannot be computed by several workers."""


def with_options(scenario: Scenario, options: Options) -> Scenario:
    """The scenario with the seed and the replications that were given instead of its own."""
    given = {"seed": options.get("seed"), "replications": options.get("replications")}
    changes = {name: value for name, value in given.items() if value is not None}
    return scenario.changed(changes) if changes else scenario


@contextmanager
def computing(
    options: Options, experiments: Sequence[Experiment] = (), *, default: Executor | None = None
) -> Iterator[Resources | None]:
    """What a study of experiments computes with: as its options say, else `default`.

    None where neither says who computes: this process, which keeps nothing.

    Raises:
        InputError: `workers` and `cluster` are both given, or the devices do not fit into memory.
        PolicyError: others should ask a policy.
        NotSplitError: a single replication with a help desk, a gate or a chase, which only one of a cluster's
            workers could compute.
        WorkersError: those who compute cannot be reached, or die.
        CacheError: results cannot be kept.
    """
    workers, cluster, store = options.get("workers"), options.get("cluster"), options.get("store")
    if workers is not None and cluster is not None:
        raise InputError("workers are of this machine, a cluster is others: give one of them")
    if any(each.policy for each in experiments) and (workers, cluster, store) != (None, None, None):
        from sim.processes.policy import PolicyError

        raise PolicyError("a policy is asked in this process: leave workers, cluster and store out")
    notice = options.get("notice")
    cache = Cache(None if store is None else Path(store)) if options.get("keep", True) else None
    if cluster is not None:
        from sim.executor.cluster import Cluster

        if len(experiments) == 1:
            _check_splits(experiments[0])
        with Cluster(cluster) as executor:
            if notice is not None:
                notice(f"connected to {visible(cluster)}: {executor.slots:,} runs at a time")
            yield Resources(executor, cache)
        return
    for experiment in experiments[:1]:
        experiment.notify(notice)
    if workers is not None:
        default = Here() if workers == 1 else Processes(workers)
    elif store is not None:
        default = default or Here()
    yield None if default is None else Resources(default, cache)


def _check_splits(experiment: Experiment) -> None:
    plan = experiment.plan
    if plan.couples_devices and experiment.scenario.replications == 1:
        why = (
            "a help desk cannot be split over workers, since all devices share its queue"
            if plan.recovery is not None
            else "a gate or a chase cannot be split over workers, since it asks about all devices"
        )
        less = ", or leave recovery out (--set recovery=none)" if plan.recovery is not None else ""
        raise NotSplitError(
            f"one run with {why}: leave --cluster out, or ask for several --replications{less}"
        )


# --- arguments -----------------------------------------------------------------------------------------


_KINDS: Final[Mapping[str, tuple[type | tuple[type, ...], str]]] = {
    **dict.fromkeys(("workers", "reissue", "replication"), (Integral, "a whole number")),
    **dict.fromkeys(("devices", "up_to_days"), (Integral, "a whole number")),
    "confidence": (Real, "a number such as 0.95"),
    "cluster": (str, "the address of a scheduler"),
    "vary": ((Mapping, bool), "a dictionary of keys and values"),
}
_Args = ParamSpec("_Args")
_Found = TypeVar("_Found")


def checked(study: Callable[_Args, _Found]) -> Callable[_Args, _Found]:
    """A study that shows its `Options` one by one, and tells each wrong argument in one sentence.

    Raises:
        InputError: there is no such argument, one is missing, or of another kind.
    """
    own = inspect.signature(study)
    named = [each for each in own.parameters.values() if each.kind is not Parameter.VAR_KEYWORD]
    if len(named) < len(own.parameters):
        named += [Parameter(name, Parameter.KEYWORD_ONLY, default=None) for name in Options.__annotations__]
    signature = own.replace(parameters=named)

    @wraps(study)
    def call(*args: _Args.args, **options: _Args.kwargs) -> _Found:
        try:
            given = signature.bind(*args, **options).arguments
        except TypeError as error:
            names = ", ".join(signature.parameters)
            raise InputError(f"{study.__name__}: {error}: it takes {names}") from None
        for name, value in given.items():
            kind, words = _KINDS.get(name, (object, ""))
            if name == "scenario":
                expect_scenario(value)
            elif value is not None and not isinstance(value, kind):
                raise InputError(f"{name} is {words}, not {kind_of(value)}")
        return study(*args, **options)

    call.__signature__ = signature  # type: ignore[attr-defined]
    return call


# --- progress ------------------------------------------------------------------------------------------


class Line:
    """A line on standard error: the share that is done, and the time left; from `patience_s` on."""

    def __init__(self, title: str = "", *, patience_s: float = 0.0) -> None:
        self._title, self._patience_s = f"{title}  " if title else "", patience_s
        self._began_s, self._text = monotonic(), ""

    def __call__(self, share: float) -> None:
        """Show a share of [0, 1]."""
        gone_s, text = monotonic() - self._began_s, f"{self._title}{100 * share:3.0f} %"
        if 0.0 < share < 0.995:
            text += f", {spaced(int(gone_s))} gone, {spaced(int(gone_s * (1 - share) / share))} left"
        if gone_s >= self._patience_s and text != self._text:
            end = "" if self._title or share < 0.995 else "\n"
            print(f"\r{text.ljust(len(self._text))}", end=end, file=sys.stderr, flush=True)
            self._text = text

    def close(self) -> None:
        """Take the line away."""
        if self._text:
            print(f"\r{' ' * len(self._text)}\r", end="", file=sys.stderr, flush=True)
            self._text = ""


def shown(progress: Progress | bool | None) -> Progress | None:
    """What is called with the share that is done; True: a line on standard error shows it."""
    return Line() if progress is True else progress or None
