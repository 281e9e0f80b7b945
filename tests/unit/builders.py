"""One small promotion: a sentiment model goes from dev to qa. A test changes the part that it tests."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape

from lambdas.promotion.artifacts import inventory
from lambdas.promotion.artifacts.inventory import Inventory, Listing
from lambdas.promotion.contract.document import (
    Artifact,
    Execution,
    KnownGood,
    Lock,
    Promotion,
    Request,
    S3Object,
    SourceModel,
    VerifiedCopies,
)
from lambdas.promotion.contract.settings import Application, Environment, Hub, Settings, Stage
from lambdas.promotion.endpoint.state import ObservedEndpoint
from lambdas.promotion.model import definition
from lambdas.promotion.model.definition import Definition
from lambdas.promotion.resolve import identity

HUB = Hub(account="111111111111", region="us-east-1")
DEV = Environment(name="dev", account="222222222222", region="us-east-1")
QA = Environment(name="qa", account="333333333333", region="us-east-1")
VARIANT: dict[str, Any] = {"VariantName": "All", "InstanceType": "ml.t2.medium", "InitialInstanceCount": 1}
STAGE = Stage(
    name="qa",
    environment="qa",
    source="dev",
    endpoint="reviews-qa",
    endpoint_config={"ProductionVariants": [VARIANT]},
    deadline_seconds=3600,
)
APPLICATION = Application(name="reviews", model_package_group="reviews", registry="dev", stages={"qa": STAGE})
SETTINGS = Settings(hub=HUB, environments={"dev": DEV, "qa": QA}, applications={"reviews": APPLICATION})

BEGUN = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
TRAINED = datetime(2026, 10, 31, 8, 30, 15, 123456, tzinfo=UTC)
REQUEST = Request(application="reviews", stage="qa", model_name="reviews-v7")
EXECUTION = Execution(arn="arn:aws:states:us-east-1:111111111111:execution:promote:release-7", started_at=BEGUN)
MODEL = SourceModel(
    arn="arn:aws:sagemaker:us-east-1:222222222222:model/reviews-v7", created_at=TRAINED, made_at=TRAINED
)
VERSION = "arn:aws:sagemaker:us-east-1:222222222222:model-package/reviews/7"

BUCKET = "sagemaker-us-east-1-222222222222"
WEIGHTS_URI = f"s3://{BUCKET}/v7/model.tar.gz"
SOURCE_URI = f"s3://{BUCKET}/v7/sourcedir.tar.gz"
WEIGHTS = S3Object(bucket=BUCKET, key="v7/model.tar.gz", etag='"aa"', size=10, checksum="CRC64NVME:AAAAAAAAAAA=")
SOURCE = S3Object(bucket=BUCKET, key="v7/sourcedir.tar.gz", etag='"bb"', size=20, checksum="CRC64NVME:BBBBBBBBBBA=")
OBJECTS: Mapping[str, S3Object] = {WEIGHTS_URI: WEIGHTS, SOURCE_URI: SOURCE}
IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/sklearn:1.2"
CONTAINER: dict[str, Any] = {
    "Image": IMAGE,
    "ModelDataUrl": WEIGHTS_URI,
    "Environment": {"SAGEMAKER_SUBMIT_DIRECTORY": SOURCE_URI, "SAGEMAKER_PROGRAM": "inference.py"},
}
# The empty list.
NO_COPIES = VerifiedCopies(bucket=QA.artifact_bucket, objects=0, sha256=hashlib.sha256(b"").hexdigest())
OLD_CONFIG = "reviews-qa-20260101000000-000000000000"


def described(**container: Any) -> dict[str, Any]:
    """Return DescribeModel's response; each keyword changes a field of its container."""
    return {
        "ModelName": "reviews-v7",
        "ModelArn": MODEL.arn,
        "ExecutionRoleArn": "arn:aws:iam::222222222222:role/training",
        "CreationTime": TRAINED,
        "EnableNetworkIsolation": False,
        "PrimaryContainer": {**CONTAINER, **container},
    }


def package(**container: Any) -> dict[str, Any]:
    """Return DescribeModelPackage's response; each keyword changes a field of its container."""
    return {
        "ModelPackageArn": VERSION,
        "ModelPackageName": "reviews",
        "CreationTime": TRAINED,
        "ModelApprovalStatus": "Approved",
        "ModelPackageStatus": "Completed",
        "InferenceSpecification": {"Containers": [{**CONTAINER, **container}]},
    }


def model_definition(**container: Any) -> Definition:
    return definition.of_model(described(**container), {}, subject=MODEL.arn)


