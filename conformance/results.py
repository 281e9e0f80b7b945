"""The result file: JSON, one line a check, which its user can send back. Nothing in it identifies the account."""

from __future__ import annotations

import json
import platform
import subprocess
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import botocore

from conformance.checks import Check
from conformance.outcomes import Outcome, Verdict
from conformance.redaction import LONGEST, redacted

PROJECT = Path(__file__).parents[1]


@dataclass
class Results:
    """The lines that are written so far, each at once: a run that is killed leaves what it had."""

    file: Path
    counts: Counter[str] = field(default_factory=Counter)

    def begin(self, run: str, *, region: str, on_aws: bool, dollars: float, budget: float, checks: int) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self._write(
            {
                "kind": "run",
                "run": run,
                "began": _now(),
                "region": region,
                "endpoint": "AWS" if on_aws else "another endpoint",
                "versions": versions(),
                "dollars_at_most": round(dollars, 2),
                "budget": budget,
                "checks": checks,
            }
        )

    def add(self, check: Check, outcome: Outcome | str, seconds: float) -> None:
        """Write what came of a check: an outcome, or why it could not run."""
        line: dict[str, Any] = {"kind": "check", "id": check.id, "proves": check.proves, "asked": list(check.asks)}
        if isinstance(outcome, str):
            verdict = Verdict.COULD_NOT_RUN
            line["reason"] = outcome
        else:
            verdict = outcome.verdict
            line |= {"expected": _short(outcome.expected), "answered": _short(outcome.answered)}
            line["differences"] = list(outcome.differences)
        self.counts[verdict] += 1
        self._write(line | {"verdict": verdict.value, "seconds": round(seconds, 2)})

    def end(self, left: list[str], reason: str = "") -> None:
        """Write what the run came to, and what it could not delete."""
        summary = {verdict.value: self.counts[verdict] for verdict in Verdict}
        self._write({"kind": "end", "ended": _now(), "left": left, "stopped": reason} | summary)

    def _write(self, line: Mapping[str, Any]) -> None:
        with self.file.open("a") as file:
            file.write(json.dumps(redacted(line)) + "\n")


def versions() -> Mapping[str, str]:
    """Return what the answers may depend on."""
    return {
        "promote": _commit(),
        "python": platform.python_version(),
        "boto3": boto3.__version__,
        "botocore": botocore.__version__,
    }


@cache
def _commit() -> str:
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty"],  # noqa: S607 - the git of whoever runs it
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return described.stdout.strip()


def _short(value: Any) -> Any:
    """A value, or the beginning of its text if it is too long to be read."""
    text = json.dumps(redacted(value))
    return redacted(value) if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text)} characters)"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
