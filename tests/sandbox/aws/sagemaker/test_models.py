"""Models and endpoint configurations: what may be created, and what is said about it."""

import json
from typing import Any

from recordings import store
from tests.sandbox.aws.sagemaker.builders import BUCKET, IMAGE, SageMakerBuilder, described, refused, unique
from tests.sandbox.aws.sagemaker.server import ACCOUNT, OTHER_ACCOUNT, REGION, Server

SAGEMAKER = {"Principal": {"Service": "sagemaker.amazonaws.com"}}


def test_a_model_is_described_as_it_was_created(builder: SageMakerBuilder) -> None:
    container = {"Image": IMAGE, "ModelDataUrl": builder.data(), "Environment": {"GREETING": "hello"}}
    model = builder.model(PrimaryContainer=container, EnableNetworkIsolation=True)
    description = builder.sagemaker.describe_model(ModelName=model)
    assert description["PrimaryContainer"] == described(container)
    assert description["EnableNetworkIsolation"] is True
    assert description["ExecutionRoleArn"] == builder.execution_role
    assert description["ModelArn"] == f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model/{model}"
    assert "Tags" not in description


def test_what_a_request_leaves_out_is_filled_in_as_sagemaker_does(builder: SageMakerBuilder) -> None:
    container = {"Image": IMAGE, "ModelDataUrl": builder.data()}
    pipeline = builder.sagemaker.describe_model(ModelName=builder.created(Containers=[container]))
    recorded = store.response("sagemaker/DescribeModel/containers-filled-in")
    for field in ("InferenceExecutionConfig", "DeploymentRecommendation"):
        assert pipeline[field] == recorded[field]
    model = builder.sagemaker.describe_model(ModelName=builder.model())
    recorded = store.response("sagemaker/DescribeModel/model-data-url-is-mirrored-as-model-data-source")
    assert model["DeploymentRecommendation"] == recorded["DeploymentRecommendation"]
    assert model["PrimaryContainer"].keys() == recorded["PrimaryContainer"].keys()
    for field in ("Mode", "Environment"):
        assert model["PrimaryContainer"][field] == recorded["PrimaryContainer"][field]
    assert model["EnableNetworkIsolation"] == recorded["EnableNetworkIsolation"]
    assert "InferenceExecutionConfig" not in model
    config = builder.sagemaker.describe_endpoint_config(EndpointConfigName=builder.config())
    recorded = store.response("sagemaker/DescribeEndpointConfig/instances-filled-in")
    for field in ("InitialVariantWeight", "VolumeSizeInGB"):
        assert config["ProductionVariants"][0][field] == recorded["ProductionVariants"][0][field]
    assert config["EnableNetworkIsolation"] == recorded["EnableNetworkIsolation"]


def test_a_model_is_never_overwritten(builder: SageMakerBuilder) -> None:
    model = builder.model()
    container = {"Image": IMAGE, "ModelDataUrl": builder.data()}
    with refused("ValidationException", "Cannot create already existing model"):
        builder.sagemaker.create_model(
            ModelName=model, PrimaryContainer=container, ExecutionRoleArn=builder.execution_role
        )


def test_a_model_has_either_one_container_or_a_list_of_them(builder: SageMakerBuilder) -> None:
    container = {"Image": IMAGE, "ModelDataUrl": builder.data()}
    with refused("ValidationException", "Exactly one of PrimaryContainer and Containers"):
        builder.model(Containers=[container])
    with refused("ValidationException", "Exactly one of PrimaryContainer and Containers"):
        builder.sagemaker.create_model(ModelName=unique("model"), ExecutionRoleArn=builder.execution_role)


def test_model_data_must_exist(builder: SageMakerBuilder) -> None:
    missing = f"s3://{BUCKET}/missing/model.tar.gz"
    with refused("ValidationException", f"Could not find model data at {missing}"):
        builder.model(PrimaryContainer={"Image": IMAGE, "ModelDataUrl": missing})


