"""A target: the bucket that models arrive in, who makes endpoints of them, and what they run as."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.resource_names import Duty
from stacks.baseline.iam_conditions import through
from stacks.baseline.nag import accept
from stacks.baseline.retention import KEPT
from stacks.environment import endpoint_permissions, preview_permissions, scaling_role
from stacks.environment.base import Environment
from stacks.environment.invoker_role import add_invoker


class Target(Environment):
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
            removal_policy=KEPT,
        )
        key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="CopiersEncrypt",
                principals=self.copiers_of(sources),
                # Decrypt: S3 reads the parts of an upload when it makes the object of them (API: UploadPartCopy).
                actions=["kms:GenerateDataKey", "kms:Decrypt"],
                resources=["*"],
                conditions=through("s3", self.stack.region),
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
            removal_policy=KEPT,
        )
        bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid="CopiersPut",
                principals=self.copiers_of(sources),
                actions=["s3:PutObject"],
                resources=[bucket.arn_for_objects(f"{resource_names.ARTIFACT_PREFIX}/*")],
                # A request without If-None-Match could overwrite what a live endpoint reads (docs/decisions).
                conditions={"Null": {"s3:if-none-match": "false"}},
            )
        )
        bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid="CopiersPutParts",
                principals=self.copiers_of(sources),
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
                    principals=self.copiers_of([source]),
                    actions=["s3:ListMultipartUploadParts", *self.copied_along(source, self.name)[1]],
                    resources=[bucket.arn_for_objects(f"{resource_names.ARTIFACT_PREFIX}/*")],
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
        execution_role_arn = resource_names.environment_role_arn(self.stack.account, self.name, Duty.EXECUTION)
        role = self.role(Duty.DEPLOYER, "Verifies artifacts; makes models, configurations and endpoints")
        kinds = {
            kind: [self.sagemaker(kind, stage) for stage in self.stages_here()] for kind in ("model", "endpoint-config")
        }
        endpoints = [
            arn
            for application, stage in self.stages_here()
            for arn in resource_names.endpoint_arns(
                self.stack.account,
                self.stack.region,
                self.configuration.applications[application].stages[stage].endpoint,
            )
        ]
        self.allow(
            role,
            "SeeArtifacts",
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
        self.allow(role, "ReadChecksums", ["kms:Decrypt"], [key.key_arn], through("s3", self.stack.region))
        self.see_images(role)
        self._look_ahead(role, key, execution_role_arn)
        self.allow(
            role,
            "MakeModels",
            ["sagemaker:CreateModel", "sagemaker:DescribeModel", "sagemaker:AddTags"],
            kinds["model"],
        )
        self.allow(
            role,
            "MakeConfigurations",
            ["sagemaker:CreateEndpointConfig", "sagemaker:DescribeEndpointConfig", "sagemaker:AddTags"],
            kinds["endpoint-config"],
        )
        # Both are asked for on the configuration too; and what an endpoint served before Promote came, to which the way
        # back leads, has any name.
        any_config = f"arn:aws:sagemaker:{self.stack.region}:{self.stack.account}:endpoint-config/*"
        self.allow(
            role, "MakeEndpoints", ["sagemaker:CreateEndpoint", "sagemaker:UpdateEndpoint"], [*endpoints, any_config]
        )
        self.allow(role, "SeeEndpoints", ["sagemaker:DescribeEndpoint", "sagemaker:AddTags"], endpoints)
        # A first deployment that failed is deleted, and so is a Failed endpoint on its way back.
        self.allow(role, "DeleteEndpoints", ["sagemaker:DeleteEndpoint"], endpoints)
        self.accept_wildcards(
            role,
            [f"Resource::{any_config}"],
            "What an endpoint served before Promote came has any name; a session is narrowed to that one.",
        )
        self.allow(
            role,
            "PassTheExecutionRole",
            ["iam:PassRole"],
            [execution_role_arn],
            {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
        )
        endpoint_permissions.let_deploy(self, role)
        preview_permissions.let_try(self, role)
        self.accept_wildcards(
            role,
            [
                f"Resource::<{self.stack.get_logical_id(bucket.node.default_child)}.Arn>/{resource_names.ARTIFACT_PREFIX}/*",  # type: ignore[arg-type]
                *(f"Resource::{arn}" for arn in [*kinds["model"], *kinds["endpoint-config"]]),
            ],
            "Names are made from the content of what is promoted, so only their beginnings are known; each promotion's "
            "session is narrowed to its own.",
        )

    def _look_ahead(self, role: iam.Role, key: kms.Key, execution_role_arn: str) -> None:
        """What only the check before a promotion asks; it goes on without an answer (docs/decisions/0014)."""
        own = resource_names.environment_role_arn(self.stack.account, self.name, Duty.DEPLOYER)
        self.allow(role, "AskForItsRights", ["iam:SimulatePrincipalPolicy"], [own, execution_role_arn])
        self.allow(role, "SeeTheKey", ["kms:DescribeKey"], [key.key_arn])
        self.allow(
            role,
            "SeeQuotas",
            ["servicequotas:ListServiceQuotas"],
            ["*"],
        )
        self.accept_wildcards(role, ["Resource::*"], "Quotas know no resources; none is changed.")

    def _execution_role(self, bucket: s3.Bucket, key: kms.Key) -> None:
        role = iam.Role(
            self.stack,
            "Execution",
            role_name=resource_names.environment_role(self.name, Duty.EXECUTION),
            description="What the promoted models run as",
            assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"),
        )
        logs_arn = f"arn:aws:logs:{self.stack.region}:{self.stack.account}:log-group:/aws/sagemaker/Endpoints/*"
        images = self.images()
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
        self.allow(role, "DecryptModels", ["kms:Decrypt"], [key.key_arn], through("s3", self.stack.region))
        self._read_jumpstart(role)
        self._join_vpcs(role)
        endpoint_permissions.let_run(self, role)
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
                part.apply_removal_policy(KEPT)

    def _pusher(self) -> None:
        role = self.role(Duty.PUSHER, "Keeps copies of the models' images in this account's registry")
        copies = f"arn:aws:ecr:{self.stack.region}:{self.stack.account}:repository/{resource_names.IMAGE_PREFIX}/*"
        self.allow(role, "MakeRepositories", ["ecr:CreateRepository"], [copies])
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
            "AskForItsRights",
            ["iam:SimulatePrincipalPolicy"],
            [resource_names.environment_role_arn(self.stack.account, self.name, Duty.PUSHER)],
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

    def _join_vpcs(self, role: iam.Role) -> None:
        """What SageMaker does with the role to place containers in a VPC (AWS: execution roles, CreateModel API)."""
        vpcs = [
            stage.vpc
            for application, name in self.stages_here()
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
        self.allow(role, "MakeInterfaces", ["ec2:CreateNetworkInterface"], [interfaces, *parts])
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
        self.accept_wildcards(role, [f"Resource::{interfaces}"], "SageMaker makes and deletes the interfaces.")
