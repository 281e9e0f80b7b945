"""The event patterns of an endpoint's states: in the target's account and in the hub."""

from __future__ import annotations

import json
from typing import Any

from aws_cdk import aws_events as events

from lambdas.promotion.contract import resource_names
from stacks.baseline.approvals import SOURCE
from stacks.config.topology import Configuration

DETAIL_TYPE = "SageMaker Endpoint State Change"
# Those that last. A wait goes on through the others (API: DescribeEndpoint, EndpointStatus; as the event spells them).
ENDING_STATES = ("IN_SERVICE", "FAILED", "OUT_OF_SERVICE", "UPDATE_ROLLBACK_FAILED")
# AWS: EventBridge quotas, event pattern size; of a pattern's other parts, the account is the longest.
_LONGEST_NAMES = 1_700


def target_accounts(configuration: Configuration) -> list[str]:
    """Return the accounts of the environments in which endpoints are deployed."""
    return sorted({configuration.environments[target].account for target in configuration.sources()})


def hub_pattern(configuration: Configuration) -> events.EventPattern:
    """Match what the targets forward."""
    return events.EventPattern(
        source=[SOURCE],
        account=target_accounts(configuration),
        detail_type=[DETAIL_TYPE],
        detail={"EndpointStatus": list(ENDING_STATES)},
    )


def patterns_in(environment: str, configuration: Configuration) -> list[events.EventPattern]:
    """Match the states of the stages' endpoints in an environment, and of their previews.

    These are as many patterns as their names require.
    """
    return [
        events.EventPattern(
            source=[SOURCE],
            detail_type=[DETAIL_TYPE],
            detail={"EndpointName": names, "EndpointStatus": list(ENDING_STATES)},
        )
        for names in _parts(_names_in(environment, configuration))
    ]


def _names_in(environment: str, configuration: Configuration) -> list[Any]:
    """Return how EventBridge matches the endpoints' names: exactly, and of previews the beginning."""
    stages = [
        stage
        for application in configuration.applications.values()
        for name, stage in application.stages.items()
        if configuration.environment_of(name, stage) == environment
    ]
    prefixes = {resource_names.preview_endpoint_prefix(stage.endpoint) for stage in stages if stage.preview}
    return [*sorted({stage.endpoint for stage in stages}), *({"prefix": prefix} for prefix in sorted(prefixes))]


def _parts(names: list[Any]) -> list[list[Any]]:
    parts: list[list[Any]] = []
    for name in names:
        if not parts or len(json.dumps([*parts[-1], name])) > _LONGEST_NAMES:
            parts.append([])
        parts[-1].append(name)
    return parts
