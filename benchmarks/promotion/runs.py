"""The runs of one process: contestants one after the other on one virtual clock, each in a world of its own.

`python -m benchmarks.promotion.runs` reads an order (JSON) from its input and prints one line of JSON: a Run for each
of its contestants and endpoint times. Libraries are imported after time has become virtual, so that no lock of theirs
is a real one.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import gc
import importlib
import io
import json
import os
import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.copy.simulation.virtual_time import VirtualTime, patched

if TYPE_CHECKING:
    from benchmarks.promotion.processes import Process
    from benchmarks.promotion.published import Times
    from benchmarks.promotion.timeline import Timeline
    from benchmarks.promotion.world import World

COLD, WARM = "Promote, cold hub", "Promote, warm hub"
SCRIPT, MLFLOW = "bare script", "mlflow.sagemaker"
_SCRIPTS = {SCRIPT: "bare_script", MLFLOW: "mlflow_deployment"}
_ENDPOINT_BEFORE_THAT = 300.0  # seconds, of the promotion that warms the hub up


@dataclass(frozen=True)
class Run:
    """What one contestant took with one endpoint. Seconds are virtual.

    `seconds`: by part; `by_state`: by state and part, of Promote's. `waited`: from InService until it is noticed.
    """

    contestant: str
    endpoint_seconds: float
    seconds: dict[str, float]
    calls: dict[str, int]
    waited: float
    by_state: dict[str, dict[str, float]] = field(default_factory=dict)
    transitions: int = 0
    events: int = 0
    invocations: int = 0
    cold_starts: int = 0
    lambda_seconds: float = 0.0
    gb_seconds: float = 0.0
    log_bytes: int = 0
    dynamodb_writes: int = 0
    dynamodb_reads: int = 0

    @property
    def ours(self) -> float:
        """The contestant's share: all seconds but those that SageMaker takes for the endpoint."""
        return sum(seconds for part, seconds in self.seconds.items() if part != "endpoint")


class NotPromoted(Exception):
    """A run ended otherwise than it should; the message has how."""


@dataclass(frozen=True)
class Deployment:
    """What is run, as JSON has it: a definition, its functions (name, handler, memory, timeout), settings, numbers.

    `subscriptions`: the functions that events invoke (function, buses, patterns). `tables`: the names of their keys.
    """

    definition: dict[str, Any]
    functions: list[dict[str, Any]]
    subscriptions: list[dict[str, Any]]
    tables: dict[str, list[str]]
    settings: str
    costs: dict[str, Any]
    times: dict[str, Any]


def run_all(deployment: Deployment, contestants: list[tuple[str, list[float]]]) -> Iterator[Run]:
    """Run each contestant with each of its endpoint times."""
    random.seed(0)  # the jitter of retries
    bench = _Bench(deployment)
    for contestant, endpoint_times in contestants:
        if contestant == WARM and bench.is_cold:
            bench.run(COLD, _ENDPOINT_BEFORE_THAT)
        for seconds in endpoint_times:
            if contestant == COLD:
                bench.forget()
            yield bench.run(contestant, seconds)


