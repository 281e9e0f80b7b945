"""Measure the whole promotion: python -m benchmarks.promotion [--save] [--call 0.05 ...]; `make benchmark` saves."""

from __future__ import annotations

import argparse
import dataclasses
import shlex
import sys
from collections.abc import Sequence

from rich.console import Console

from benchmarks import stored
from benchmarks.copy.report import show
from benchmarks.promotion import idle_month, report
from benchmarks.promotion.deployed import facts_of, synthesised
from benchmarks.promotion.measure import measure
from benchmarks.promotion.page import FOLDERS, MODULES, NAME, to_json
from benchmarks.promotion.published import Endpoints, MonthlyPrices, Prices, Times


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the tables, and store the results if asked to."""
    wanted = _parser().parse_args(arguments)
    times = Times(**{name: getattr(wanted, name) for name in _numbers()})
    deployed, endpoints, prices = synthesised(), Endpoints(), Prices()
    measured, costs = measure(deployed, times, endpoints, processes=wanted.processes)
    month = idle_month.bill(deployed.resources, MonthlyPrices(), prices)
    console = Console(width=None if sys.stdout.isatty() else 220)
    for title, rows in (
        report.comparison(measured, prices),
        report.goals(measured, month, prices),
        report.steps(measured),
        report.calls(measured),
        report.what_if(measured),
        report.prices_of(measured, month, prices),
    ):
        show(console, title, rows)
    if wanted.save:
        command = shlex.join(
            ["python", "-m", "benchmarks.promotion", *(sys.argv[1:] if arguments is None else arguments)]
        )
        results = to_json(measured, month, times, costs)
        modules = [*MODULES, *(handler.rpartition(".")[0] for handler in deployed.handlers)]
        facts = facts_of(deployed.resources, deployed.target)
        stored.write(NAME, results, command=command, modules=modules, facts=facts, folders=FOLDERS)
        console.print(f"Stored in {stored.FOLDER}")


def _numbers() -> list[str]:
    return [field.name for field in dataclasses.fields(Times) if field.type in {"float", float}]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.promotion", description=__doc__)
    parser.add_argument("--processes", type=int, default=2, help="how many at the same time")
    parser.add_argument("--save", action="store_true", help="store the results for docs/performance.md")
    for name in _numbers():
        default = getattr(Times(), name)
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=float, default=default, help=f"see published.py ({default:g})"
        )
    return parser


if __name__ == "__main__":
    main()
