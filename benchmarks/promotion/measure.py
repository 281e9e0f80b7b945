"""Everything that is measured, in a few processes at the same time.

What the processes compute takes no virtual time, so how many there are changes no result.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import Any

from benchmarks.copy.published import Speeds
from benchmarks.promotion import cpu
from benchmarks.promotion.deployed import Deployed
from benchmarks.promotion.published import Endpoints, Times
from benchmarks.promotion.runs import COLD, MLFLOW, SCRIPT, WARM, Run
from benchmarks.promotion.world import APPLICATION, STAGE
from benchmarks.stored import PROJECT

TEN_MINUTES, EIGHT_HOURS = 600.0, 8 * 3600.0
_USUAL = 300.0
# A cold hub takes as long with each endpoint, so a part of their times will do.
_COLD_EVERY = 2
# Where nothing that follows InService is compared.
_SHORTEST = 60.0
_LONG_ENOUGH = 10 * 3600
# The services that some contestant calls.
SERVICES = (
    *("application-autoscaling", "cloudwatch", "dynamodb", "ecr", "iam", "kms", "s3", "sagemaker"),
    *("sagemaker-runtime", "service-quotas", "sns", "stepfunctions", "sts"),
)
# The numbers that no one publishes, changed.
WHAT_IF: Mapping[str, dict[str, Any]] = {
    "a call takes 0.05 s": {"call": 0.05, "speeds": Speeds(latency=0.05)},
    "a call takes 0.5 s": {"call": 0.5, "speeds": Speeds(latency=0.5)},
    "a transition takes 0.1 s, a Map starts in 5 s": {"transition": 0.1, "speeds": Speeds(map_start=5.0)},
    "a new environment takes 1 s": {"environment": 1.0},
    "Lambda's CPU is half as fast": {"cpu_speed": 0.5},
}


class MeasurementFailed(Exception):
    """A process ended without a result; the message has the end of what it reported."""


@dataclass(frozen=True)
class Measured:
    """`plain`: without a smoke test, by contestant, one run for each endpoint time. `tested`: with it, one each.

    `extremes`: a warm hub with an endpoint of ten minutes, and of eight hours. `what_if`: by what differs.
    """

    plain: dict[str, list[Run]]
    tested: dict[str, Run]
    extremes: dict[float, Run]
    what_if: dict[str, dict[str, Run]]


def measure(deployed: Deployed, times: Times, endpoints: Endpoints, *, processes: int) -> tuple[Measured, cpu.Costs]:
    """Measure all contestants. Raises MeasurementFailed."""
    costs = cpu.measured(deployed.handlers, SERVICES, bundle=deployed.bundle, request=times.speeds.cpu_per_request)
    orders = Orders(deployed, costs, times)
    seconds = list(endpoints.seconds)
    with ThreadPoolExecutor(processes) as pool:
        long = pool.submit(orders.run, [(COLD, [_SHORTEST]), (WARM, [TEN_MINUTES, EIGHT_HOURS])])
        plain = [
            pool.submit(orders.run, contestants)
            for contestants in (
                [(COLD, seconds[::_COLD_EVERY])],
                [(WARM, seconds)],
                [(SCRIPT, seconds), (MLFLOW, seconds)],
            )
        ]
        tested = pool.submit(orders.run, [(COLD, [_USUAL]), (WARM, [_USUAL])], smoke_test=True)
        compared = [(who, [_SHORTEST]) for who in (COLD, WARM, SCRIPT)]
        what_if = {
            name: pool.submit(orders.run, compared, times=replace(times, **changed))
            for name, changed in WHAT_IF.items()
        }
        return Measured(
            plain=_by_contestant([run for future in plain for run in future.result()]),
            tested=_one_each(tested),
            extremes={run.endpoint_seconds: run for run in long.result() if run.contestant == WARM},
            what_if={name: _one_each(future) for name, future in what_if.items()},
        ), costs


@dataclass(frozen=True)
class Orders:
    """Orders for the processes that run contestants (runs.py)."""

    deployed: Deployed
    costs: cpu.Costs
    times: Times

    def run(
        self, contestants: list[tuple[str, list[float]]], *, smoke_test: bool = False, times: Times | None = None
    ) -> list[Run]:
        deployment = {
            "definition": self.deployed.definition,
            "functions": [asdict(function) for function in self.deployed.functions.values()],
            "subscriptions": [asdict(subscription) for subscription in self.deployed.subscriptions],
            "tables": self.deployed.tables,
            "settings": _settings(self.deployed.settings, smoke_test=smoke_test),
            "costs": asdict(self.costs),
            "times": asdict(times or self.times),
        }
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.promotion.runs"],
            cwd=PROJECT,
            input=json.dumps({"deployment": deployment, "contestants": contestants}),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise MeasurementFailed(f"{contestants} could not be run: {done.stderr[-3000:]}")
        return [Run(**run) for run in json.loads(done.stdout.splitlines()[-1])]


def _settings(text: str, *, smoke_test: bool) -> str:
    """Return the deployed settings of a stage that waits as long as it takes, with its smoke test or without."""
    settings = json.loads(text)
    stage = settings["applications"][APPLICATION]["stages"][STAGE]
    stage["deadline_seconds"] = _LONG_ENOUGH
    if not smoke_test:
        stage["smoke_tests"] = []
    return json.dumps(settings)


def _by_contestant(runs: list[Run]) -> dict[str, list[Run]]:
    contestants: dict[str, list[Run]] = {}
    for run in runs:
        contestants.setdefault(run.contestant, []).append(run)
    return contestants


def _one_each(future: Future[list[Run]]) -> dict[str, Run]:
    return {run.contestant: run for run in future.result()}
