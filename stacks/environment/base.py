"""What a source and a target have in common: where they are, and how their roles get rights."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Stack
from aws_cdk import aws_iam as iam

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.resource_names import STEPS_OF_DUTY, Duty, Step
from stacks.baseline.nag import accept
from stacks.baseline.role_placement import places
from stacks.config.schema import Configuration, Stage


class Environment:
    """An environment in its stack, which is the scope of everything that is made for it."""

    def __init__(self, stack: Stack, name: str, configuration: Configuration) -> None:
        self.stack = stack
        self.name = name
        self.configuration = configuration

    def role(self, duty: Duty, description: str) -> iam.Role:
        """A role that exactly the steps with this duty may assume."""
        hub = self.configuration.hub
        conditions: dict[str, dict[str, str]] = {}
        if hub.external_id:
            conditions.setdefault("StringEquals", {})["sts:ExternalId"] = hub.external_id
        if hub.organization_id:
            conditions.setdefault("StringEquals", {})["aws:PrincipalOrgID"] = hub.organization_id
        steps = [iam.ArnPrincipal(resource_names.step_role_arn(hub.account, step)) for step in self.steps_of(duty)]
        trusted: iam.IPrincipal = iam.CompositePrincipal(
            *(iam.PrincipalWithConditions(step, conditions) if conditions else step for step in steps)
        )
        return iam.Role(
            self.stack,
            duty.title(),
            role_name=resource_names.environment_role(self.name, duty),
            description=description,
            assumed_by=trusted,
        )

    def steps_of(self, duty: Duty) -> list[Step]:
        """The steps that have the duty here."""
        return [step for step in STEPS_OF_DUTY[duty] if self.name in places(self.configuration, duty, step)]

    def feeds_images(self) -> bool:
        return any(source == self.name for source, _ in self.configuration.image_copies())

    def see_images(self, role: iam.Role) -> None:
        self.allow(role, "SeeImages", ["ecr:BatchGetImage"], [self.images()])
        self.accept_wildcards(
            role,
            [f"Resource::{self.images()}"],
            "A model's image may lie in AWS's own accounts, here or elsewhere; a repository's policy decides.",
        )

    def images(self) -> str:
        """Every repository that SageMaker can pull from: those of the endpoint's own Region."""
        return f"arn:aws:ecr:{self.stack.region}:*:repository/*"

    def allow(
        self,
        role: iam.Role,
        sid: str,
        actions: Sequence[str],
        resources: Sequence[str],
        conditions: dict[str, dict[str, object]] | None = None,
    ) -> None:
        role.add_to_policy(
            iam.PolicyStatement(sid=sid, actions=list(actions), resources=list(resources), conditions=conditions or {})
        )

    def accept_wildcards(self, role: iam.Role, wildcards: Sequence[str], reason: str) -> None:
        for wildcard in wildcards:
            accept(role, f"AwsSolutions-IAM5[{wildcard}]", reason)

    def copiers_of(self, sources: Sequence[str]) -> list[iam.IPrincipal]:
        places = self.configuration.environments
        return [
            iam.ArnPrincipal(resource_names.environment_role_arn(places[source].account, source, Duty.COPIER))
            for source in sources
        ]

    def buckets(self, below: str) -> list[str]:
        """ARNs of the buckets that hold models here: those of the configuration and, in a target, our own."""
        found = list(self.configuration.environments[self.name].buckets)
        if self.name in self.configuration.sources():
            found.append(resource_names.artifact_bucket(self.name, self.stack.account, self.stack.region))
        return [f"arn:aws:s3:::{bucket}{below}" for bucket in found]

    def stages_here(self) -> list[tuple[str, str]]:
        return [
            (name, stage_name)
            for name, application in self.configuration.applications.items()
            for stage_name, stage in application.stages.items()
            if self.configuration.environment_of(stage_name, stage) == self.name
        ]

    def configured_stages(self) -> list[Stage]:
        """The stages here, as the file says them."""
        applications = self.configuration.applications
        return [applications[application].stages[stage] for application, stage in self.stages_here()]

    def sagemaker(self, kind: str, stage: tuple[str, str]) -> str:
        beginning = resource_names.resource_beginning(*stage)
        return f"arn:aws:sagemaker:{self.stack.region}:{self.stack.account}:{kind}/{beginning}*"

    def copied_along(self, source: str, target: str) -> tuple[list[str], list[str]]:
        """Return the rights for what goes along with objects: to read it in the source, to write it in the target."""
        tags, annotations = self.configuration.copied_along(source, target)
        read = ["s3:GetObjectTagging", "s3:GetObjectVersionTagging"] if tags else []
        read += ["s3:GetObjectAnnotation", "s3:GetObjectVersionAnnotation", "s3:ListObjectAnnotations"] * annotations
        written = ["s3:PutObjectTagging"] * tags + ["s3:PutObjectAnnotation"] * annotations
        return read, written
