"""Measure what a cold start computes: python -m benchmarks.imports [--save]; `make benchmark` saves.

Each step is imported from the bundle as it is deployed, in a fresh process, and makes the clients of its first
invocation. The measure is the CPU of `import boto3` and a SageMaker client of the same SDK, as it is installed here:
what a step would do at least that uses the SDK as it is. All are measured in turns, so that a busy machine is equally
busy for all.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from rich.console import Console
from rich.table import Table

from benchmarks import stored
from benchmarks.imports import cold_start, page
from benchmarks.imports.clients import IN_ACCOUNT, IN_HUB
from lambdas.promotion.contract.steps import Job, Step
from stacks.config.load import load
from stacks.hub import bundle

STEPS: tuple[Step | Job, ...] = (*Step, *Job)
PLAIN = "boto3 and a SageMaker client"
_CONFIGURATION = Path(__file__).parents[2] / "sandbox" / "demo" / "promotion.yaml"
_ENVIRONMENT = {"AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}


@dataclass(frozen=True)
class ColdStart:
    """CPU in ms, user and system, since the interpreter started: after the imports, and after the last client."""

    imports: float
    clients: float


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table, and write the results if asked to."""
    options = _parser().parse_args(arguments)
    built = bundle.build(load(_CONFIGURATION).deployed())
    measured = measure(built, options.steps, rounds=options.rounds)
    Console(width=None if sys.stdout.isatty() else 120).print(table(measured))
    if options.save:
        stored.write(
            page.NAME,
            results(measured, zipped_bytes(built)),
            command="python -m benchmarks.imports --save",
            modules=("benchmarks.imports.__main__", "benchmarks.imports.cold_start"),
            facts=page.facts(),
            folders=page.FOLDERS,
        )


def measure(built: Path, steps: Sequence[str], *, rounds: int) -> dict[str, ColdStart]:
    """Return the medians, by step; those of the plain SDK as PLAIN."""
    orders: dict[str, dict[str, Any]] = {
        PLAIN: {"packages": str(Path(boto3.__file__).parents[1]), "handler": None},
        **{step: _order(built, step) for step in steps},
    }
    for order in list(orders.values())[:2]:
        _run(order)  # what is installed here is compiled by its first import, and read from the disk
    runs = [{name: _run(order) for name, order in orders.items()} for _ in range(rounds)]
    return {
        name: ColdStart(
            imports=statistics.median(run[name].imports for run in runs),
            clients=statistics.median(run[name].clients for run in runs),
        )
        for name in orders
    }


def _order(built: Path, step: str) -> dict[str, Any]:
    function = next(function for function in STEPS if function.value == step)
    return {
        "packages": str(built),
        "handler": step,
        "in_account": IN_ACCOUNT.get(function, ()),
        "in_hub": IN_HUB.get(function, ()),
    }


def _run(order: dict[str, Any]) -> ColdStart:
    program = Path(cold_start.__file__).read_text()
    done = subprocess.run(  # noqa: S603 - our own program
        # Without the packages that are installed here, as in Lambda.
        [sys.executable, "-I", "-S", "-c", program, json.dumps(order)],
        capture_output=True,
        check=True,
        cwd="/",
        env=_ENVIRONMENT,
    )
    return ColdStart(*json.loads(done.stdout))


def table(measured: dict[str, ColdStart]) -> Table:
    plain = measured[PLAIN].clients
    shown = Table(
        "",
        *("import, CPU ms", "with clients, CPU ms", "import to plain", "with clients to plain"),
        title=f"Cold starts: CPU, to the {plain:.0f} ms of {PLAIN} (wanted: import to plain {page.GOAL} at most)",
    )
    for name, start in measured.items():
        ratios = (f"{start.imports / plain:.2f}", f"{start.clients / plain:.2f}")
        shown.add_row(name, f"{start.imports:.0f}", f"{start.clients:.0f}", *ratios)
    return shown


def results(measured: dict[str, ColdStart], size: int) -> dict[str, Any]:
    """Return what is stored; times in ms, ratios to the plain SDK with its client."""
    plain = measured[PLAIN]
    steps = {
        name: {
            "import_ms": round(start.imports, 1),
            "with_clients_ms": round(start.clients, 1),
            "import_ratio": round(start.imports / plain.clients, 3),
            "with_clients_ratio": round(start.clients / plain.clients, 3),
        }
        for name, start in measured.items()
        if name != PLAIN
    }
    ratios = [step["import_ratio"] for step in steps.values()]
    return {
        "plain_import_ms": round(plain.imports, 1),
        "plain_ms": round(plain.clients, 1),
        "bundle_zipped_bytes": size,
        "lowest_import_ratio": min(ratios),
        "highest_import_ratio": max(ratios),
        "steps": steps,
    }


def zipped_bytes(folder: Path) -> int:
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as zipped:
            for path in folder.rglob("*"):
                zipped.write(path, path.relative_to(folder))
        return file.tell()


def _parser() -> argparse.ArgumentParser:
    names = [step.value for step in STEPS]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.imports", description=__doc__)
    parser.add_argument("--steps", nargs="+", choices=names, default=names, metavar="STEP")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured")
    parser.add_argument("--save", action="store_true", help="store the results for docs/performance.md")
    return parser


if __name__ == "__main__":
    main()