def pipeline(*containers: Mapping[str, Any], **model: Any) -> Definition:
    """Return a model with a list of containers; each keyword is a field of the model."""
    response = {name: value for name, value in described().items() if name != "PrimaryContainer"}
    return definition.of_model({**response, "Containers": list(containers), **model}, {}, subject=MODEL.arn)


def inventory_of(
    objects: Mapping[str, S3Object] = OBJECTS,
    *,
    application: str = "reviews",
    stage: str = "qa",
    bucket: str = QA.artifact_bucket,
) -> Inventory:
    """Return the inventory of a model of which each S3 URI is that of one object."""
    listings = {uri: Listing(objects=(item,)) for uri, item in objects.items()}
    return inventory.take(listings, application=application, stage=stage, bucket=bucket, subject=MODEL.arn)


def artifact(name: str = "model.tar.gz", /, **source: Any) -> Artifact:
    """Return an artifact below a folder of the stage; each other keyword changes its source."""
    return Artifact(source=replace(WEIGHTS, **source), key=f"artifacts/reviews/qa/{'0' * 32}/{name}")


def promotion(**changes: Any) -> Promotion:
    stage, target, model = changes.get("stage", STAGE), changes.get("target", QA), changes.get("model", MODEL)
    request = changes.get("request", REQUEST)
    source_inventory = inventory_of(application=request.application, stage=stage.name, bucket=target.artifact_bucket)
    parts = identity.desired_resources(
        model_definition(),
        source_inventory,
        {"team": "nlp"},
        request=request,
        stage=stage,
        target=target,
        model=model,
        by=EXECUTION,
    )
    made = Promotion(
        request=request,
        execution=EXECUTION,
        hub=HUB,
        stage=stage,
        source=DEV,
        target=target,
        external_id=None,
        deadline=BEGUN + timedelta(seconds=stage.deadline_seconds),
        model=model,
        lock=Lock(fence=1),
        **parts,
    )
    return replace(made, **changes)


def good(config: str = OLD_CONFIG, **changes: Any) -> KnownGood:
    """Return an entry of the endpoint's last known good promotions."""
    defaults: dict[str, Any] = {
        "record_key": "2026-01-01T00:00:00.000+00:00#release-6",
        "promotion_id": "release-6",
        "stage": "reviews/qa",
        "model": "reviews-qa-20260101000000-111111111111",
        "made_at": TRAINED - timedelta(days=1),
        "ended_at": BEGUN - timedelta(days=1),
    }
    return KnownGood(config=config, **{**defaults, **changes})


def with_known_good(made: Promotion) -> Promotion:
    """Return the promotion with its desired configuration recorded as last known good, of a model without artifacts."""
    recorded = good(
        made.desired_config.name, model=made.desired_model.name, made_at=made.model.made_at, verified=NO_COPIES
    )
    return replace(made, lock=Lock(fence=2, last_known_good=(recorded,)))


def observed(status: str, **changes: Any) -> ObservedEndpoint:
    """Return the endpoint in a status, on the configuration that it had before the promotion."""
    properties: dict[str, Any] = {"config": OLD_CONFIG, "modified_at": BEGUN - timedelta(days=1), **changes}
    return ObservedEndpoint(status=status, **properties)


@cache
def _botocore() -> botocore.session.Session:
    return botocore.session.get_session()


@cache
def api(service: str) -> ServiceModel:
    return _botocore().get_service_model(service)


def field_names(shape: str) -> list[str]:
    """Return the fields of a structure in SageMaker's API as the installed botocore has it."""
    structure = api("sagemaker").shape_for(shape)
    assert isinstance(structure, StructureShape)
    return list(structure.members)


def any_value_of(shape: Shape) -> Any:
    """Return some value that is set, in a shape's form."""
    if isinstance(shape, StructureShape):
        return {name: any_value_of(field) for name, field in list(shape.members.items())[:2]}
    if shape.metadata.get("enum"):
        return shape.metadata["enum"][0]
    if isinstance(shape, ListShape):
        return [any_value_of(shape.member)]
    if isinstance(shape, MapShape):
        return {"name": any_value_of(shape.value)}
    plain: dict[str, Any] = {"boolean": True, "integer": 1, "long": 1, "float": 1.0, "double": 1.0, "timestamp": BEGUN}
    return plain.get(shape.type_name, "something")


def value_of(shape: str, field: str) -> Any:
    structure = api("sagemaker").shape_for(shape)
    assert isinstance(structure, StructureShape)
    return any_value_of(structure.members[field])
