"""What a source and a target have in common: their account and Region, and how their roles get permissions."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Stack
from aws_cdk import aws_iam as iam

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.roles import Role
from lambdas.promotion.contract.steps import JOBS_BY_ROLE, STEPS_BY_ROLE, Job, Step, function_of
from stacks.baseline.nag import accept_finding
from stacks.baseline.role_placement import environments_with_role
from stacks.config.schema import Stage
from stacks.config.topology import Configuration

# In characters: several statements of such lists fill a managed policy, which may have 6,144 (stacks/limits/table.py).
_LONGEST_RESOURCES = 2_500


class AccountScope:
    """An environment in its stack, which is the scope of all of its constructs."""

    def __init__(self, stack: Stack, name: str, configuration: Configuration) -> None:
        self.stack = stack
        self.name = name
        self.configuration = configuration

    def role(self, role: Role, description: str) -> iam.Role:
        """A role that exactly the steps and jobs that work with it may assume."""
        hub = self.configuration.hub
        conditions: dict[str, dict[str, str]] = {}
        if hub.external_id:
            conditions.setdefault("StringEquals", {})["sts:ExternalId"] = hub.external_id
        if hub.organization_id:
            conditions.setdefault("StringEquals", {})["aws:PrincipalOrgID"] = hub.organization_id
        runs: list[Step | Job] = [*self.steps_of(role), *JOBS_BY_ROLE.get(role, ())]
        functions = dict.fromkeys(map(function_of, runs))
        steps = [iam.ArnPrincipal(resource_names.step_role_arn(hub.account, function)) for function in functions]
        trusted: iam.IPrincipal = iam.CompositePrincipal(
            *(iam.PrincipalWithConditions(step, conditions) if conditions else step for step in steps)
        )
        return iam.Role(
            self.stack,
            role.title(),
            role_name=resource_names.environment_role(self.name, role),
            description=description,
            assumed_by=trusted,
        )

    def steps_of(self, role: Role) -> list[Step]:
        """The steps that assume the role here."""
        return [
            step
            for step in STEPS_BY_ROLE.get(role, ())
            if self.name in environments_with_role(self.configuration, role, step)
        ]

    def is_image_source(self) -> bool:
        return any(source == self.name for source, _ in self.configuration.image_copies())

    def allow_image_reads(self, role: iam.Role) -> None:
        self.allow(role, "ReadImages", ["ecr:BatchGetImage"], [self.image_repositories()])
        self.accept_wildcards(
            role,
            [f"Resource::{self.image_repositories()}"],
            "A model's image may be stored in AWS's own accounts, here or elsewhere; a repository's policy decides.",
        )

    def image_repositories(self) -> str:
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
        """Allow it in as many statements as leave CDK a choice: it distributes whole ones over policies."""
        for number, part in enumerate(_parts(resources), start=1):
            role.add_to_policy(
                iam.PolicyStatement(
                    sid=sid if number == 1 else f"{sid}{number}",
                    actions=list(actions),
                    resources=part,
                    conditions=conditions or {},
                )
            )

    def accept_wildcards(self, role: iam.Role, wildcards: Sequence[str], reason: str) -> None:
        for wildcard in wildcards:
            accept_finding(role, f"AwsSolutions-IAM5[{wildcard}]", reason)

    def copier_principals(self, sources: Sequence[str]) -> list[iam.IPrincipal]:
        environments = self.configuration.environments
        return [
            iam.ArnPrincipal(resource_names.environment_role_arn(environments[source].account, source, Role.COPIER))
            for source in sources
        ]

    def bucket_arns(self, suffix: str) -> list[str]:
        """ARNs of the buckets that store models here: those of the configuration and, in a target, our own."""
        buckets = list(self.configuration.environments[self.name].buckets)
        if self.name in self.configuration.sources():
            buckets.append(resource_names.artifact_bucket(self.name, self.stack.account, self.stack.region))
        return [f"arn:aws:s3:::{bucket}{suffix}" for bucket in buckets]

    def stage_keys(self) -> list[tuple[str, str]]:
        return [
            (name, stage_name)
            for name, application in self.configuration.applications.items()
            for stage_name, stage in application.stages.items()
            if self.configuration.environment_of(stage_name, stage) == self.name
        ]

    def configured_stages(self) -> list[Stage]:
        """The stages here, as configured in promotion.yaml."""
        applications = self.configuration.applications
        return [applications[application].stages[stage] for application, stage in self.stage_keys()]

    def sagemaker_arn(self, kind: str, stage: tuple[str, str]) -> str:
        prefix = resource_names.resource_name_prefix(*stage)
        return f"arn:aws:sagemaker:{self.stack.region}:{self.stack.account}:{kind}/{prefix}*"

    def metadata_permissions(self, source: str, target: str) -> tuple[list[str], list[str]]:
        """Return the permissions for tags and annotations: to read them in the source, to write them in the target."""
        tags, annotations = self.configuration.copied_metadata(source, target)
        read = ["s3:GetObjectTagging", "s3:GetObjectVersionTagging"] if tags else []
        read += ["s3:GetObjectAnnotation", "s3:GetObjectVersionAnnotation", "s3:ListObjectAnnotations"] * annotations
        write = ["s3:PutObjectTagging"] * tags + ["s3:PutObjectAnnotation"] * annotations
        return read, write


def _parts(resources: Sequence[str]) -> list[list[str]]:
    """The resources in lists that are each short enough for a statement."""
    parts: list[list[str]] = [[]]
    size = 0
    for resource in resources:
        size += len(resource) + len('"",')
        if size > _LONGEST_RESOURCES:
            parts.append([])
            size = len(resource) + len('"",')
        parts[-1].append(resource)
    return parts
