"""A source: who looks at its models, who copies what they consist of, and how its approvals reach the hub."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.resource_names import Role
from stacks.baseline import approvals
from stacks.baseline.alarms import Alarms
from stacks.baseline.dead_letters import dead_letter_queue
from stacks.baseline.iam_conditions import via_service
from stacks.baseline.topic import topic
from stacks.environment.base import AccountScope


class Source(AccountScope):
    """The reader, the copier, and the forwarder of approvals where a registry is."""

    def build(self, targets_fed: Sequence[str], own_key: kms.Key | None) -> None:
        """Make all of it. `own_key` encrypts what was promoted here before."""
        self._reader(own_key)
        self._copier(own_key, targets_fed)
        if self.name in approvals.model_registries(self.configuration):
            self._forward_approvals()

    def _reader(self, own_key: kms.Key | None) -> None:
        role = self.role(Role.READER, "Looks at models, model packages and their artifacts")
        models = f"arn:aws:sagemaker:{self.stack.region}:{self.stack.account}:model/*"
        packages = [
            f"arn:aws:sagemaker:{self.stack.region}:{self.stack.account}:model-package/{group}/*"
            for written in approvals.groups_in(self.name, self.configuration)
            for group in dict.fromkeys((written, written.lower()))
        ]
        self.allow(role, "DescribeModels", ["sagemaker:DescribeModel", "sagemaker:ListTags"], [models])
        self.accept_wildcards(role, [f"Resource::{models}"], "Any model of this account may be asked for by its name.")
        if packages:
            self.allow(role, "DescribeModelPackages", ["sagemaker:DescribeModelPackage"], packages)
            self.accept_wildcards(
                role, [f"Resource::{arn}" for arn in packages], "Every version of an application's own group."
            )
        self.allow_image_reads(role)
        if self.is_image_source():
            own = f"arn:aws:ecr:{self.stack.region}:{self.stack.account}:repository/*"
            self.allow(role, "FetchImages", ["ecr:GetDownloadUrlForLayer"], [own])
            self.accept_wildcards(
                role, [f"Resource::{own}"], "A model's image may lie in any repository; a session is narrowed to one."
            )
        # What lies below a prefix; and a missing object is told from a denied one (API: HeadObject).
        self.allow(role, "ListArtifacts", ["s3:ListBucket"], self.bucket_arns(""))
        # It looks at the newest version of each object only, by HeadObject without VersionId.
        self._read_artifacts(role, "ReadArtifacts", ["s3:GetObject"], self.bucket_arns("/*"))
        self._decrypt_artifacts(role, own_key)

    def _copier(self, own_key: kms.Key | None, targets_fed: Sequence[str]) -> None:
        role = self.role(Role.COPIER, "Reads artifacts here and puts them into the targets' buckets")
        self.allow(role, "DistinguishMissingFromDenied", ["s3:ListBucket"], self.bucket_arns(""))
        self.allow(
            role,
            "SimulateOwnPermissions",
            ["iam:SimulatePrincipalPolicy"],
            [resource_names.environment_role_arn(self.stack.account, self.name, Role.COPIER)],
        )
        # A version is copied by its id, but a list does not tell it: then the newest is asked for it first.
        self._read_artifacts(role, "ReadArtifacts", ["s3:GetObject", "s3:GetObjectVersion"], self.bucket_arns("/*"))
        self._decrypt_artifacts(role, own_key)
        for target in targets_fed:
            there = self.configuration.environments[target]
            bucket = resource_names.artifact_bucket(target, there.account, there.region)
            objects = f"arn:aws:s3:::{bucket}/{resource_names.ARTIFACT_PREFIX}/*"
            keys = f"arn:aws:kms:{there.region}:{there.account}:key/*"
            title = target.title().replace("-", "")
            read, written = self.metadata_permissions(self.name, target)
            if read:
                self.allow(role, f"ReadTagsFor{title}", read, self.bucket_arns("/*"))
            self.allow(role, f"PutInto{title}", ["s3:PutObject", "s3:ListMultipartUploadParts", *written], [objects])
            self.allow(
                role,
                f"EncryptFor{title}",
                ["kms:GenerateDataKey", "kms:Decrypt"],
                [keys],
                via_service("s3", there.region),
            )
            self.accept_wildcards(
                role,
                [f"Resource::{objects}"],
                "Keys are made from the content; a session is narrowed to a promotion's own, or a unit's.",
            )
            self.accept_wildcards(
                role,
                [f"Resource::{keys}"],
                "The key's id is not known in this account; the target's key policy names this role, and only S3 may "
                "use it.",
            )

    def _read_artifacts(self, role: iam.Role, sid: str, actions: Sequence[str], objects: Sequence[str]) -> None:
        if objects:
            self.allow(role, sid, actions, objects)
            self.accept_wildcards(
                role, [f"Resource::{arn}" for arn in objects], "A model's artifacts may lie anywhere in its bucket."
            )

    def _decrypt_artifacts(self, role: iam.Role, own_key: kms.Key | None) -> None:
        keys = [*self.configuration.environments[self.name].kms_keys, *([own_key.key_arn] if own_key else [])]
        if keys:
            self.allow(role, "DecryptArtifacts", ["kms:Decrypt"], keys, via_service("s3", self.stack.region))

    def _forward_approvals(self) -> None:
        hub = self.configuration.hub
        bus = events.EventBus.from_event_bus_arn(self.stack, "HubBus", resource_names.bus_arn(hub.account, hub.region))
        role = iam.Role(
            self.stack,
            "Forwarder",
            role_name=f"{resource_names.PRODUCT}-{self.name}-forwarder",
            description="Forwards approvals to the hub's bus",
            assumed_by=iam.ServicePrincipal("events.amazonaws.com"),
        )
        rule_name = f"{resource_names.PRODUCT}-{self.name}-approvals"
        dead_letters = dead_letter_queue(self.stack, [rule_name])
        events.Rule(
            self.stack,
            "ApprovalForwarding",
            rule_name=rule_name,
            description="Approved model package versions go to Promote's hub",
            event_pattern=approvals.pattern_in(self.name, self.configuration),
            targets=[targets.EventBus(bus, role=role, dead_letter_queue=dead_letters)],
        )
        alarms = Alarms(self.stack, self._topic(), hub.deployed().runbook)
        alarms.on_dead_letters(dead_letters, prefix=f"{self.name}-")
        alarms.on_rule(rule_name)

    def _topic(self) -> sns.ITopic:
        """The hub's, or one of this environment's own in another Region: an alarm acts in its own only.

        An event over the hub's bus would not do: that this way is broken is what the alarms are about.
        """
        hub = self.configuration.hub
        if self.stack.region == hub.region:
            return sns.Topic.from_topic_arn(self.stack, "Topic", resource_names.topic_arn(hub.account, hub.region))
        return topic(
            self.stack,
            resource_names.environment_topic(self.name),
            subscribers=hub.notify.subscribers,
            alarms_of=[self.stack.account],
        )
