"""The copy's part of docs/performance.md: the results with everything that is needed to judge them."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.copy import report
from benchmarks.copy.ideal import Ideal
from benchmarks.copy.measure import Measurement
from benchmarks.copy.published import LAMBDA_SECONDS, Prices, Speeds
from benchmarks.copy.report import PROMOTE, PROVED, TOO_LONG, Run
from lambdas.promotion.artifacts import partitioning

LARGE, MANY = "140 GB", "10,000 x 1 MB"
# The numbers that no one publishes, changed: what becomes of a workload then.
WHAT_IF = {
    "a request moves 25 MB/s": (LARGE, Speeds(rate=25e6)),
    "a request moves 50 MB/s": (LARGE, Speeds(rate=50e6)),
    "a request moves 170 MB/s": (LARGE, Speeds(rate=170e6)),
    "latency is 0.5 s": (LARGE, Speeds(latency=0.5)),
    "Lambda starts in 2 s, a Map in 10 s": (LARGE, Speeds(cold_start=2.0, map_start=10.0)),
    "a prefix bears 50 writes a second": (LARGE, Speeds(writes_per_second=50)),
    "completing takes 10 ms a part": (LARGE, Speeds(complete_per_part=0.01)),
    "a request costs 2 ms of CPU": (MANY, Speeds(cpu_per_request=0.002)),
    "a request costs 4 ms of CPU": (MANY, Speeds(cpu_per_request=0.004)),
}
# Who is measured with them.
COMPARED = (PROMOTE, "boto3, tuned", PROVED)

# What the results are stored as, and what is imported to measure them.
NAME = "copy"
MODULES = (
    "benchmarks.copy.measure",
    *(f"benchmarks.copy.contestants.{name}" for name in ("promote", "managed_copy", "one_lambda")),
)
# What decides how a copy goes, of what they import.
FOLDERS = (
    "benchmarks/copy",
    "lambdas/handlers",
    *(f"lambdas/promotion/{capability}" for capability in ("artifacts", "aws", "runtime")),
)

_INTRODUCTION = """
How long a copy takes, measured on a simulated S3: the real code of Promote's copying steps, and what a user would run
otherwise, in the same run and against the same simulation. No byte is moved. The code is in
[`benchmarks/copy/`](../benchmarks/copy).
"""

_CONTESTANT_NOTES = """
Keys and sizes are known to everybody. Each contestant's copies are compared with the originals at the end (content
and checksum), and no upload may be left open.
"""
_CONTESTANTS = {
    PROMOTE: "the real Lambda handlers from *Plan the copy* to *Verify the artifacts*, and what the two steps before "
    "them do in S3: {units} units at once and {in_flight} requests in flight in each, or {parts_in_flight} for parts, "
    "in the times of Step Functions and Lambda, from resolving the objects to the verified copies, in a hub that "
    "promoted shortly before",
    "Promote, cold": "the same, and every function has to start the environments that it needs",
    "boto3": "`s3.copy(...)` with its defaults, object after object: 10 threads, parts of 8 MiB or as large as 10,000 "
    "parts require",
    "boto3, tuned": "one transfer manager for all objects, 100 threads and connections, parts of 128 MiB, adaptive "
    "retries",
    PROVED: "the same; then what Promote proves: HeadObject of each source and copy, a hundred at a time, and one list "
    "of the target",
    "aws s3 cp": "the AWS CLI with its defaults; `--recursive` for many objects",
    "one Lambda": "CopyObject, or one UploadPartCopy of 1 GiB after the other, in one Lambda of 512 MB. {too_long} It "
    "would need more than {lambda_seconds} seconds, after which Lambda ends it",
}

_IDEAL = """
**The ideal** is the least time in which any program could let this S3 copy each byte once, with {units} x {in_flight}
requests under way at once, or {units} x {parts_in_flight} for parts: every one of these slots is busy until the last
byte, with as few latencies as S3's limits allow and no request refused; an object that is copied by parts is opened
before and completed after. To that come one start of a Map Run, of a child and of a Lambda environment. Everything
else is the program's own. It is a lower bound: no program need reach it. Promote's S3 copies each byte twice
([decision 24](decisions/0024-the-target-receives-what-a-source-brings.md)), so a large object takes it at least twice
as long.
"""

_TIME = """
**Time is virtual.** Real threads run one at a time, and the clock jumps when all of them wait. So what this machine
computes is not in the seconds, and two runs agree to the last digit. On AWS each unit has a machine of its own; there a
request is taken to cost its sender {cpu:g} ms of a whole CPU, and a Python process to have one CPU, or the share that a
Lambda of its size has. The first table's last column tells what a request cost here (of runs with 1,000 requests or
more), simulation included: parameters, signing, parsing and threads are real, TLS and sockets are missing. More than
that favours Promote's seven machines over the others' one.
"""

_NOT_MEASURED = """
- What AWS does. How many bytes a copy moves in one request on S3's side is published nowhere; the number taken is the
  one for downloads. The table above tells how much hangs on it.
- How S3 behaves when a hundred gigabytes are copied at once: apart from the request rate of a prefix it publishes no
  limit, so the simulation has no other. Real requests also vary; here equal requests take equal times.