def test_model_data_is_checked_with_the_execution_roles_permissions(builder: SageMakerBuilder) -> None:
    powerless = f"arn:aws:iam::{ACCOUNT}:role/{builder.role(SAGEMAKER)}"
    with refused("ValidationException", f'ensure that the role "{powerless}" exists'):
        builder.model(ExecutionRoleArn=powerless)


def test_a_bucket_policy_binds_the_execution_role(builder: SageMakerBuilder, server: Server) -> None:
    bucket = unique("guarded")
    storage = server.client("s3")
    storage.create_bucket(Bucket=bucket)
    storage.put_object(Bucket=bucket, Key="model.tar.gz", Body=b"any")
    objects = f"arn:aws:s3:::{bucket}/*"
    role = builder.role(SAGEMAKER, {"Effect": "Allow", "Action": "s3:GetObject", "Resource": objects})
    denial = {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": objects}
    storage.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [denial]}))
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://{bucket}/model.tar.gz"}
    with refused("ValidationException", "Could not access model data at"):
        builder.model(PrimaryContainer=container, ExecutionRoleArn=f"arn:aws:iam::{ACCOUNT}:role/{role}")


def test_model_data_under_a_customer_managed_key_requires_decrypt_permission(
    builder: SageMakerBuilder, server: Server
) -> None:
    kms = server.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    uri = builder.data()
    name = uri.removeprefix(f"s3://{BUCKET}/")
    server.client("s3").copy_object(
        Bucket=BUCKET, Key=name, CopySource=f"{BUCKET}/{name}", ServerSideEncryption="aws:kms", SSEKMSKeyId=key
    )
    reading = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/*"}
    decrypting = {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": key}
    container = {"Image": IMAGE, "ModelDataUrl": uri}
    without = builder.role(SAGEMAKER, reading)
    with refused("ValidationException", "Could not access model data at"):
        builder.model(PrimaryContainer=container, ExecutionRoleArn=f"arn:aws:iam::{ACCOUNT}:role/{without}")
    with_permission = builder.role(SAGEMAKER, reading, decrypting)
    assert builder.model(PrimaryContainer=container, ExecutionRoleArn=f"arn:aws:iam::{ACCOUNT}:role/{with_permission}")


def test_an_execution_role_must_exist_and_trust_sagemaker(builder: SageMakerBuilder) -> None:
    reading = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    distrusting = builder.role({"Principal": {"Service": "lambda.amazonaws.com"}}, reading)
    for name in (distrusting, "missing-role"):
        with refused("ValidationException", 'for the service principal "sagemaker.amazonaws.com"'):
            builder.model(ExecutionRoleArn=f"arn:aws:iam::{ACCOUNT}:role/{name}")


def test_a_role_of_another_account_cannot_be_passed(builder: SageMakerBuilder) -> None:
    with refused("ValidationException", "Cross-account pass role is not allowed"):
        builder.model(ExecutionRoleArn=f"arn:aws:iam::{OTHER_ACCOUNT}:role/any")


def test_an_image_comes_from_ecr(builder: SageMakerBuilder) -> None:
    with refused("ValidationException", 'Using non-ECR image "python:3"'):
        builder.model(PrimaryContainer={"Image": "python:3"})


def test_an_image_must_be_in_the_models_region(builder: SageMakerBuilder) -> None:
    elsewhere = IMAGE.replace(REGION, "eu-west-1")
    with refused("ValidationException", f'Region of "{elsewhere}" does not match expected region of {REGION}'):
        builder.model(PrimaryContainer={"Image": elsewhere, "ModelDataUrl": builder.data()})


def test_a_model_exists_in_its_own_region_only(builder: SageMakerBuilder, server: Server) -> None:
    name = builder.model()
    with refused("ValidationException", "Could not find model"):
        server.client("sagemaker", region="eu-west-1").describe_model(ModelName=name)


def test_a_configuration_is_never_overwritten(builder: SageMakerBuilder) -> None:
    config = builder.config()
    description = builder.sagemaker.describe_endpoint_config(EndpointConfigName=config)
    assert description["ProductionVariants"][0]["InitialVariantWeight"] == 1.0
    with refused("ValidationException", "Cannot create already existing endpoint configuration"):
        builder.sagemaker.create_endpoint_config(
            EndpointConfigName=config, ProductionVariants=description["ProductionVariants"]
        )


def test_a_configuration_names_models_that_exist(builder: SageMakerBuilder) -> None:
    with refused("ValidationException", "Could not find model"):
        builder.config("missing")


def test_a_variant_without_instances_is_serverless(builder: SageMakerBuilder) -> None:
    variant = {"VariantName": "AllTraffic", "ModelName": builder.model()}
    with refused("ValidationException", "InstanceType is required"):
        builder.sagemaker.create_endpoint_config(EndpointConfigName=unique("config"), ProductionVariants=[variant])
    serverless = variant | {"ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 5}}
    builder.sagemaker.create_endpoint_config(EndpointConfigName=unique("config"), ProductionVariants=[serverless])


def test_a_serverless_variant_takes_no_image_of_another_account(builder: SageMakerBuilder) -> None:
    foreign = f"{OTHER_ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/own:1"
    model = builder.model(PrimaryContainer={"Image": foreign, "ModelDataUrl": builder.data()})
    serverless = {"MemorySizeInMB": 2048, "MaxConcurrency": 5}
    variant = {"VariantName": "AllTraffic", "ModelName": model, "ServerlessConfig": serverless}
    with refused("ValidationException", "does not reside in an Amazon ECR repository within the same AWS account"):
        builder.sagemaker.create_endpoint_config(EndpointConfigName=unique("config"), ProductionVariants=[variant])


def test_model_data_must_be_in_the_models_region(builder: SageMakerBuilder, server: Server) -> None:
    bucket = unique("frankfurt")
    server.client("s3", region="eu-central-1").create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    server.client("s3", region="eu-central-1").put_object(Bucket=bucket, Key="model.tar.gz", Body=b"any")
    reading = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    role = f"arn:aws:iam::{ACCOUNT}:role/{builder.role(SAGEMAKER, reading)}"

    def request(image: str) -> dict[str, Any]:
        container = {"Image": image, "ModelDataUrl": f"s3://{bucket}/model.tar.gz"}
        return {"ModelName": unique("model"), "PrimaryContainer": container, "ExecutionRoleArn": role}

    with refused("ValidationException", "the object is located in us-east-1"):
        builder.sagemaker.create_model(**request(IMAGE))
    elsewhere = server.client("sagemaker", region="eu-central-1")
    with refused("ValidationException", "Cross region ECR image pulls are not allowed"):
        elsewhere.create_model(**request(IMAGE))
    arn = elsewhere.create_model(**request(IMAGE.replace(REGION, "eu-central-1")))["ModelArn"]
    assert arn.startswith("arn:aws:sagemaker:eu-central-1:")


def test_what_was_deleted_cannot_be_found(builder: SageMakerBuilder) -> None:
    client, config = builder.sagemaker, builder.config()
    client.delete_endpoint_config(EndpointConfigName=config)
    with refused("ValidationException", "Could not find endpoint configuration"):
        client.delete_endpoint_config(EndpointConfigName=config)
    model = builder.model()
    client.delete_model(ModelName=model)
    with refused("ValidationException", "Could not find model"):
        client.delete_model(ModelName=model)


def test_tags_are_kept_beside_their_resource(builder: SageMakerBuilder) -> None:
    client = builder.sagemaker
    model = builder.model(Tags=[{"Key": "team", "Value": "text"}])
    arn = client.describe_model(ModelName=model)["ModelArn"]
    client.add_tags(ResourceArn=arn, Tags=[{"Key": "stage", "Value": "qa"}, {"Key": "team", "Value": "vision"}])
    assert client.list_tags(ResourceArn=arn)["Tags"] == [
        {"Key": "stage", "Value": "qa"},
        {"Key": "team", "Value": "vision"},
    ]
    client.delete_tags(ResourceArn=arn, TagKeys=["team"])
    assert [tag["Key"] for tag in client.list_tags(ResourceArn=arn)["Tags"]] == ["stage"]
    client.delete_model(ModelName=model)
    with refused("ValidationException", "Could not find resource"):
        client.list_tags(ResourceArn=arn)
