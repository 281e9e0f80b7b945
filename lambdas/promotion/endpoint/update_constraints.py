"""Why a live endpoint blocks the update that a stage configures: known only from its state. Pure: no AWS calls.

Sources: the developer guide's pages on deployment guardrails (exclusions) and on serverless endpoints.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lambdas.promotion.contract.errors import IncompatibleRollout
from lambdas.promotion.contract.settings import Stage


def require_possible_update(stage: Stage, live: Sequence[str], *, serverless: bool, subject: str) -> None:
    """The endpoint may have changed since the preflight checks. Raises IncompatibleRollout with all `problems`."""
    if reasons := problems(stage, live, serverless=serverless):
        raise IncompatibleRollout(
            f"{subject} cannot be updated as stage {stage.name!r} configures it, and was not changed. "
            f"{' '.join(reasons)}"
        )


def problems(stage: Stage, live: Sequence[str], *, serverless: bool) -> list[str]:
    """Return, in sentences, why SageMaker would refuse the update, and what to do.

    `live` are the names of the live variants, and `serverless` whether they are serverless.
    """
    return list(_problems(stage, live, serverless=serverless)) if live else []


def _problems(stage: Stage, live: Sequence[str], *, serverless: bool) -> Iterator[str]:
    variants = stage.endpoint_config.get("ProductionVariants", [])
    desired = [variant["VariantName"] for variant in variants]
    desires_serverless = any("ServerlessConfig" in variant for variant in variants)
    if desires_serverless and not serverless:
        yield (
            "It has instances, and SageMaker does not change such an endpoint to serverless. Give the stage another "
            "endpoint, or delete this one."
        )
    if not stage.deployment_config:
        return
    remove_rollout = "Remove the stage's rollout for this promotion."
    if set(desired) != set(live):
        yield (
            f"Its variants are {', '.join(sorted(live))} and the stage's {', '.join(sorted(desired))}, and a rollout "
            f"requires the same names. Use the same names, or, if they must be renamed: {remove_rollout}"
        )
    if serverless:
        yield f"It is serverless, which does not support a rollout. {remove_rollout}"
    if "RollingUpdatePolicy" in stage.deployment_config and len(live) > 1:
        yield f"It has {len(live)} variants, and a rolling deployment supports one. {remove_rollout}"
