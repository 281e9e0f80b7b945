"""The part of docs/performance.md on cold starts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.copy.report import markdown
from benchmarks.stored import PROJECT

NAME = "imports"
# What decides about it, beside the packages: how the SDK is cut. The handlers' own modules are a small part of it.
FOLDERS = ("benchmarks/imports", "stacks/hub/sdk")
# What a handler's import may cost, to boto3 and a SageMaker client.
GOAL = 0.45
_INTRODUCTION = """
What a step computes before its first invocation can work: CPU, in a new process, with the packages of the bundle; to
that of `import boto3` and a SageMaker client of the same SDK as it is installed, in the same run. A bundle has
{size:.1f} MB, zipped. The code is in [`benchmarks/imports/`](../benchmarks/imports).
"""


def facts() -> dict[str, Any]:
    """Return what is measured besides code: the packages of the bundle."""
    return {"packages": (PROJECT / "lambdas" / "requirements.lock").read_text()}


def of_json(results: Mapping[str, Any], *, made: str) -> str:
    """Return the page's part of stored results."""
    steps: Mapping[str, Mapping[str, float]] = results["steps"]
    lowest, highest = results["lowest_import_ratio"], results["highest_import_ratio"]
    rows = [
        (
            f"`{name}`",
            f"{step['import_ms']:.0f}",
            f"{step['with_clients_ms']:.0f}",
            f"{step['import_ratio']:.2f}",
            f"{step['with_clients_ratio']:.2f}",
        )
        for name, step in sorted(steps.items(), key=lambda item: item[1]["with_clients_ms"])
    ]
    plain = ("boto3 and a SageMaker client", f"{results['plain_import_ms']:.0f}", f"{results['plain_ms']:.0f}", "", "1")
    parts = [
        "## Cold starts",
        _INTRODUCTION.format(size=results["bundle_zipped_bytes"] / 1e6),
        f"Made {made}.",
        markdown(
            ("wanted", "reached", ""),
            [
                (
                    f"a handler's import to boto3 and a client: at most {GOAL}",
                    f"{lowest:.2f} to {highest:.2f}",
                    "reached" if highest <= GOAL else "**missed**",
                )
            ],
        ),
        markdown(("step", "import, ms", "and its clients, ms", "to boto3", "and its clients"), [plain, *rows]),
    ]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"
