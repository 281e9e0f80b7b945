"""Measure the copy: `make benchmark`, or python -m benchmarks.copy with some sizes, contestants and speeds.

Every contestant copies every workload in a process of its own; a few processes run at the same time. What they compute
takes no virtual time, so that changes no result.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shlex
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich.console import Console

from benchmarks import stored
from benchmarks.copy import page, report
from benchmarks.copy.ideal import ideal
from benchmarks.copy.measure import CONTESTANTS, Measurement
from benchmarks.copy.published import Prices, Speeds
from benchmarks.copy.report import PROMOTE, PROVED, Run
from benchmarks.copy.world import WORKLOADS, Workload
from lambdas.promotion.artifacts import partitioning

_PROJECT = Path(__file__).parents[2]
# `make benchmark` makes it.
_PYTHON_OF_AWS_CLI = _PROJECT / ".build" / "aws-cli" / "bin" / "python"
# What takes a process hours on AWS, or many minutes here, is left to those who might do it.
_ONLY = {"10 TB": {PROMOTE, "boto3, tuned", PROVED}, "100,000 x 1 MB": {PROMOTE}}


class MeasurementFailed(Exception):
    """A contestant's process ended without a result; the message has the end of what it said."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the tables, and store the results if asked to."""
    wanted = _parser().parse_args(arguments)
    speeds = Speeds(**{field.name: getattr(wanted, field.name) for field in dataclasses.fields(Speeds)})
    console = Console(width=None if sys.stdout.isatty() else 200)
    runs = measure_all(wanted.sizes, wanted.contestants, speeds, processes=wanted.processes)
    prices = Prices()
    report.show(console, *report.comparison(runs, prices))
    title, reached = report.goals(runs)
    if reached:
        report.show(console, title, reached)
    if PROMOTE in wanted.contestants:
        report.show(console, *report.states(runs))
    if wanted.save:
        elsewhere = {
            name: measure_all([workload], page.COMPARED, changed, processes=wanted.processes)[0]
            for name, (workload, changed) in page.WHAT_IF.items()
        }
        command = shlex.join(["python", "-m", "benchmarks.copy", *(sys.argv[1:] if arguments is None else arguments)])
        results = page.to_json(runs, elsewhere, speeds)
        stored.write(page.NAME, results, command=command, modules=page.MODULES, facts={}, folders=page.FOLDERS)
        console.print(f"Stored in {stored.FOLDER}")


def measure_all(sizes: Sequence[str], contestants: Sequence[str], speeds: Speeds, *, processes: int) -> list[Run]:
    """Return each workload's results, in the order asked for. Raises MeasurementFailed."""
    pairs = [(size, contestant) for size in sizes for contestant in _of(size, contestants)]
    with ThreadPoolExecutor(processes) as pool:
        measurements = dict(
            zip(pairs, pool.map(lambda pair: _in_a_process(pair[0], pair[1], speeds), pairs), strict=True)
        )
    return [
        Run(
            workload=size,
            ideal=ideal(WORKLOADS[size], speeds, concurrency=concurrency(WORKLOADS[size])),
            measurements={contestant: measurements[size, contestant] for contestant in _of(size, contestants)},
        )
        for size in sizes
    ]


def concurrency(workload: Workload) -> int:
    """Return how many requests Promote has under way at once: more for parts than for whole objects."""
    has_parts = workload.size > partitioning._BY_PARTS_ABOVE
    return partitioning.AT_ONCE * (partitioning.PARTS_IN_FLIGHT if has_parts else partitioning.IN_FLIGHT)


def _of(size: str, contestants: Sequence[str]) -> list[str]:
    return [contestant for contestant in contestants if contestant in _ONLY.get(size, CONTESTANTS)]


def _in_a_process(workload: str, contestant: str, speeds: Speeds) -> Measurement:
    order = {"contestant": contestant, "workload": workload, "speeds": dataclasses.asdict(speeds)}
    python = _PYTHON_OF_AWS_CLI if CONTESTANTS[contestant][0] == "aws_cli" else Path(sys.executable)
    if not python.exists():
        raise MeasurementFailed(f"There is no {python}, which the AWS CLI runs in. `make benchmark` makes it.")
    done = subprocess.run(  # noqa: S603 - our own module
        [python, "-m", "benchmarks.copy.measure", json.dumps(order)],
        cwd=_PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise MeasurementFailed(f"{contestant} could not copy {workload}: {done.stderr[-2000:]}")
    return Measurement(**json.loads(done.stdout.splitlines()[-1]))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.copy", description=__doc__)
    parser.add_argument("--sizes", nargs="+", choices=WORKLOADS, default=list(WORKLOADS), metavar="SIZE")
    parser.add_argument("--contestants", nargs="+", choices=CONTESTANTS, default=list(CONTESTANTS), metavar="WHO")
    parser.add_argument("--processes", type=int, default=2, help="how many at the same time")
    parser.add_argument("--save", action="store_true", help="store the results for docs/performance.md")
    for field in dataclasses.fields(Speeds):
        option = f"--{field.name.replace('_', '-')}"
        parser.add_argument(option, type=float, default=field.default, help=f"see published.py ({field.default:g})")
    return parser


if __name__ == "__main__":
    main()
