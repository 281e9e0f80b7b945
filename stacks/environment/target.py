"""A target: the bucket that models arrive in, who makes endpoints of them, and what they run as."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.resource_names import Role
from stacks.baseline.iam_conditions import via_service
from stacks.baseline.nag import accept_finding
from stacks.baseline.retention import RETAIN
from stacks.environment import endpoint_permissions, preview_permissions, scaling_role
from stacks.environment.base import AccountScope
from stacks.environment.invoker_role import add_invoker


class Target(AccountScope):
    """The artifact bucket with its key, the deployer, the execution role, and perhaps the pusher of images."""

    def build(self, sources: Sequence[str]) -> kms.Key:
        """Make all of it, and return the key: what goes on from here is encrypted with it."""
        key = self._artifact_key(sources)
        bucket = self._artifact_bucket(key, sources)
        self._deployer(bucket, key)
        self._execution_role(bucket, key)
        add_invoker(self, key)
        scaling_role.build(self)
        if any(target == self.name for _, target in self.configuration.image_copies()):
            self._pusher()
        return key

    def _artifact_key(self, sources: Sequence[str]) -> kms.Key:
        key = kms.Key(
            self.stack,
            "ArtifactKey",
            alias=resource_names.artifact_key_alias(self.name),
            description=f"The models that Promote brought to {self.name}",
            enable_key_rotation=True,
            removal_policy=RETAIN,
        )
        key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="CopiersEncrypt",
                principals=self.copier_principals(sources),
                # Decrypt: S3 reads the parts of an upload when it makes the object of them (API: UploadPartCopy).
                actions=["kms:GenerateDataKey", "kms:Decrypt"],
                resources=["*"],
                conditions=via_service("s3", self.stack.region),
            )
        )
        return key

    def _artifact_bucket(self, key: kms.Key, sources: Sequence[str]) -> s3.Bucket:
        bucket = s3.Bucket(
            self.stack,
            "Artifacts",
            bucket_name=resource_names.artifact_bucket(self.name, self.stack.account, self.stack.region),
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
            removal_policy=RETAIN,
        )
        bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid="CopiersPut",
                principals=self.copier_principals(sources),
                actions=["s3:PutObject"],
                resources=[bucket.arn_for_objects(f"{resource_names.ARTIFACT_PREFIX}/*")],
                # A request without If-None-Match could overwrite what a live endpoint reads (docs/decisions).
                conditions={"Null": {"s3:if-none-match": "false"}},
            )
        )
        bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid="CopiersPutParts",
                principals=self.copier_principals(sources),
                actions=["s3:PutObject"],
                resources=[bucket.arn_for_objects(f"{resource_names.ARTIFACT_PREFIX}/*")],
                # What makes no object yet cannot carry If-None-Match (AWS: S3, "Enforce conditional writes").
                conditions={"Bool": {"s3:ObjectCreationOperation": "false"}},
            )
        )
        for source in sources:
            bucket.add_to_resource_policy(
                iam.PolicyStatement(
                    sid=f"{source.title().replace('-', '')}sCopierSeesItsParts",
                    principals=self.copier_principals([source]),
                    actions=["s3:ListMultipartUploadParts", *self.metadata_permissions(source, self.name)[1]],
                    resources=[bucket.arn_for_objects(f"{resource_names.ARTIFACT_PREFIX}/*")],
                )
            )
        accept_finding(
            bucket,
            "AwsSolutions-S1",
            "Who reads models is CloudTrail's to record (S3 data events); server access logs would need a bucket more "
            "in each account. docs/operations.md says how to turn it on.",
        )
        return bucket

    def _deployer(self, bucket: s3.Bucket, key: kms.Key) -> None:
        execution_role_arn = resource_names.environment_role_arn(self.stack.account, self.name, Role.EXECUTION)
        role = self.role(Role.DEPLOYER, "Verifies artifacts; makes models, configurations and endpoints")
        kinds = {
            kind: [self.sagemaker_arn(kind, stage) for stage in self.stage_keys()]
            for kind in ("model", "endpoint-config")
        }
        endpoints = [
            arn
            for application, stage in self.stage_keys()
            for arn in resource_names.endpoint_arns(
                self.stack.account,
                self.stack.region,
                self.configuration.applications[application].stages[stage].endpoint,
            )
        ]
        self.allow(
            role,
            "ReadArtifactMetadata",
            ["s3:GetObject"],
            [bucket.arn_for_objects(f"{resource_names.ARTIFACT_PREFIX}/*")],
        )
        self.allow(role, "ListArtifacts", ["s3:ListBucket", "s3:ListBucketMultipartUploads"], [bucket.bucket_arn])
        self.allow(
            role,
            "AbortUploads",
            ["s3:AbortMultipartUpload"],
            [bucket.arn_for_objects(f"{resource_names.ARTIFACT_PREFIX}/*")],
        )
        self.allow(role, "ReadChecksums", ["kms:Decrypt"], [key.key_arn], via_service("s3", self.stack.region))
        self.allow_image_reads(role)
        self._allow_preflight(role, key, execution_role_arn)
        self.allow(
            role,
            "CreateModels",
            ["sagemaker:CreateModel", "sagemaker:DescribeModel", "sagemaker:AddTags"],
            kinds["model"],
        )
        self.allow(
            role,
            "CreateEndpointConfigurations",
            ["sagemaker:CreateEndpointConfig", "sagemaker:DescribeEndpointConfig", "sagemaker:AddTags"],
            kinds["endpoint-config"],
        )
        # Both are asked for on the configuration too; and what an endpoint served before Promote came, to which the way
        # back leads, has any name.
        any_config = f"arn:aws:sagemaker:{self.stack.region}:{self.stack.account}:endpoint-config/*"
        self.allow(
            role, "CreateEndpoints", ["sagemaker:CreateEndpoint", "sagemaker:UpdateEndpoint"], [*endpoints, any_config]
        )
        self.allow(role, "DescribeEndpoints", ["sagemaker:DescribeEndpoint", "sagemaker:AddTags"], endpoints)
        # A first deployment that failed is deleted, and so is a Failed endpoint on its way back.
        self.allow(role, "DeleteEndpoints", ["sagemaker:DeleteEndpoint"], endpoints)
        self.accept_wildcards(
            role,
            [f"Resource::{any_config}"],
            "What an endpoint served before Promote came has any name; a session is narrowed to that one.",
        )
        self.allow(
            role,
            "PassExecutionRole",
            ["iam:PassRole"],
            [execution_role_arn],
            {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
        )
        endpoint_permissions.allow_deployment(self, role)
        preview_permissions.allow_preview(self, role)
        self.accept_wildcards(
            role,
            [
                f"Resource::<{self.stack.get_logical_id(bucket.node.default_child)}.Arn>/{resource_names.ARTIFACT_PREFIX}/*",  # type: ignore[arg-type]
                *(f"Resource::{arn}" for arn in [*kinds["model"], *kinds["endpoint-config"]]),
            ],
            "Names are made from the content of what is promoted, so only their beginnings are known; each promotion's "
            "session is narrowed to its own.",
        )

    def _allow_preflight(self, role: iam.Role, key: kms.Key, execution_role_arn: str) -> None:
        """What only the check before a promotion asks; it goes on without an answer (docs/decisions/0014)."""
        own = resource_names.environment_role_arn(self.stack.account, self.name, Role.DEPLOYER)
        self.allow(role, "SimulateOwnPermissions", ["iam:SimulatePrincipalPolicy"], [own, execution_role_arn])
        self.allow(role, "DescribeKey", ["kms:DescribeKey"], [key.key_arn])
        self.allow(
            role,
            "ReadQuotas",
            ["servicequotas:ListServiceQuotas"],
            ["*"],
        )
        self.accept_wildcards(role, ["Resource::*"], "Quotas know no resources; none is changed.")

    def _execution_role(self, bucket: s3.Bucket, key: kms.Key) -> None:
        role = iam.Role(
            self.stack,
            "Execution",
            role_name=resource_names.environment_role(self.name, Role.EXECUTION),
            description="What the promoted models run as",
            assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"),
        )
        logs_arn = f"arn:aws:logs:{self.stack.region}:{self.stack.account}:log-group:/aws/sagemaker/Endpoints/*"
        images = self.image_repositories()
        self.allow(
            role, "ReadModels", ["s3:GetObject"], [bucket.arn_for_objects(f"{resource_names.ARTIFACT_PREFIX}/*")]
        )
        self.allow(
            role,
            "ListModels",  # what lies below a prefix
            ["s3:ListBucket"],
            [bucket.bucket_arn],
            {"StringLike": {"s3:prefix": f"{resource_names.ARTIFACT_PREFIX}/*"}},
        )
        self.allow(role, "DecryptModels", ["kms:Decrypt"], [key.key_arn], via_service("s3", self.stack.region))
        self._read_jumpstart(role)
        self._allow_vpcs(role)
        endpoint_permissions.allow_hosting(self, role)
        self.allow(
            role,
            "PullImages",
            ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            [images],
        )
        self.allow(role, "LogInToRegistries", ["ecr:GetAuthorizationToken"], ["*"])
        self.allow(
            role,
            "WriteLogs",
            ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            [logs_arn],
        )
        self.allow(
            role,
            "PutMetrics",
            ["cloudwatch:PutMetricData"],
            ["*"],
            {"StringEquals": {"cloudwatch:namespace": ["AWS/SageMaker", "/aws/sagemaker/Endpoints"]}},
        )
        logical_id = self.stack.get_logical_id(bucket.node.default_child)  # type: ignore[arg-type]
        self.accept_wildcards(
            role,
            [f"Resource::<{logical_id}.Arn>/{resource_names.ARTIFACT_PREFIX}/*"],
            "Every model that came to this environment may run here.",
        )
        self.accept_wildcards(
            role,
            [f"Resource::{images}"],
            "AWS's own image accounts differ by framework and Region; a repository's policy decides.",
        )
        self.accept_wildcards(
            role,
            ["Resource::*"],
            "GetAuthorizationToken, PutMetricData, EC2's Describe and SSM's channels know no resources (AWS: ECR, "
            "CloudWatch, EC2, Session Manager).",
        )
        self.accept_wildcards(role, [f"Resource::{logs_arn}"], "SageMaker makes a log group for each endpoint.")
        # Live endpoints run as this role, also when their stage is no longer in the configuration.
        for part in role.node.find_all():
            if isinstance(part, cdk.CfnResource):
                part.apply_removal_policy(RETAIN)

    def _pusher(self) -> None:
        role = self.role(Role.PUSHER, "Keeps copies of the models' images in this account's registry")
        copies = f"arn:aws:ecr:{self.stack.region}:{self.stack.account}:repository/{resource_names.IMAGE_PREFIX}/*"
        self.allow(role, "CreateRepositories", ["ecr:CreateRepository"], [copies])
        self.allow(
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
        self.allow(
            role,
            "SimulateOwnPermissions",
            ["iam:SimulatePrincipalPolicy"],
            [resource_names.environment_role_arn(self.stack.account, self.name, Role.PUSHER)],
        )
        self.accept_wildcards(
            role,
            [f"Resource::{copies}"],
            "A repository is called like its source's; a session is narrowed to one repository.",
        )

    def _read_jumpstart(self, role: iam.Role) -> None:
        """A model of JumpStart keeps its data in AWS's own buckets, which let everybody read what is not gated."""
        buckets = [f"arn:aws:s3:::{bucket}" for bucket in resource_names.jumpstart_buckets(self.stack.region)]
        objects = [f"{bucket}/*" for bucket in buckets]
        self.allow(role, "ReadJumpStart", ["s3:GetObject", "s3:ListBucket"], [*buckets, *objects])
        self.accept_wildcards(role, [f"Resource::{arn}" for arn in objects], "AWS's public model data.")

    def _allow_vpcs(self, role: iam.Role) -> None:
        """What SageMaker does with the role to place containers in a VPC (AWS: execution roles, CreateModel API)."""
        vpcs = [
            stage.vpc
            for application, name in self.stage_keys()
            if (stage := self.configuration.applications[application].stages[name]).vpc and stage.vpc.subnets
        ]
        if not vpcs:
            return
        place = f"arn:aws:ec2:{self.stack.region}:{self.stack.account}"
        interfaces = f"{place}:network-interface/*"
        parts = sorted(
            {f"{place}:subnet/{one}" for vpc in vpcs for one in vpc.subnets}
            | {f"{place}:security-group/{one}" for vpc in vpcs for one in vpc.security_group_ids}
        )
        self.allow(role, "CreateInterfaces", ["ec2:CreateNetworkInterface"], [interfaces, *parts])
        self.allow(
            role,
            "ManageInterfaces",
            [
                "ec2:CreateNetworkInterfacePermission",
                "ec2:DeleteNetworkInterface",
                "ec2:DeleteNetworkInterfacePermission",
            ],
            [interfaces],
        )
        self.allow(
            role,
            "DescribeVpcs",
            [
                "ec2:DescribeDhcpOptions",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSubnets",
                "ec2:DescribeVpcs",
            ],
            ["*"],
        )
        self.accept_wildcards(role, [f"Resource::{interfaces}"], "SageMaker makes and deletes the interfaces.")
