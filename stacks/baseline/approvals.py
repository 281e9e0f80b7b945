"""The event pattern of an approval: the same in the source's account and in the hub."""

from __future__ import annotations

from aws_cdk import aws_events as events

from stacks.config.schema import Application
from stacks.config.topology import Configuration

SOURCE = "aws.sagemaker"
DETAIL_TYPE = "SageMaker Model Package State Change"
_APPROVED, _REJECTED = "Approved", "Rejected"


def model_registries(configuration: Configuration) -> list[str]:
    """Return the environments that hold a model package group of some application."""
    return sorted(
        {configuration.registry_environment(application) for application in configuration.applications.values()}
    )


def groups_in(environment: str, configuration: Configuration) -> list[str]:
    return sorted(
        application.model_package_group
        for application in configuration.applications.values()
        if configuration.registry_environment(application) == environment
    )


def pattern_for(application: Application, configuration: Configuration) -> events.EventPattern:
    """Match approvals of the application's group, from its registry's account and Region only."""
    registry = configuration.environments[configuration.registry_environment(application)]
    return events.EventPattern(
        source=[SOURCE],
        account=[registry.account],
        region=[registry.region],
        detail_type=[DETAIL_TYPE],
        detail={"ModelPackageGroupName": [application.model_package_group], **_decision(_APPROVED)},
    )


def pattern_in(environment: str, configuration: Configuration) -> events.EventPattern:
    """Match approvals and rejections of any application's group in an environment's registry."""
    groups = {"ModelPackageGroupName": groups_in(environment, configuration)}
    return events.EventPattern(
        source=[SOURCE], detail_type=[DETAIL_TYPE], detail={**groups, **_decision(_APPROVED, _REJECTED)}
    )


def rejections() -> events.EventPattern:
    """Match rejections of whatever the model registries forward."""
    return events.EventPattern(source=[SOURCE], detail_type=[DETAIL_TYPE], detail=_decision(_REJECTED))


def _decision(*statuses: str) -> dict[str, object]:
    """Match a decision on a version. The event of an edit has the version's status, but no updated approval.

    The event of a version that is registered with this status has no UpdatedModelPackageFields.
    """
    return {
        "ModelApprovalStatus": list(statuses),
        "$or": [
            {"UpdatedModelPackageFields": ["ModelApprovalStatus"]},
            {"UpdatedModelPackageFields": [{"exists": False}]},
        ],
    }
