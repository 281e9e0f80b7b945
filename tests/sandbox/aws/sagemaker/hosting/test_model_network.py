"""A model in a VPC, or without a network."""

from typing import Any

import pytest

from tests.sandbox.aws.sagemaker.builders import IMAGE, PULLING, SageMakerBuilder, described, refused, unique
from tests.sandbox.aws.sagemaker.server import ACCOUNT, REGION, Server
from tests.sandbox.aws.sagemaker.test_permissions import allow

VPC = {"SecurityGroupIds": ["sg-12345678"], "Subnets": ["subnet-11111111", "subnet-22222222"]}
READING = allow("s3:*")
JOINING = [
    "ec2:CreateNetworkInterface",
    "ec2:CreateNetworkInterfacePermission",
    "ec2:DeleteNetworkInterface",
    "ec2:DeleteNetworkInterfacePermission",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeVpcs",
    "ec2:DescribeDhcpOptions",
    "ec2:DescribeSubnets",
    "ec2:DescribeSecurityGroups",
]


def joining(*actions: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": "*"}


def test_a_model_in_a_vpc_is_described_and_served(builder: SageMakerBuilder) -> None:
    role = builder.execution(READING, PULLING, joining(*JOINING))
    model = builder.model(VpcConfig=VPC, ExecutionRoleArn=role)
    assert builder.sagemaker.describe_model(ModelName=model)["VpcConfig"] == VPC
    assert builder.invoke(builder.endpoint(builder.config(model)), 2)["answer"] == 4


@pytest.mark.parametrize("action", JOINING)
def test_a_vpc_requires_each_permission_that_aws_lists(builder: SageMakerBuilder, action: str) -> None:
    role = builder.execution(READING, joining(*[other for other in JOINING if other != action]))
    with refused("ValidationException", f"does not have the permissions that VpcConfig needs: {action}. "):
        builder.model(VpcConfig=VPC, ExecutionRoleArn=role)


def test_a_permission_on_some_subnets_does_not_apply_to_others(builder: SageMakerBuilder) -> None:
    def arn(resource: str) -> str:
        return f"arn:aws:ec2:{REGION}:{ACCOUNT}:{resource}"

    def role(*subnets: str) -> str:
        parts = [arn("network-interface/*"), arn("security-group/sg-12345678"), *map(arn, subnets)]
        making = allow("ec2:CreateNetworkInterface", *parts)
        return builder.execution(READING, making, joining(*JOINING[1:]))

    with refused("ValidationException", "ec2:CreateNetworkInterface"):
        builder.model(VpcConfig=VPC, ExecutionRoleArn=role("subnet/subnet-11111111"))
    assert builder.model(VpcConfig=VPC, ExecutionRoleArn=role("subnet/subnet-*"))


def test_a_role_that_lost_its_permissions_fails_the_endpoint(builder: SageMakerBuilder, server: Server) -> None:
    role = builder.execution(READING, PULLING, joining(*JOINING))
    config = builder.config(builder.model(VpcConfig=VPC, ExecutionRoleArn=role))
    server.client("iam").delete_role_policy(RoleName=role.rsplit("/", 1)[-1], PolicyName="permissions")
    endpoint = builder.endpoint(config, status="Failed")
    assert "ec2:CreateNetworkInterface" in builder.rest(endpoint)["FailureReason"]


def test_an_isolated_script_has_no_credentials(builder: SageMakerBuilder) -> None:
    script = """
import os
def model_fn(model_dir):
    return sorted(name for name in os.environ if name.startswith("AWS_ACCESS") or name.startswith("AWS_SESSION"))
def predict_fn(data, model):
    return model
"""
    for isolated, names in ((False, ["AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN"]), (True, [])):
        model = builder.model(script=script, EnableNetworkIsolation=isolated)
        assert builder.sagemaker.describe_model(ModelName=model)["EnableNetworkIsolation"] is isolated
        assert builder.invoke(builder.endpoint(builder.config(model))) == names


def test_a_private_registry_is_reached_through_the_vpc(builder: SageMakerBuilder) -> None:
    provider = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:credentials"
    private = {
        "Image": "registry.example.com/team/image:1",
        "ModelDataUrl": builder.data(),
        "ImageConfig": {
            "RepositoryAccessMode": "Vpc",
            "RepositoryAuthConfig": {"RepositoryCredentialsProviderArn": provider},
        },
    }
    with refused("ValidationException", "needs the model's VpcConfig"):
        builder.created(PrimaryContainer=private)
    role = builder.execution(READING, joining(*JOINING))
    model = builder.created(PrimaryContainer=private, VpcConfig=VPC, ExecutionRoleArn=role)
    assert builder.sagemaker.describe_model(ModelName=model)["PrimaryContainer"] == described(private)
    assert builder.invoke(builder.endpoint(builder.config(model)), 2)["answer"] == 4


def test_the_platform_pulls_from_ecr_alone(builder: SageMakerBuilder) -> None:
    platform = {"Image": "registry.example.com/image:1", "ImageConfig": {"RepositoryAccessMode": "Platform"}}
    with refused("ValidationException", "without Vpc repository access mode is not supported"):
        builder.created(PrimaryContainer=platform)
    auth = {"RepositoryCredentialsProviderArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:any"}
    config = {"RepositoryAccessMode": "Platform", "RepositoryAuthConfig": auth}
    with refused("ValidationException", "RepositoryAuthConfig needs RepositoryAccessMode Vpc"):
        builder.created(PrimaryContainer={"Image": IMAGE, "ImageConfig": config})


def test_serverless_takes_only_the_simple_models(builder: SageMakerBuilder) -> None:
    role = builder.execution(READING, joining(*JOINING))
    data = {"S3Uri": builder.data(), "S3DataType": "S3Object", "CompressionType": "Gzip"}
    prefix = builder.tree({"m.tar.gz": ""})
    models = {
        "VpcConfig": builder.model(VpcConfig=VPC, ExecutionRoleArn=role),
        "network isolation": builder.model(EnableNetworkIsolation=True),
        "several containers": builder.created(Containers=[{"Image": IMAGE}] * 2),
        "ModelDataSource": builder.created(
            PrimaryContainer={"Image": IMAGE, "ModelDataSource": {"S3DataSource": data}}
        ),
        "multi-model containers": builder.created(
            PrimaryContainer={"Image": IMAGE, "Mode": "MultiModel", "ModelDataUrl": prefix}
        ),
    }
    for what, model in models.items():
        serverless = {"MemorySizeInMB": 2048, "MaxConcurrency": 5}
        variant = {"VariantName": "V", "ModelName": model, "ServerlessConfig": serverless}
        with refused("ValidationException", f"V does not support {what}."):
            builder.sagemaker.create_endpoint_config(EndpointConfigName=unique("config"), ProductionVariants=[variant])
