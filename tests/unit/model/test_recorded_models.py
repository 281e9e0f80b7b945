"""Each recorded model is read whole and as it was made, or refused by name; and it is the same as its own copy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from lambdas.promotion.contract import s3_https
from lambdas.promotion.contract.errors import UnsupportedModel
from lambdas.promotion.endpoint import comparison
from lambdas.promotion.model import definition
from recordings import store
from recordings.store import Recording
from tests.recorded import answer, walked

IMAGE = "111122223333.dkr.ecr.us-west-2.amazonaws.com/reviews:7"
ROLE = "arn:aws:iam::111122223333:role/SageMakerRole"
PACKAGE = store.response("sagemaker/DescribeModelPackage/unversioned-completed")


@dataclass(frozen=True)
class Carried:
    """What the model's definition has, beside its containers."""

    uri: str | None = None
    in_list: bool = False
    isolated: bool = False
    mode: str | None = None
    subnets: tuple[str, ...] = ()


MODELS: dict[str, Carried | str] = {
    "model-data-url-is-mirrored-as-model-data-source": Carried(
        "s3://sagemaker-us-east-1-111122223333/output/job/output/model.tar.gz"
    ),
    "recommendation-completed-and-empty-list": Carried(
        "s3://sagemaker-us-west-2-111122223333/large-model-lmi/code/mymodel-7B.tar.gz"
    ),
    "two-containers-without-hostnames": Carried(in_list=True),
    "primary-container-has-no-inference-execution-config": Carried(),
    "one-element-containers-stays-a-list": Carried(
        "s3://source-data-bucket/sagemaker/model/xgboost-mnist-model.tar.gz", in_list=True
    ),
    "console-models-use-containers": Carried(in_list=True),
    "from-model-package-no-image-no-url": Carried(
        "s3://source-data-bucket/sagemaker/model/xgboost-mnist-model.tar.gz", isolated=True
    ),
    "s3-prefix-has-no-model-data-url": Carried("s3://bucket/model/"),
    "https-model-data-url-is-kept": Carried("s3://bucket/model.tar.gz"),
    # It is stored at AWS's own: nothing to copy.
    "accept-eula-is-returned": Carried(isolated=True),
    "multi-model-prefix": Carried("s3://bucket/resnet50-mme-gpu/"),
    "multi-model-cache-enabled-in-state": Carried(),
    "private-registry-image-config": Carried(isolated=True, subnets=("subnet-0123456789abcdef0",)),
    "image-config-platform-is-kept": Carried(),
    "vpc-config-two-subnets": Carried(isolated=True, subnets=("subnet-aaaa", "subnet-bbbb")),
    "additional-model-data-sources": Carried("s3://bucket/code/"),
    "inference-specification-name-with-image": "PrimaryContainer.InferenceSpecificationName",
    "containers-filled-in": Carried(isolated=True, mode="Serial"),
    "container-filled-in": Carried(),
    "order-of-a-network": Carried(subnets=("subnet-2", "subnet-1")),
}


def described(recorded: Recording) -> dict[str, Any]:
    """The recorded model; a container of which the recording shows a part gets an image."""
    model = answer(recorded)
    containers = model.get("Containers") or [model.setdefault("PrimaryContainer", {})]
    for container in containers:
        if "ModelPackageName" not in container:
            container.setdefault("Image", IMAGE)
    return model


def sent(container: dict[str, Any]) -> dict[str, Any]:
    """What a copy of a container is made from: not SageMaker's mirror of a tarball, and no empty field."""
    beside = {"ModelDataSource"} if "ModelDataUrl" in container else set()
    carried = {name: value for name, value in container.items() if value and name not in beside}
    url = {"ModelDataUrl": s3_https.as_s3_uri(carried["ModelDataUrl"])} if "ModelDataUrl" in carried else {}
    return carried | url


@walked("sagemaker/DescribeModel", MODELS)
def test_a_recorded_model_is_carried_whole_or_refused_by_name(recorded: Recording, expected: Carried | str) -> None:
    model = described(recorded)
    packages = {model["PrimaryContainer"]["ModelPackageName"]: PACKAGE} if "ModelPackageName" in str(model) else {}
    if isinstance(expected, str):
        with pytest.raises(UnsupportedModel) as refused:
            definition.of_model(model, packages, subject=recorded.name)
        assert expected in str(refused.value)
        return
    carried = definition.of_model(model, packages, subject=recorded.name)
    assert expected == Carried(
        uri=next((reference.uri for reference in carried.s3_references), None),
        in_list=carried.in_list,
        isolated=carried.network_isolation,
        mode=(carried.execution_config or {}).get("Mode"),
        subnets=tuple((carried.vpc or {}).get("Subnets", ())),
    )
    assert len(carried.s3_references) == int(expected.uri is not None)
    if not packages:
        containers = model.get("Containers") or [model["PrimaryContainer"]]
        assert list(carried.containers) == [sent(container) for container in containers]


# Promote requests no model that it refuses, none by its package, and none with an HTTPS URL.
REQUESTED = {name for name, row in MODELS.items() if isinstance(row, Carried)} - {
    "from-model-package-no-image-no-url",
    "https-model-data-url-is-kept",
}


@walked("sagemaker/DescribeModel", dict.fromkeys(REQUESTED), elsewhere=MODELS.keys() - REQUESTED)
def test_a_recorded_model_is_the_same_as_the_request_for_it(recorded: Recording, expected: None) -> None:
    model = described(recorded)
    carried = definition.of_model(model, {}, subject=recorded.name)
    unchanged = {reference.uri: reference.uri for reference in carried.s3_references}
    name, role = model.get("ModelName", "m"), model.get("ExecutionRoleArn", ROLE)
    request = definition.create_model_request(carried, unchanged, name=name, execution_role_arn=role)
    assert expected is None
    comparison.require_same("model", name, request, {"ModelName": name, "ExecutionRoleArn": role, **model})
