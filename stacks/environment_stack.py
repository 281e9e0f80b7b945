"""An environment: the roles by which the hub works in this account, and the bucket that models arrive in."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from lambdas.promotion import names
from lambdas.promotion.names import STEPS_OF_DUTY, Duty, Step
from stacks import approvals
from stacks.configuration import Configuration
from stacks.dead_letters import dead_letter_queue
from stacks.nag import accept
from stacks.retention import KEPT


class EnvironmentStack(Stack):
    """Everything in one environment's account and Region.

    A source gets the reader and the copier, a target the artifact bucket with its key, the deployer and the execution
    role, and the pusher if some application copies its images there; one that is both gets all. A registry's account
    also forwards approvals to the hub.
    """

    def __init__(self, scope: Construct, name: str, configuration: Configuration) -> None:
        environment = configuration.environments[name]
        super().__init__(
            scope,
            names.environment_stack(name),
            env=cdk.Environment(account=environment.account, region=environment.region),
            description=f"Promote: the environment {name}",
        )
        self._name = name
        self._configuration = configuration
        sources = sorted(configuration.sources().get(name, set()))
        targets_fed = sorted(target for target, fed_by in configuration.sources().items() if name in fed_by)

        key = self._artifact_key(sources) if sources else None
        if key:
            bucket = self._artifact_bucket(key, sources)
            self._deployer(bucket, key)
            self._execution_role(bucket, key)
        if any(target == name for _, target in configuration.image_copies()):
            self._pusher()
        if targets_fed:
            self._reader(key)
            self._copier(key, targets_fed)
        if name in approvals.registries(configuration):
            self._forward_approvals()

    # What a target has

    def _artifact_key(self, sources: Sequence[str]) -> kms.Key:
        key = kms.Key(
            self,
            "ArtifactKey",
            alias=names.artifact_key_alias(self._name),
            description=f"The models that Promote brought to {self._name}",
            enable_key_rotation=True,
            removal_policy=KEPT,
        )
        key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="CopiersEncrypt",
                principals=self._copiers_of(sources),
                # Decrypt: S3 reads the parts of an upload when it makes the object of them (API: UploadPartCopy).
                actions=["kms:GenerateDataKey", "kms:Decrypt"],
                resources=["*"],
                conditions=self._via_s3(self.region),
            )
        )
        return key

    def _artifact_bucket(self, key: kms.Key, sources: Sequence[str]) -> s3.Bucket:
        bucket = s3.Bucket(
            self,
            "Artifacts",
            bucket_name=names.artifact_bucket(self._name, self.account, self.region),
            encryption=s3.BucketEncryption.KMS,
            encryption_key=key,
            bucket_key_enabled=True,
            versioned=True,
            enforce_ssl=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="abort-stale-uploads",
                    abort_incomplete_multipart_upload_after=Duration.days(1),
                )
            ],
            # A live endpoint reads its model from here whenever SageMaker replaces an instance.
            removal_policy=KEPT,
        )
        bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid="CopiersPut",
                principals=self._copiers_of(sources),
                actions=["s3:PutObject"],
                resources=[bucket.arn_for_objects(f"{names.ARTIFACT_PREFIX}/*")],
                # A request without If-None-Match could overwrite what a live endpoint reads (docs/decisions).
                conditions={"Null": {"s3:if-none-match": "false"}},
            )
        )
        bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid="CopiersPutParts",
                principals=self._copiers_of(sources),
                actions=["s3:PutObject"],
                resources=[bucket.arn_for_objects(f"{names.ARTIFACT_PREFIX}/*")],
                # What makes no object yet cannot carry If-None-Match (AWS: S3, "Enforce conditional writes").
                conditions={"Bool": {"s3:ObjectCreationOperation": "false"}},
            )
        )
        for source in sources:
            bucket.add_to_resource_policy(
                iam.PolicyStatement(
                    sid=f"{source.title().replace('-', '')}sCopierSeesItsParts",
                    principals=self._copiers_of([source]),
                    actions=["s3:ListMultipartUploadParts", *self._copied_along(source, self._name)[1]],
                    resources=[bucket.arn_for_objects(f"{names.ARTIFACT_PREFIX}/*")],
                )
            )
        accept(
            bucket,
            "AwsSolutions-S1",
            "Who reads models is CloudTrail's to record (S3 data events); server access logs would need a bucket more "
            "in each account. docs/operations.md says how to turn it on.",
        )
        return bucket

    def _deployer(self, bucket: s3.Bucket, key: kms.Key) -> None:
        execution_role_arn = names.environment_role_arn(self.account, self._name, Duty.EXECUTION)
        role = self._role(Duty.DEPLOYER, "Verifies artifacts; makes models, configurations and endpoints")
        kinds = {
            kind: [self._sagemaker(kind, stage) for stage in self._stages_here()]
            for kind in ("model", "endpoint-config")
        }
        endpoints = [
            arn
            for application, stage in self._stages_here()
            for arn in names.endpoint_arns(
                self.account, self.region, self._configuration.applications[application].stages[stage].endpoint
            )
        ]
        self._allow(
            role,
            "SeeArtifacts",
            ["s3:GetObject"],
            [bucket.arn_for_objects(f"{names.ARTIFACT_PREFIX}/*")],
        )
        self._allow(role, "ListArtifacts", ["s3:ListBucket", "s3:ListBucketMultipartUploads"], [bucket.bucket_arn])
        self._allow(
            role,
            "AbortUploads",
            ["s3:AbortMultipartUpload"],
            [bucket.arn_for_objects(f"{names.ARTIFACT_PREFIX}/*")],
        )
        self._allow(role, "ReadChecksums", ["kms:Decrypt"], [key.key_arn], self._via_s3(self.region))
        self._see_images(role)
        self._allow(
            role,
            "MakeModels",
            ["sagemaker:CreateModel", "sagemaker:DescribeModel", "sagemaker:AddTags"],
            kinds["model"],
        )
        self._allow(
            role,
            "MakeConfigurations",
            ["sagemaker:CreateEndpointConfig", "sagemaker:DescribeEndpointConfig", "sagemaker:AddTags"],
            kinds["endpoint-config"],
        )
        self._allow(
            role,
            "MakeEndpoints",
            ["sagemaker:CreateEndpoint", "sagemaker:UpdateEndpoint"],
            [*endpoints, *kinds["endpoint-config"]],
        )
        self._allow(role, "SeeEndpoints", ["sagemaker:DescribeEndpoint", "sagemaker:AddTags"], endpoints)
        self._allow(
            role,
            "PassTheExecutionRole",
            ["iam:PassRole"],
            [execution_role_arn],
            {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
        )
        self._accept_wildcards(
            role,
            [
                f"Resource::<{self.get_logical_id(bucket.node.default_child)}.Arn>/{names.ARTIFACT_PREFIX}/*",  # type: ignore[arg-type]
                *(f"Resource::{arn}" for arn in [*kinds["model"], *kinds["endpoint-config"]]),
            ],
            "Names are made from the content of what is promoted, so only their beginnings are known; each promotion's "
            "session is narrowed to its own.",
        )

    def _execution_role(self, bucket: s3.Bucket, key: kms.Key) -> None:
        role = iam.Role(
            self,
            "Execution",
            role_name=names.environment_role(self._name, Duty.EXECUTION),
            description="What the promoted models run as",
            assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"),
        )
        logs_arn = f"arn:aws:logs:{self.region}:{self.account}:log-group:/aws/sagemaker/Endpoints/*"
        images = self._images()
        self._allow(role, "ReadModels", ["s3:GetObject"], [bucket.arn_for_objects(f"{names.ARTIFACT_PREFIX}/*")])
        self._allow(
            role,
            "ListModels",  # what lies below a prefix
            ["s3:ListBucket"],
            [bucket.bucket_arn],
            {"StringLike": {"s3:prefix": f"{names.ARTIFACT_PREFIX}/*"}},
        )
        self._allow(role, "DecryptModels", ["kms:Decrypt"], [key.key_arn], self._via_s3(self.region))
        self._read_jumpstart(role)
        self._join_vpcs(role)
        self._allow(
            role,
            "PullImages",
            ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            [images],
        )
        self._allow(role, "LogInToRegistries", ["ecr:GetAuthorizationToken"], ["*"])
        self._allow(
            role,
            "WriteLogs",
            ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            [logs_arn],
        )
        self._allow(
            role,
            "PutMetrics",
            ["cloudwatch:PutMetricData"],
            ["*"],
            {"StringEquals": {"cloudwatch:namespace": ["AWS/SageMaker", "/aws/sagemaker/Endpoints"]}},
        )
        self._accept_wildcards(
            role,
            [f"Resource::<{self.get_logical_id(bucket.node.default_child)}.Arn>/{names.ARTIFACT_PREFIX}/*"],  # type: ignore[arg-type]
            "Every model that came to this environment may run here.",
        )
        self._accept_wildcards(
            role,
            [f"Resource::{images}"],
            "AWS's own image accounts differ by framework and Region; a repository's policy decides.",
        )
        self._accept_wildcards(
            role,
            ["Resource::*"],
            "GetAuthorizationToken, PutMetricData and EC2's Describe know no resources (AWS: ECR, CloudWatch, EC2).",
        )
        self._accept_wildcards(role, [f"Resource::{logs_arn}"], "SageMaker makes a log group for each endpoint.")
        # Live endpoints run as this role, also when their stage is no longer in the configuration.
        for part in role.node.find_all():
            if isinstance(part, cdk.CfnResource):
                part.apply_removal_policy(KEPT)

    def _pusher(self) -> None:
        role = self._role(Duty.PUSHER, "Keeps copies of the models' images in this account's registry")
        copies = f"arn:aws:ecr:{self.region}:{self.account}:repository/{names.IMAGE_PREFIX}/*"
        self._allow(role, "MakeRepositories", ["ecr:CreateRepository"], [copies])
        self._allow(
            role,
            "PushImages",
            [
                "ecr:BatchCheckLayerAvailability",
                "ecr:BatchGetImage",
                "ecr:CompleteLayerUpload",
                "ecr:InitiateLayerUpload",
                "ecr:PutImage",
                "ecr:UploadLayerPart",
            ],
            [copies],
        )
        self._accept_wildcards(
            role,
            [f"Resource::{copies}"],
            "A repository is called like its source's; a session is narrowed to one repository.",
        )

    def _read_jumpstart(self, role: iam.Role) -> None:
        """A model of JumpStart keeps its data in AWS's own buckets, which let everybody read what is not gated."""
        buckets = [f"arn:aws:s3:::{bucket}" for bucket in names.jumpstart_buckets(self.region)]
        objects = [f"{bucket}/*" for bucket in buckets]
        self._allow(role, "ReadJumpStart", ["s3:GetObject", "s3:ListBucket"], [*buckets, *objects])
        self._accept_wildcards(role, [f"Resource::{arn}" for arn in objects], "AWS's public model data.")

    def _join_vpcs(self, role: iam.Role) -> None:
        """What SageMaker does with the role to place containers in a VPC (AWS: execution roles, CreateModel API)."""
        vpcs = [
            stage.vpc
            for application, name in self._stages_here()
            if (stage := self._configuration.applications[application].stages[name]).vpc and stage.vpc.subnets
        ]
        if not vpcs:
            return
        place = f"arn:aws:ec2:{self.region}:{self.account}"
        interfaces = f"{place}:network-interface/*"
        parts = sorted(
            {f"{place}:subnet/{one}" for vpc in vpcs for one in vpc.subnets}
            | {f"{place}:security-group/{one}" for vpc in vpcs for one in vpc.security_group_ids}
        )
        self._allow(role, "MakeInterfaces", ["ec2:CreateNetworkInterface"], [interfaces, *parts])
        self._allow(
            role,
            "ManageInterfaces",
            [
                "ec2:CreateNetworkInterfacePermission",
                "ec2:DeleteNetworkInterface",
                "ec2:DeleteNetworkInterfacePermission",
            ],
            [interfaces],
        )
        self._allow(
            role,
            "SeeVpcs",
            [
                "ec2:DescribeDhcpOptions",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSubnets",
                "ec2:DescribeVpcs",
            ],
            ["*"],
        )
        self._accept_wildcards(role, [f"Resource::{interfaces}"], "SageMaker makes and deletes the interfaces.")

    # What a source has

    def _reader(self, own_key: kms.Key | None) -> None:
        role = self._role(Duty.READER, "Looks at models, model packages and their artifacts")
        models = f"arn:aws:sagemaker:{self.region}:{self.account}:model/*"
        packages = [
            f"arn:aws:sagemaker:{self.region}:{self.account}:model-package/{group}/*"
            for written in approvals.groups_in(self._name, self._configuration)
            for group in dict.fromkeys((written, written.lower()))
        ]
        self._allow(role, "SeeModels", ["sagemaker:DescribeModel", "sagemaker:ListTags"], [models])
        self._accept_wildcards(role, [f"Resource::{models}"], "Any model of this account may be asked for by its name.")
        if packages:
            self._allow(role, "SeeModelPackages", ["sagemaker:DescribeModelPackage"], packages)
            self._accept_wildcards(
                role, [f"Resource::{arn}" for arn in packages], "Every version of an application's own group."
            )
        self._see_images(role)
        if self._feeds_images():
            own = f"arn:aws:ecr:{self.region}:{self.account}:repository/*"
            self._allow(role, "FetchImages", ["ecr:GetDownloadUrlForLayer"], [own])
            self._accept_wildcards(
                role, [f"Resource::{own}"], "A model's image may lie in any repository; a session is narrowed to one."
            )
        # What lies below a prefix; and a missing object is told from a denied one (API: HeadObject).
        self._allow(role, "ListArtifacts", ["s3:ListBucket"], self._buckets(""))
        # It looks at the newest version of each object only, by HeadObject without VersionId.
        self._read_artifacts(role, "ReadArtifacts", ["s3:GetObject"], self._buckets("/*"))
        self._decrypt_artifacts(role, own_key)

    def _copier(self, own_key: kms.Key | None, targets_fed: Sequence[str]) -> None:
        role = self._role(Duty.COPIER, "Reads artifacts here and puts them into the targets' buckets")
        self._allow(role, "TellMissingFromDenied", ["s3:ListBucket"], self._buckets(""))
        # A version is copied by its id, but a list does not tell it: then the newest is asked for it first.
        self._read_artifacts(role, "ReadArtifacts", ["s3:GetObject", "s3:GetObjectVersion"], self._buckets("/*"))
        self._decrypt_artifacts(role, own_key)
        for target in targets_fed:
            there = self._configuration.environments[target]
            bucket = names.artifact_bucket(target, there.account, there.region)
            objects = f"arn:aws:s3:::{bucket}/{names.ARTIFACT_PREFIX}/*"
            keys = f"arn:aws:kms:{there.region}:{there.account}:key/*"
            title = target.title().replace("-", "")
            read, written = self._copied_along(self._name, target)
            if read:
                self._allow(role, f"ReadTagsFor{title}", read, self._buckets("/*"))
            self._allow(role, f"PutInto{title}", ["s3:PutObject", "s3:ListMultipartUploadParts", *written], [objects])
            self._allow(
                role, f"EncryptFor{title}", ["kms:GenerateDataKey", "kms:Decrypt"], [keys], self._via_s3(there.region)
            )
            self._accept_wildcards(
                role,
                [f"Resource::{objects}"],
                "Keys are made from the content; a session is narrowed to a promotion's own, or a unit's.",
            )
            self._accept_wildcards(
                role,
                [f"Resource::{keys}"],
                "The key's id is not known in this account; the target's key policy names this role, and only S3 may "
                "use it.",
            )

    def _copied_along(self, source: str, target: str) -> tuple[list[str], list[str]]:
        """Return the rights for what goes along with objects: to read it in the source, to write it in the target."""
        tags, annotations = self._configuration.copied_along(source, target)
        read = ["s3:GetObjectTagging", "s3:GetObjectVersionTagging"] if tags else []
        read += ["s3:GetObjectAnnotation", "s3:GetObjectVersionAnnotation", "s3:ListObjectAnnotations"] * annotations
        written = ["s3:PutObjectTagging"] * tags + ["s3:PutObjectAnnotation"] * annotations
        return read, written

    def _read_artifacts(self, role: iam.Role, sid: str, actions: Sequence[str], objects: Sequence[str]) -> None:
        if objects:
            self._allow(role, sid, actions, objects)
            self._accept_wildcards(
                role, [f"Resource::{arn}" for arn in objects], "A model's artifacts may lie anywhere in its bucket."
            )

    def _decrypt_artifacts(self, role: iam.Role, own_key: kms.Key | None) -> None:
        keys = [*self._configuration.environments[self._name].kms_keys, *([own_key.key_arn] if own_key else [])]
        if keys:
            self._allow(role, "DecryptArtifacts", ["kms:Decrypt"], keys, self._via_s3(self.region))

    def _forward_approvals(self) -> None:
        hub = self._configuration.hub
        bus = events.EventBus.from_event_bus_arn(self, "HubBus", names.bus_arn(hub.account, hub.region))
        role = iam.Role(
            self,
            "Forwarder",
            role_name=f"{names.PRODUCT}-{self._name}-forwarder",
            description="Forwards approvals to the hub's bus",
            assumed_by=iam.ServicePrincipal("events.amazonaws.com"),
        )
        rule_name = f"{names.PRODUCT}-{self._name}-approvals"
        events.Rule(
            self,
            "Approvals",
            rule_name=rule_name,
            description="Approved model package versions go to Promote's hub",
            event_pattern=approvals.pattern_in(self._name, self._configuration),
            targets=[targets.EventBus(bus, role=role, dead_letter_queue=dead_letter_queue(self, [rule_name]))],
        )

    # Shared by both

    def _role(self, duty: Duty, description: str) -> iam.Role:
        """A role that exactly the steps with this duty may assume."""
        hub = self._configuration.hub
        conditions: dict[str, dict[str, str]] = {}
        if hub.external_id:
            conditions.setdefault("StringEquals", {})["sts:ExternalId"] = hub.external_id
        if hub.organization_id:
            conditions.setdefault("StringEquals", {})["aws:PrincipalOrgID"] = hub.organization_id
        steps = [iam.ArnPrincipal(names.step_role_arn(hub.account, step)) for step in self._steps_of(duty)]
        trusted: iam.IPrincipal = iam.CompositePrincipal(
            *(iam.PrincipalWithConditions(step, conditions) if conditions else step for step in steps)
        )
        return iam.Role(
            self,
            duty.title(),
            role_name=names.environment_role(self._name, duty),
            description=description,
            assumed_by=trusted,
        )

    def _steps_of(self, duty: Duty) -> list[Step]:
        """The steps that have the duty here: the reader serves a copy of images only where images are taken from."""
        left_out = {Step.COPY_IMAGE} if duty is Duty.READER and not self._feeds_images() else set()
        return [step for step in STEPS_OF_DUTY[duty] if step not in left_out]

    def _feeds_images(self) -> bool:
        return any(source == self._name for source, _ in self._configuration.image_copies())

    def _see_images(self, role: iam.Role) -> None:
        self._allow(role, "SeeImages", ["ecr:BatchGetImage"], [self._images()])
        self._accept_wildcards(
            role,
            [f"Resource::{self._images()}"],
            "A model's image may lie in AWS's own accounts, here or elsewhere; a repository's policy decides.",
        )

    def _images(self) -> str:
        """Every repository that SageMaker can pull from: those of the endpoint's own Region."""
        return f"arn:aws:ecr:{self.region}:*:repository/*"

    def _allow(
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

    def _accept_wildcards(self, role: iam.Role, wildcards: Sequence[str], reason: str) -> None:
        for wildcard in wildcards:
            accept(role, f"AwsSolutions-IAM5[{wildcard}]", reason)

    def _copiers_of(self, sources: Sequence[str]) -> list[iam.IPrincipal]:
        places = self._configuration.environments
        return [
            iam.ArnPrincipal(names.environment_role_arn(places[source].account, source, Duty.COPIER))
            for source in sources
        ]

    def _buckets(self, below: str) -> list[str]:
        """ARNs of the buckets that hold models here: those of the configuration and, in a target, our own."""
        found = list(self._configuration.environments[self._name].buckets)
        if self._name in self._configuration.sources():
            found.append(names.artifact_bucket(self._name, self.account, self.region))
        return [f"arn:aws:s3:::{bucket}{below}" for bucket in found]

    def _stages_here(self) -> list[tuple[str, str]]:
        return [
            (name, stage_name)
            for name, application in self._configuration.applications.items()
            for stage_name, stage in application.stages.items()
            if self._configuration.environment_of(stage_name, stage) == self._name
        ]

    def _sagemaker(self, kind: str, stage: tuple[str, str]) -> str:
        return f"arn:aws:sagemaker:{self.region}:{self.account}:{kind}/{names.resource_beginning(*stage)}*"

    @staticmethod
    def _via_s3(region: str) -> dict[str, dict[str, object]]:
        return {"StringEquals": {"kms:ViaService": f"s3.{region}.amazonaws.com"}}
