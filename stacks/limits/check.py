"""No stack of the app exceeds a limit of AWS, or it is not synthesised."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from stacks.limits.measures import Measure, measures


class LimitExceeded(Exception):
    """A stack exceeds a limit of AWS. The message has each, with what to do."""


def require_within_limits(assembly: Path) -> None:
    """Check every template of a cloud assembly, as CloudFormation will get it. Raises LimitExceeded."""
    problems = [
        f"  {stack}: {_sentence(measure)}"
        for stack, measure in _measures(assembly)
        if measure.size > measure.limit.most
    ]
    if problems:
        exceeded = "1 limit" if len(problems) == 1 else f"{len(problems)} limits"
        raise LimitExceeded(f"What would be deployed exceeds {exceeded} of AWS:\n" + "\n".join(problems))


def _sentence(measure: Measure) -> str:
    limit = measure.limit
    allowed = f"{limit.what} may have {limit.most:,} {limit.unit} ({limit.source})"
    return f"{allowed}, and {measure.resource} has {measure.size:,}. {limit.remedy}."


def _measures(assembly: Path) -> Iterator[tuple[str, Measure]]:
    artifacts = json.loads((assembly / "manifest.json").read_text())["artifacts"]
    for name, artifact in artifacts.items():
        if artifact["type"] != "aws:cloudformation:stack":
            continue
        account, region = artifact["environment"].removeprefix("aws://").split("/")
        template = json.loads((assembly / artifact["properties"]["templateFile"]).read_text())
        for measure in measures(name, account, region, template):
            yield name, measure