class _Bench:
    """The clock and the Lambda environments that several runs share."""

    def __init__(self, deployment: Deployment) -> None:
        from benchmarks.copy.published import Speeds  # noqa: PLC0415
        from benchmarks.promotion.cpu import Costs  # noqa: PLC0415
        from benchmarks.promotion.lambdas import Function  # noqa: PLC0415
        from benchmarks.promotion.published import Times  # noqa: PLC0415
        from benchmarks.promotion.services.events import Subscription  # noqa: PLC0415

        given = dict(deployment.times)
        self._times: Times = Times(**given | {"speeds": Speeds(**given["speeds"])})
        self._costs = Costs(**deployment.costs)
        self._definition = deployment.definition
        self._functions = {each["name"]: Function(**each) for each in deployment.functions}
        self._subscriptions = [Subscription(**each) for each in deployment.subscriptions]
        self._tables = {name: tuple(keys) for name, keys in deployment.tables.items()}
        self._clock = clock
        self._settings = Path(tempfile.mkdtemp()) / "settings.json"
        self._settings.write_text(deployment.settings)
        self.forget()

    def forget(self) -> None:
        """End all Lambda environments."""
        from benchmarks.promotion.lambdas import Lambda  # noqa: PLC0415

        self._lambda = Lambda(
            self._functions, self._new_process, settings=self._settings, subscriptions=self._subscriptions
        )

    @property
    def is_cold(self) -> bool:
        return not self._lambda.has_environments

    def run(self, contestant: str, endpoint_seconds: float) -> Run:
        from benchmarks.promotion.processes import simulated  # noqa: PLC0415
        from benchmarks.promotion.timeline import Timeline  # noqa: PLC0415
        from benchmarks.promotion.world import World  # noqa: PLC0415

        self._world: World = World(self._clock, self._times, endpoint_seconds, self._tables)
        self._timeline: Timeline = Timeline()
        self._lambda.begin(self._timeline)
        written = logs.tell()
        with simulated(lambda: self._world):
            fields = self._script(contestant) if contestant in _SCRIPTS else self._promote()
        return self._measured(contestant, endpoint_seconds, fields, log_bytes=logs.tell() - written)

    def _new_process(self, cpus: float) -> Process:
        from benchmarks.promotion.processes import Process  # noqa: PLC0415

        return Process(self._clock, self._times, self._costs, self._timeline, cpus)

    def _script(self, contestant: str) -> dict[str, Any]:
        from benchmarks.promotion.processes import entered  # noqa: PLC0415

        script: Callable[[], None] = getattr(
            importlib.import_module("benchmarks.promotion.contestants.scripts"), _SCRIPTS[contestant]
        )
        process, begin = self._new_process(1.0), self._clock.now
        with entered(process):
            process.compute(self._costs.script)
            script()
        return {"began_at": begin, "ended_at": self._clock.now, "known_at": self._world.noticed_at}

    def _promote(self) -> dict[str, Any]:
        from benchmarks.promotion.contestants.promote import promote  # noqa: PLC0415

        promotion = promote(self._definition, self._world, self._lambda, self._timeline)
        if promotion.outcome.terminal != "Promoted":
            raise NotPromoted(str(promotion.outcome))
        usage = self._lambda.usage
        return {
            "began_at": promotion.began_at,
            "ended_at": promotion.ended_at,
            "known_at": known_at(self._timeline, self._world.noticed_at or 0.0),
            "transitions": promotion.counts.transitions,
            "events": promotion.counts.events,
            "invocations": usage.invocations,
            "cold_starts": len(usage.cold_starts),
            "lambda_seconds": usage.seconds,
            "gb_seconds": usage.gb_seconds,
            "dynamodb_writes": self._world.dynamodb.write_units,
            "dynamodb_reads": self._world.dynamodb.read_units,
        }

    def _measured(self, contestant: str, endpoint_seconds: float, fields: dict[str, Any], *, log_bytes: int) -> Run:
        from benchmarks.promotion.timeline import Part  # noqa: PLC0415
        from benchmarks.promotion.world import ENDPOINT, TARGET  # noqa: PLC0415

        endpoint = self._world.sagemaker.endpoints[TARGET, ENDPOINT]
        began, ended, noticed = (fields.pop(name) for name in ("began_at", "ended_at", "known_at"))
        self._timeline.add(Part.ENDPOINT, endpoint.changed_at, endpoint.ready_at)
        self._timeline.add(Part.WAITING, endpoint.ready_at, noticed)
        return Run(
            contestant=contestant,
            endpoint_seconds=endpoint_seconds,
            seconds={part.value: spent for part, spent in self._timeline.parts(began, ended).items()},
            calls=dict(self._world.calls),
            waited=noticed - endpoint.ready_at,
            by_state=_by_state(self._timeline),
            log_bytes=log_bytes if contestant not in _SCRIPTS else 0,
            **fields,
        )


def known_at(timeline: Timeline, noticed_at: float) -> float:
    """Return when the workflow knows what a call noticed: at the end of the state that was under way then."""
    return min(visit.end for visit in timeline.visits if visit.begin <= noticed_at <= visit.end)


def _by_state(timeline: Timeline) -> dict[str, dict[str, float]]:
    return {state: {part.value: spent for part, spent in parts.items()} for state, parts in timeline.by_state().items()}


def _make_classes_once() -> None:
    """Keep botocore's models, and its clients' methods, for all sessions: cpu.py states what making them costs."""
    from botocore import client, loaders  # noqa: PLC0415

    loader_class: Any = loaders.JSONFileLoader
    creator_class: Any = client.ClientCreator
    load, create = loader_class.load_file, creator_class._create_methods
    models: dict[str, Any] = {}
    methods: dict[str, Any] = {}

    @functools.wraps(load)
    def load_once(loader: Any, path: str) -> Any:
        if path not in models:
            models[path] = load(loader, path)
        return models[path]

    @functools.wraps(create)
    def create_once(creator: Any, service_model: Any) -> Any:
        name = service_model.service_name
        if name not in methods:
            methods[name] = create(creator, service_model)
        return dict(methods[name])

    loader_class.load_file = load_once
    creator_class._create_methods = create_once


clock = VirtualTime()
# What handlers print. Loggers keep the stream that they find when they are made.
logs = io.StringIO()


def main() -> None:
    """Do what the order says and leave at once: threads that still wait are not waited for."""
    order = json.loads(sys.stdin.read())
    gc.set_threshold(200_000, 20, 100)  # clients are large: looking through them takes a fifth of the time
    os.environ |= {"AWS_ACCESS_KEY_ID": "AKIA111111111111", "AWS_SECRET_ACCESS_KEY": "nothing"}
    os.environ |= {"AWS_DEFAULT_REGION": "us-east-1"}
    with patched(clock), contextlib.redirect_stdout(logs):
        _make_classes_once()
        deployment = Deployment(**order["deployment"])
        runs = clock.run(lambda: list(run_all(deployment, order["contestants"])))
    sys.stdout.write(json.dumps([dataclasses.asdict(run) for run in runs]) + "\n")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