- How long S3 takes to complete an upload of many parts: "several minutes" are possible, says the API reference.
- What KMS adds, whose request rate is limited by account, and what other Regions cost and take.
- How fast an account may go: a new account can have a Lambda concurrency of far less than {units}.
"""


def to_json(runs: Sequence[Run], elsewhere: Mapping[str, Run], speeds: Speeds) -> dict[str, Any]:
    """Return the results as they are stored."""
    return {
        "runs": [dataclasses.asdict(run) for run in runs],
        "elsewhere": {name: dataclasses.asdict(run) for name, run in elsewhere.items()},
        "speeds": dataclasses.asdict(speeds),
    }


def of_json(results: Mapping[str, Any], *, made: str) -> str:
    """Return the page's part of stored results."""
    return written(
        [_run_of(run) for run in results["runs"]],
        {name: _run_of(run) for name, run in results["elsewhere"].items()},
        Speeds(**results["speeds"]),
        Prices(),
        made=made,
    )


def _run_of(run: Mapping[str, Any]) -> Run:
    measurements = {who: Measurement(**measured) for who, measured in run["measurements"].items()}
    return Run(workload=run["workload"], ideal=Ideal(**run["ideal"]), measurements=measurements)


def written(runs: Sequence[Run], elsewhere: Mapping[str, Run], speeds: Speeds, prices: Prices, *, made: str) -> str:
    """Return the part. `elsewhere`: runs with other speeds, by what differs."""
    numbers = {
        "units": partitioning.AT_ONCE,
        "in_flight": partitioning.IN_FLIGHT,
        "parts_in_flight": partitioning.PARTS_IN_FLIGHT,
        "cpu": speeds.cpu_per_request * 1000,
        "too_long": TOO_LONG,
        "lambda_seconds": LAMBDA_SECONDS,
    }
    parts = [
        "## The copy",
        _INTRODUCTION,
        f"Made {made}, {_aws_cli()} (which has a botocore of its own).",
        report.markdown(*report.comparison(runs, prices)),
        _explained(),
        "### Goals",
        report.markdown(*report.goals(runs)),
        "### Where Promote spends its time",
        "Seconds of each state that runs a Lambda or a Map, in a warm hub; *fixed* is what Step Functions and Lambda "
        "take by themselves: between states, and for the start of a Map and of a child.",
        report.markdown(*report.states(runs)),
        "### Contestants",
        _CONTESTANT_NOTES,
        report.markdown(("who", "what runs"), [(who, what.format(**numbers)) for who, what in _CONTESTANTS.items()]),
        "### The ideal, and virtual time",
        _IDEAL.format(**numbers),
        _TIME.format(**numbers),
        "### Sensitivity to the assumptions",
        "Some workloads again, with one number changed.",
        _what_if(elsewhere),
        "### What these numbers do not show",
        _NOT_MEASURED.format(**numbers),
        "### Parameters",
        "Sources, and which of them are assumptions: [`published.py`](../benchmarks/copy/published.py).",
        _parameters(speeds),
    ]
    return "\n\n".join(_wrapped(part.strip()) for part in parts) + "\n"


def _aws_cli() -> str:
    pinned = Path(__file__).with_name("requirements.txt").read_text().splitlines()
    return next(line for line in pinned if line.startswith("awscli")).replace("==", " ")


def _explained() -> str:
    return (
        "Writes are the requests that S3 bills as PUT, COPY, POST or LIST; reads are GET and HEAD. *Slowed down* "
        "counts the answers SlowDown, after which a request was tried again. Prices are list prices in us-east-1, as "
        "copies of AWS's pages from 2024 to 2026 show them, for requests, Lambda (arm64) and state "
        "transitions; the machine that runs boto3 or the CLI is not "
        "in them. Bytes copied within a Region cost nothing. The ideal begins as a workflow does, with the start of a "
        "Map: a process that runs already can be faster with little to copy."
    )


def _what_if(elsewhere: Mapping[str, Run]) -> str:
    title = ("if", "workload", "the ideal", "Promote", "to the ideal", *COMPARED[1:], "slowed down")
    rows = []
    for name, run in elsewhere.items():
        promote = run.measurements[PROMOTE]
        rows.append(
            (
                name,
                run.workload,
                f"{run.ideal.seconds:,.1f}",
                f"{promote.seconds:,.1f}",
                f"{promote.seconds / run.ideal.seconds:.2f}x",
                *(f"{run.measurements[who].seconds:,.1f}" for who in COMPARED[1:]),
                f"{promote.slowed_down:,}",
            )
        )
    return report.markdown(title, rows)


def _parameters(speeds: Speeds) -> str:
    rows = [(f"`{name}`", f"{value:,.10g}") for name, value in dataclasses.asdict(speeds).items()]
    return report.markdown(("parameter", "value"), rows)


def _wrapped(part: str) -> str:
    """Fill the lines of a paragraph that stands alone; lists and tables stay as they are."""
    return part if part.startswith(("|", "-", "#")) or "\n" in part else textwrap.fill(part, 120)
