"""The names that a person typed, and the deployed settings, become the document: the one place that builds it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.promotion.aws.sessions import RoleSession
from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.document import (
    Execution,
    ImageCopy,
    Promotion,
    Request,
    RequiredApproval,
    RollbackTarget,
    SourceModel,
    VerifiedCopies,
)
from lambdas.promotion.contract.settings import Application, Environment, Settings, Stage
from lambdas.promotion.contract.step_events import ResolveEvent
from lambdas.promotion.model import definition
from lambdas.promotion.model.definition import Definition
from lambdas.promotion.resolve import eligibility, model_registry
from lambdas.promotion.resolve import request as request_rules
from lambdas.promotion.resolve.identity import Parts


@dataclass(frozen=True, kw_only=True)
class Resolution:
    """What the input of an execution names, as it is configured."""

    request: Request
    execution: Execution
    deployed: Settings
    application: Application
    stage: Stage

    @staticmethod
    def of(started: ResolveEvent, deployed: Settings) -> Resolution:
        """Read the input. Raises InvalidInput, UnknownApplication or UnknownStage."""
        execution = started.execution
        request = request_rules.require_request(started.started_with)
        application, stage = request_rules.find_stage(request, deployed)
        return Resolution(request=request, execution=execution, deployed=deployed, application=application, stage=stage)

    def require_alias(self, alias: str | None) -> None:
        """Raise unless this alias of the state machine starts the stage; None: it was started by none."""
        request_rules.require_alias(alias, self.application, self.stage, hub=self.deployed.hub)

    @property
    def source(self) -> Environment:
        return self.deployed.environments[self.stage.source]

    @property
    def target(self) -> Environment:
        return self.deployed.environments[self.stage.environment]

    @property
    def registry(self) -> Environment:
        """The environment whose model registry has the application's group."""
        return self.deployed.environments[self.application.registry]

    def require_own_package(self) -> None:
        """Raise unless a model package that is named is one of the application."""
        arn = self.request.model_package_arn
        if arn:
            eligibility.require_package_of(self.application, arn, self.registry, self.source)

    def promotion(
        self,
        *,
        model: SourceModel,
        approval: RequiredApproval | None,
        images: Sequence[ImageCopy],
        unused_mappings: Sequence[str],
        parts: Parts,
    ) -> Promotion:
        """Return the document of a model that was found in the source."""
        return self._promotion(
            stage=self.stage,
            source=self.source,
            model=model,
            approval=approval,
            images=tuple(images),
            unused_mappings=tuple(unused_mappings),
            **parts,
        )

    def rollback(
        self,
        recorded: Promotion,
        verified: VerifiedCopies,
        *,
        approval: RequiredApproval | None,
        target: RollbackTarget,
    ) -> Promotion:
        """Return the document of a rollback to a recorded promotion, without what that one observed and did.

        `verified`: the copies of its model, as they were verified last.
        A rollback must not need the source, nor what a smoke test sends from there: both may no longer exist.
        """
        smoke_tests = tuple(test for test in self.stage.smoke_tests if not test.payload.read_in_source)
        return self._promotion(
            stage=replace(self.stage, smoke_tests=smoke_tests),
            source=self.deployed.environments.get(recorded.source.name, recorded.source),
            model=recorded.model,
            approval=approval,
            digest=recorded.digest,
            artifacts=recorded.artifacts,
            desired_model=recorded.desired_model,
            desired_config=recorded.desired_config,
            tags=recorded.tags,
            images=recorded.images,
            verified=verified,
            rollback_target=target,
        )

    def _promotion(self, *, stage: Stage, **fields: Any) -> Promotion:
        return Promotion(
            request=self.request,
            execution=self.execution,
            hub=self.deployed.hub,
            stage=stage,
            target=self.target,
            external_id=self.deployed.external_id,
            deadline=self.execution.started_at + timedelta(seconds=stage.deadline_seconds),
            **fields,
        )


@dataclass(frozen=True)
class ResolvedModel:
    """A model in the source: what it is, what it consists of, and its tags.

    `described`: DescribeModel's response; empty for a version.
    """

    model: SourceModel
    definition: Definition
    tags: Mapping[str, str]
    described: Mapping[str, Any]


def find_model(resolution: Resolution, account: RoleSession) -> ResolvedModel:
    """Read the model, or the model package, that the request names. Raises if it may not be promoted."""
    arn = resolution.request.model_package_arn
    return _package(arn, account) if arn else _model(str(resolution.request.model_name), resolution, account)


def _package(arn: str, account: RoleSession) -> ResolvedModel:
    package = model_registry.describe_model_package(arn, sagemaker=account.sagemaker)
    eligibility.require_approved(package)
    created_at = package["CreationTime"].astimezone(UTC)
    model = SourceModel(
        arn=package["ModelPackageArn"],
        created_at=created_at,
        made_at=created_at,
        model_package_arn=package["ModelPackageArn"],
        approved_by=model_registry.changed_by(package),
    )
    return ResolvedModel(model, definition.of_package(package, subject=model.arn), {}, {})


def _model(name: str, resolution: Resolution, account: RoleSession) -> ResolvedModel:
    source, application = resolution.source, resolution.application
    location = f"{source.name} (account {source.account}, {source.region})"
    described = model_registry.describe_model(name, location=location, sagemaker=account.sagemaker)
    arn = described["ModelArn"]
    tags = model_registry.tags_of(arn, sagemaker=account.sagemaker)
    eligibility.require_application_of(tags, application, subject=arn)
    tags = eligibility.trusted_tags(tags, source, resolution.deployed)
    packages = {}
    for package_name in model_registry.packages_named_by(described):
        # By its name first: a promotion may not read another application's group.
        eligibility.require_version(package_name, subject=arn)
        eligibility.require_package_of(application, package_name, source, source)
        packages[package_name] = model_registry.describe_model_package(package_name, sagemaker=account.sagemaker)
        eligibility.require_approved(packages[package_name])
    only = next(iter(packages.values())) if len(packages) == 1 else None
    model = SourceModel(
        arn=arn,
        created_at=described["CreationTime"].astimezone(UTC),
        made_at=_made_at(described, packages, tags),
        model_package_arn=only["ModelPackageArn"] if only else None,
        approved_by=model_registry.changed_by(only) if only else None,
    )
    return ResolvedModel(model, definition.of_model(described, packages, subject=arn), tags, described)


def _made_at(
    described: Mapping[str, Any], packages: Mapping[str, Mapping[str, Any]], tags: Mapping[str, str]
) -> datetime:
    """Return when the model was made where it was trained: a model that Promote created has that in its tags."""
    if resource_names.MADE_AT_TAG in tags:
        created_at = described["CreationTime"].astimezone(UTC)
        return eligibility.require_made_at(tags, created_at=created_at, subject=described["ModelArn"])
    made: list[datetime] = [package["CreationTime"] for package in packages.values()] or [described["CreationTime"]]
    return max(made).astimezone(UTC)
