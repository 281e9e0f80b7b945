"""A source: the roles that read its models and copy their artifacts."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.roles import Role
from stacks.baseline import approvals
from stacks.baseline.iam_conditions import via_service
from stacks.config import required_regions
from stacks.environment.base import AccountScope


class Source(AccountScope):
    """The reader and the copier."""

    def build(self, targets_fed: Sequence[str], own_key: kms.Key | None) -> None:
        """Add both. `own_key` encrypts the artifacts that were promoted to this environment."""
        self._reader(own_key)
        self._copier(own_key, targets_fed)

    def _reader(self, own_key: kms.Key | None) -> None:
        role = self.role(Role.READER, "Reads models, model packages and their artifacts")
        models = f"arn:aws:sagemaker:{self.stack.region}:{self.stack.account}:model/*"
        packages = [
            f"arn:aws:sagemaker:{self.stack.region}:{self.stack.account}:model-package/{group}/*"
            for configured in approvals.groups_in(self.name, self.configuration)
            for group in dict.fromkeys((configured, configured.lower()))
        ]
        self.allow(role, "DescribeModels", ["sagemaker:DescribeModel", "sagemaker:ListTags"], [models])
        self.accept_wildcards(role, [f"Resource::{models}"], "Any model of this account may be requested by its name.")
        if packages:
            self.allow(role, "DescribeModelPackages", ["sagemaker:DescribeModelPackage"], packages)
            self.accept_wildcards(
                role, [f"Resource::{arn}" for arn in packages], "Every version of an application's own group."
            )
        listed = ["sagemaker:ListModels", *(["sagemaker:ListModelPackages"] if packages else [])]
        self.allow(role, "ListModels", listed, ["*"])
        self.accept_wildcards(role, ["Resource::*"], "ListModels and ListModelPackages have no resources.")
        self.allow_image_reads(role)
        if self.is_image_source():
            own = f"arn:aws:ecr:{self.stack.region}:{self.stack.account}:repository/*"
            self.allow(role, "FetchImages", ["ecr:GetDownloadUrlForLayer"], [own])
            self.accept_wildcards(
                role,
                [f"Resource::{own}"],
                "A model's image may be stored in any repository; a session is narrowed to one.",
            )
        # To list prefixes, and to distinguish a missing object from a denied one (API: HeadObject).
        self.allow(role, "ListArtifacts", ["s3:ListBucket"], self.bucket_arns(""))
        # It reads the newest version of each object only, by HeadObject without VersionId.
        self._read_artifacts(role, "ReadArtifacts", ["s3:GetObject"], self.bucket_arns("/*"))
        self._decrypt_artifacts(role, own_key)

    def _copier(self, own_key: kms.Key | None, targets_fed: Sequence[str]) -> None:
        role = self.role(Role.COPIER, "Reads artifacts here and copies them to the targets' incoming prefixes")
        self.allow(role, "DistinguishMissingFromDenied", ["s3:ListBucket"], self.bucket_arns(""))
        self.allow(
            role,
            "SimulateOwnPermissions",
            ["iam:SimulatePrincipalPolicy"],
            [resource_names.environment_role_arn(self.stack.account, self.name, Role.COPIER)],
        )
        # A version is copied by its id, which a list does not contain: then HeadObject on the newest returns it first.
        self._read_artifacts(role, "ReadArtifacts", ["s3:GetObject", "s3:GetObjectVersion"], self.bucket_arns("/*"))
        self._decrypt_artifacts(role, own_key)
        for target in targets_fed:
            environment = self.configuration.environments[target]
            if region := required_regions.to_enable(self.configuration, self.name, target):
                cdk.Annotations.of(self.stack).add_warning_v2(
                    f"promote:enable-{region}",
                    f"{self.name} copies into {target} in {region}, which is not enabled by default: enable this "
                    f"Region for {self.name}'s account {self.stack.account} too (API: CopyObject).",
                )
            bucket = resource_names.artifact_bucket(target, environment.account, environment.region)
            objects = f"arn:aws:s3:::{bucket}/{resource_names.incoming_prefix(self.name)}*"
            keys = f"arn:aws:kms:{environment.region}:{environment.account}:key/*"
            title = target.title().replace("-", "")
            read, write = self.metadata_permissions(self.name, target)
            if read:
                self.allow(role, f"ReadTagsFor{title}", read, self.bucket_arns("/*"))
            self.allow(role, f"PutInto{title}", ["s3:PutObject", "s3:ListMultipartUploadParts", *write], [objects])
            self.allow(
                role,
                f"EncryptFor{title}",
                ["kms:GenerateDataKey", "kms:Decrypt"],
                [keys],
                via_service("s3", environment.region),
            )
            self.accept_wildcards(
                role,
                [f"Resource::{objects}"],
                "Keys contain a digest of the content; a session is narrowed to a promotion's own, or a work unit's.",
            )
            self.accept_wildcards(
                role,
                [f"Resource::{keys}"],
                "The id of the target's key is not part of this account's configuration; the key's policy names this "
                "role, and only S3 may use it.",
            )

    def _read_artifacts(self, role: iam.Role, sid: str, actions: Sequence[str], objects: Sequence[str]) -> None:
        if objects:
            self.allow(role, sid, actions, objects)
            self.accept_wildcards(
                role,
                [f"Resource::{arn}" for arn in objects],
                "A model's artifacts may be stored under any key of its bucket.",
            )

    def _decrypt_artifacts(self, role: iam.Role, own_key: kms.Key | None) -> None:
        keys = [*self.configuration.environments[self.name].kms_keys, *([own_key.key_arn] if own_key else [])]
        if keys:
            self.allow(role, "DecryptArtifacts", ["kms:Decrypt"], keys, via_service("s3", self.stack.region))
