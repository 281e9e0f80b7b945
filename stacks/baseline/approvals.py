"""The event pattern of an approval: the same in the source's account and in the hub."""

from __future__ import annotations

from aws_cdk import aws_events as events

from stacks.config.schema import Application
from stacks.config.topology import Configuration

SOURCE = "aws.sagemaker"
DETAIL_TYPE = "SageMaker Model Package State Change"


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
        detail=_approval_in([application.model_package_group]),
    )


def pattern_in(environment: str, configuration: Configuration) -> events.EventPattern:
    """Match approvals of any application's group in an environment's registry."""
    return events.EventPattern(
        source=[SOURCE], detail_type=[DETAIL_TYPE], detail=_approval_in(groups_in(environment, configuration))
    )


def _approval_in(groups: list[str]) -> dict[str, object]:
    """Match an approval. The event of an edit of an approved version has the status Approved, but no updated approval.

    The event of a version that is registered as Approved has no UpdatedModelPackageFields.
    """
    return {
        "ModelPackageGroupName": groups,
        "ModelApprovalStatus": ["Approved"],
        "$or": [
            {"UpdatedModelPackageFields": ["ModelApprovalStatus"]},
            {"UpdatedModelPackageFields": [{"exists": False}]},
        ],
    }
