"""Why a live endpoint blocks an update: what serves is compared with what is sent, nothing else. Pure: no AWS calls.

Sources: the developer guide's pages on deployment guardrails (exclusions) and on serverless endpoints; recordings of
UpdateEndpoint.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lambdas.promotion.contract.errors import IncompatibleRollout
from lambdas.promotion.endpoint.rollout import DeploymentConfig, is_rolling
from lambdas.promotion.endpoint.state import ObservedEndpoint

_REMOVE_ROLLOUT = "Remove the stage's rollout for this promotion."
_ANOTHER_ENDPOINT = "Give the stage another endpoint, or delete this one."


def require_possible_update(
    desired: Mapping[str, Any],
    rollout: DeploymentConfig,
    observed: ObservedEndpoint,
    *,
    reversible: bool,
    subject: str,
) -> None:
    """The endpoint may have changed since the preflight checks. Raises IncompatibleRollout with all `problems`."""
    if reasons := problems(desired, rollout, observed, reversible=reversible):
        raise IncompatibleRollout(f"{subject} cannot be updated and was not changed. {' '.join(reasons)}")


def problems(
    desired: Mapping[str, Any], rollout: DeploymentConfig, observed: ObservedEndpoint, *, reversible: bool
) -> list[str]:
    """Return, in sentences, why the update is not to be sent, and what to do.

    `desired` is the configuration that is sent, in the shape of CreateEndpointConfig, and `rollout` its
    DeploymentConfig. `reversible`: an update that could not be rolled back counts as well.
    """
    if not observed.capacities:
        return []
    return [
        *_impossible(desired, observed),
        *(_irreversible(desired, observed) if reversible else ()),
        *(_excluded_rollout(desired, rollout, observed) if rollout else ()),
    ]


def _impossible(desired: Mapping[str, Any], observed: ObservedEndpoint) -> Iterator[str]:
    if _is_serverless(desired) and not observed.serverless:
        yield f"It has instances, and SageMaker does not change such an endpoint to serverless. {_ANOTHER_ENDPOINT}"
    if observed.asynchronous and not _is_asynchronous(desired):
        yield f"It is asynchronous, and SageMaker does not change such an endpoint to real time. {_ANOTHER_ENDPOINT}"


def _irreversible(desired: Mapping[str, Any], observed: ObservedEndpoint) -> Iterator[str]:
    if observed.serverless and not _is_serverless(desired):
        yield (
            "It is serverless, and SageMaker does not change an endpoint with instances back to serverless: a failed "
            f"promotion could not be rolled back. {_ANOTHER_ENDPOINT}"
        )
    if _is_asynchronous(desired) and not observed.asynchronous:
        yield (
            "It answers in real time, and SageMaker does not change an asynchronous endpoint back: a failed promotion "
            f"could not be rolled back. {_ANOTHER_ENDPOINT}"
        )


def _excluded_rollout(
    desired: Mapping[str, Any], rollout: DeploymentConfig, observed: ObservedEndpoint
) -> Iterator[str]:
    names = [variant["VariantName"] for variant in desired.get("ProductionVariants", [])]
    if set(names) != set(observed.variants):
        yield (
            f"Its variants are {', '.join(sorted(observed.variants))} and those of the update "
            f"{', '.join(sorted(names))}, and a rollout requires the same names. Use the same names, or, if they must "
            f"be renamed: {_REMOVE_ROLLOUT}"
        )
    if observed.serverless:
        yield f"It is serverless, which does not support a rollout. {_REMOVE_ROLLOUT}"
    if is_rolling(rollout) and len(observed.variants) > 1:
        yield f"It has {len(observed.variants)} variants, and a rolling deployment supports one. {_REMOVE_ROLLOUT}"


def _is_serverless(config: Mapping[str, Any]) -> bool:
    return any("ServerlessConfig" in variant for variant in config.get("ProductionVariants", []))


def _is_asynchronous(config: Mapping[str, Any]) -> bool:
    return bool(config.get("AsyncInferenceConfig"))
