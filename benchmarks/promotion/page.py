"""The promotion's part of docs/performance.md: the results with everything that is needed to judge them."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Mapping
from typing import Any, cast

from benchmarks.copy.report import markdown
from benchmarks.promotion import report
from benchmarks.promotion.cpu import Costs
from benchmarks.promotion.measure import Measured
from benchmarks.promotion.published import Endpoints, Prices, Times
from benchmarks.promotion.runs import COLD, MLFLOW, SCRIPT, WARM, Run

# What the results are stored as, and what is imported to measure them besides the handlers.
NAME = "promotion"
MODULES = (
    "benchmarks.promotion.measure",
    *(f"benchmarks.promotion.contestants.{name}" for name in ("promote", "scripts")),
)
FOLDERS = ("benchmarks/copy", "benchmarks/promotion", "lambdas")
_DIGITS = 6

_INTRODUCTION = """
How long a whole promotion takes besides what SageMaker takes for the endpoint, from StartExecution to the end of the
execution: the real handlers and the real state machine, as the app synthesises it, on simulated services; and what a
user would run otherwise, in the same run and against the same simulation. The model is one object of 10 MB, source and
target are in one Region, the endpoint is new. The code is in [`benchmarks/promotion/`](../benchmarks/promotion).
"""

_EXPLAINED = """
*Our seconds* are all but those from the accepted CreateEndpoint to InService, for which a contestant can do nothing.
They are on average over {samples} endpoints of {least:g} to {most:g} seconds, evenly spread (a cold hub: over half of
them); with a smoke test, of one of 300 seconds. Of several things at the same time one counts: *calls* before *cold
starts* before *computing*; *states* is what is left: transitions, the starts of tasks and maps, Wait states. *Waiting
after InService* ends when the state ends that notices it, or when a script's call is answered. Prices are list prices
in us-east-1; the machine of a script is not in them, nor what the endpoint costs.
"""

_CONTESTANTS = {
    COLD: "each function starts a new environment when a state first invokes it, and keeps it until the end",
    WARM: "the same after another promotion, whose environments are still there",
    SCRIPT: "boto3: reads the approved version, copies its object, creates model, configuration and endpoint, polls "
    "every 15 s. No check, no verification, no test, no record, no rollback",
    MLFLOW: "the calls of `mlflow.sagemaker` in the mode `create`: the model goes through the machine that runs it, "
    "the endpoints are listed every 5 s",
}

_HOW = """
**Time is virtual**, as in the benchmark of the copy. A Lambda environment has the CPU that its memory pays for; what it
computes is stated: the import of its handler and the making of its clients as measured in the same run (CPU seconds of
a new process, the least of two), and {request:g} ms a request. An environment belongs to a function, not to a state.
The interpreter refuses a definition with anything that it does not know.
"""

_NOT_MEASURED = """
- What AWS takes: most latencies are published nowhere. The table above tells how much hangs on each.
- What a handler computes besides its requests and clients, and what KMS, CloudTrail and X-Ray add to a call.
- Throttling, retries and anything else that varies: equal calls take equal times.
- What the platform's own log lines cost, and storage: a promotion's are fractions of a cent.
"""


def to_json(measured: Measured, month: Mapping[str, float], times: Times, costs: Costs) -> dict[str, Any]:
    """Return the results as they are stored: no more states and digits than the page shows."""
    shown = [report.usual(measured.plain[who]) for who in (COLD, WARM)]

    def stored(run: Run) -> dict[str, Any]:
        fields = dataclasses.asdict(run if run in shown else dataclasses.replace(run, by_state={}))
        return {name: value for name, value in fields.items() if value not in ({}, 0) or name == "waited"}

    results = {
        "measured": {
            "plain": {who: [stored(run) for run in runs] for who, runs in measured.plain.items()},
            "tested": {who: stored(run) for who, run in measured.tested.items()},
            "extremes": {seconds: stored(run) for seconds, run in measured.extremes.items()},
            "what_if": {
                name: {who: stored(run) for who, run in runs.items()} for name, runs in measured.what_if.items()
            },
        },
        "month": month,
        "times": dataclasses.asdict(times),
        "costs": dataclasses.asdict(costs),
    }
    return cast(dict[str, Any], _rounded(results))


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _rounded(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(each) for each in value]
    return round(value, _DIGITS) if isinstance(value, float) else value


def of_json(results: Mapping[str, Any], *, made: str) -> str:
    """Return the part of stored results."""
    measured, month, prices = _measured(results["measured"]), results["month"], Prices()
    endpoints = Endpoints()
    numbers = {"least": endpoints.least, "most": endpoints.most, "samples": endpoints.samples}
    request = results["costs"]["request"] * 1000
    parts = [
        "## The promotion",
        _INTRODUCTION,
        f"Made {made}.",
        markdown(*report.comparison(measured, prices)),
        _EXPLAINED.format(**numbers),
        "### Goals of the promotion",
        markdown(*report.goals(measured, month, prices)),
        "### Where the seconds go",
        "Without what SageMaker takes; of the runs that waited after InService as all do on average.",
        markdown(*report.steps(measured)),
        "### What is called",
        "In the same run of the cold hub, and in such a one of the script.",
        markdown(*report.calls(measured)),
        "### What it costs",
        markdown(*report.prices_of(measured, month, prices)),
        "Of an account's dashboards the first three are free.",
        "### Who promotes",
        markdown(("who", "what runs"), list(_CONTESTANTS.items())),
        _HOW.format(request=request),
        "### Sensitivity of the promotion",
        "Our seconds without those after InService, with one number changed.",
        markdown(*report.what_if(measured)),
        "### What the promotion's numbers do not show",
        _NOT_MEASURED,
        "### Parameters of the promotion",
        "Sources, and which of them are assumptions: [`published.py`](../benchmarks/promotion/published.py).",
        markdown(("parameter", "value"), _parameters(results)),
    ]
    return "\n\n".join(_wrapped(part.strip()) for part in parts) + "\n"


def _measured(stored: Mapping[str, Any]) -> Measured:
    return Measured(
        plain={who: [Run(**run) for run in runs] for who, runs in stored["plain"].items()},
        tested={who: Run(**run) for who, run in stored["tested"].items()},
        extremes={float(seconds): Run(**run) for seconds, run in stored["extremes"].items()},
        what_if={name: {who: Run(**run) for who, run in runs.items()} for name, runs in stored["what_if"].items()},
    )


def _parameters(results: Mapping[str, Any]) -> list[tuple[str, str]]:
    times = {name: value for name, value in results["times"].items() if name != "speeds"}
    costs = results["costs"]
    imports = costs["handlers"].values()
    measured = {
        "import of a handler, measured": f"{min(imports):.2f} to {max(imports):.2f}",
        "first client of a process, measured": f"{costs['first_client']:.3f}",
        "first client of SageMaker, measured": f"{costs['clients']['sagemaker'][0]:.3f}",
        "TLS context of a connection, measured": f"{costs['connect']:.3f}",
    }
    return [*((f"`{name}`", f"{value:g}") for name, value in times.items()), *measured.items()]


def _wrapped(part: str) -> str:
    """Fill the lines of a paragraph that stands alone; lists and tables stay as they are."""
    return part if part.startswith(("|", "-", "#")) or "\n" in part else textwrap.fill(part, 120)
