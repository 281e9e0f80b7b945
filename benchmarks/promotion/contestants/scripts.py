"""What a user would run otherwise, as real boto3 code on a machine with one CPU.

Neither checks anything ahead, verifies a copy, tests the endpoint, records or announces anything, nor rolls back.
"""

from __future__ import annotations

import io
import time
from typing import Any

import boto3

from benchmarks.promotion.world import (
    ENDPOINT,
    IMAGE,
    MODEL_KEY,
    PACKAGE,
    REGION,
    SOURCE,
    SOURCE_BUCKET,
    TARGET,
)

_BUCKET = f"models-{TARGET}"
_ROLE = f"arn:aws:iam::{TARGET}:role/execution"
_SCRIPTS_POLL = 15  # seconds
_MLFLOWS_POLL = 5


def bare_script() -> None:
    """Read the approved version, copy its artifact, create model, configuration and endpoint, and poll every 15 s."""
    source = _session(SOURCE)
    package = source.client("sagemaker").describe_model_package(ModelPackageName=PACKAGE)
    container = package["InferenceSpecification"]["Containers"][0]
    bucket, _, key = container["ModelDataUrl"].removeprefix("s3://").partition("/")
    target = _session(TARGET)
    s3, sagemaker = target.client("s3"), target.client("sagemaker")
    s3.head_object(Bucket=bucket, Key=key)
    s3.copy_object(Bucket=_BUCKET, Key=key, CopySource={"Bucket": bucket, "Key": key})
    s3.head_object(Bucket=_BUCKET, Key=key)
    _create(sagemaker, {"Image": container["Image"], "ModelDataUrl": f"s3://{_BUCKET}/{key}"})
    while sagemaker.describe_endpoint(EndpointName=ENDPOINT)["EndpointStatus"] != "InService":
        time.sleep(_SCRIPTS_POLL)


def mlflow_deployment() -> None:
    """Make the calls of mlflow.sagemaker's `create_deployment` in the mode "create", with bucket, image and role given.

    Read in mlflow's mlflow/sagemaker/__init__.py (commit 001cc178, `_deploy` and what it calls). It carries the model
    through the machine that runs it: down from where it is stored, and up as an archive. It lists the endpoints every
    5 seconds, and leaves the model's approval to others. Making the archive takes no time here.
    """
    stored = _session(SOURCE).client("s3")
    stored.list_objects_v2(Bucket=SOURCE_BUCKET, Prefix=MODEL_KEY.rpartition("/")[0])
    content = io.BytesIO()
    stored.download_fileobj(SOURCE_BUCKET, MODEL_KEY, content)
    target = _session(TARGET)
    s3, sagemaker = target.client("s3"), target.client("sagemaker")
    _status_in_list(sagemaker)
    content.seek(0)
    key = f"{ENDPOINT}-model/model.tar.gz"
    target.client("s3").upload_fileobj(content, _BUCKET, key)
    s3.put_object_tagging(Bucket=_BUCKET, Key=key, Tagging={"TagSet": [{"Key": "SageMaker", "Value": "true"}]})
    _create(sagemaker, {"Image": IMAGE, "ModelDataUrl": f"s3://{_BUCKET}/{key}"})
    while _status_in_list(sagemaker) != "InService":
        time.sleep(_MLFLOWS_POLL)


def _create(sagemaker: Any, container: dict[str, Any]) -> None:
    sagemaker.create_model(ModelName=ENDPOINT, ExecutionRoleArn=_ROLE, PrimaryContainer=container)
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": ENDPOINT,
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
        "InitialVariantWeight": 1,
    }
    sagemaker.create_endpoint_config(EndpointConfigName=ENDPOINT, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=ENDPOINT, EndpointConfigName=ENDPOINT)


def _status_in_list(sagemaker: Any) -> str | None:
    listed = sagemaker.list_endpoints(MaxResults=100, NameContains=ENDPOINT)["Endpoints"]
    return next((each["EndpointStatus"] for each in listed if each["EndpointName"] == ENDPOINT), None)


def _session(account: str) -> boto3.Session:
    """Return a session of a role in an account."""
    assumed = (
        boto3.Session()
        .client("sts")
        .assume_role(RoleArn=f"arn:aws:iam::{account}:role/deployer", RoleSessionName="deployment")["Credentials"]
    )
    return boto3.Session(
        aws_access_key_id=assumed["AccessKeyId"],
        aws_secret_access_key=assumed["SecretAccessKey"],
        aws_session_token=assumed["SessionToken"],
        region_name=REGION,
    )
