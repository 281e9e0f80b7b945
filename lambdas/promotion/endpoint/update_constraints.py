"""What a live endpoint excludes of the update that a stage wants. Known only when it is looked at. Pure.

Sources: the developer guide's pages on deployment guardrails (exclusions) and on serverless endpoints.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lambdas.promotion.contract.errors import IncompatibleRollout
from lambdas.promotion.contract.settings import Stage


def require_possible_update(stage: Stage, live: Sequence[str], *, serverless: bool, subject: str) -> None:
    """What serves may have changed since it was looked at ahead. Raises IncompatibleRollout with all `problems`."""
    if found := problems(stage, live, serverless=serverless):
        raise IncompatibleRollout(
            f"{subject} cannot be updated as stage {stage.name!r} wants, and was not changed. {' '.join(found)}"
        )


def problems(stage: Stage, live: Sequence[str], *, serverless: bool) -> list[str]:
    """Return, in sentences, why SageMaker would refuse the update, and what to do.

    `live` are the names of the variants that serve now, and `serverless` whether they are so.
    """
    return list(_problems(stage, live, serverless=serverless)) if live else []


def _problems(stage: Stage, live: Sequence[str], *, serverless: bool) -> Iterator[str]:
    variants = stage.endpoint_config.get("ProductionVariants", [])
    wanted = [variant["VariantName"] for variant in variants]
    wants_serverless = any("ServerlessConfig" in variant for variant in variants)
    if wants_serverless and not serverless:
        yield (
            "It has instances, and SageMaker does not change such an endpoint to serverless. Give the stage another "
            "endpoint, or delete this one."
        )
    if not stage.deployment_config:
        return
    leave_out = "Leave the stage's rollout out for this promotion."
    if set(wanted) != set(live):
        yield (
            f"Its variants are {', '.join(sorted(live))} and the stage's {', '.join(sorted(wanted))}, and a rollout "
            f"needs the same names. Name them alike, or, if they must be renamed: {leave_out}"
        )
    if serverless:
        yield f"It is serverless, which knows no rollout. {leave_out}"
    if "RollingUpdatePolicy" in stage.deployment_config and len(live) > 1:
        yield f"It has {len(live)} variants, and a rolling deployment takes one. {leave_out}"
