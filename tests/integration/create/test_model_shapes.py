"""Every shape that a model can have goes from dev to QA, and what arrived there answers."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from lambdas.promotion.contract.settings import Settings
from tests.integration.world import APPLICATION, ENDPOINTS, IMAGE, INFERENCE, ExecutionResult, World, tar

# Answers with what it finds around it: what is asked for stands in the variable LOOK_AT.
EXPLORER = b"""
import json, os, pathlib
import boto3
def model_fn(model_dir):
    base = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"])
    return {str(file.relative_to(base)): file.read_text() for file in sorted(base.rglob("*.txt"))}
def input_fn(body, content_type):
    return body
def predict_fn(data, files):
    found = {"files": files}
    address = os.environ.get("HF_MODEL_ID")
    if address:
        bucket, _, prefix = address.removeprefix("s3://").partition("/")
        listed = boto3.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]
        found["below"] = sorted(one["Key"].removeprefix(prefix) for one in listed)
    return found
def output_fn(prediction, accept):
    return json.dumps(prediction), "application/json"
"""


@pytest.fixture(scope="module")
def world(module_world: World) -> World:
    return module_world


class Dev:
    """What a data scientist puts into dev for one model."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.bucket = f"sagemaker-us-east-1-{world.sandbox.accounts['dev']}"
        self.folder = uuid4().hex[:8]

    def put(self, key: str, content: bytes) -> str:
        self.world.client("s3", "dev").put_object(Bucket=self.bucket, Key=f"{self.folder}/{key}", Body=content)
        return self.uri(key)

    def uri(self, key: str) -> str:
        return f"s3://{self.bucket}/{self.folder}/{key}"

    def script(self, source: bytes = EXPLORER) -> dict[str, str]:
        archive = self.put("sourcedir.tar.gz", tar({"inference.py": source}))
        return {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": archive}

    def answering(self, name: str, **more: Any) -> dict[str, Any]:
        """A container that answers with its name and what it was asked."""
        archive = tar({"weights.json": json.dumps({"name": name}).encode(), "code/inference.py": INFERENCE})
        return {"Image": IMAGE, "ModelDataUrl": self.put(f"{name}/model.tar.gz", archive), **more}


@pytest.fixture
def dev(world: World) -> Dev:
    return Dev(world)


def promoted(world: World, *containers: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Promote a model of these containers to QA and return how SageMaker describes it there."""
    form = {"PrimaryContainer": containers[0]} if len(containers) == 1 else {"Containers": list(containers)}
    name = f"shape-{uuid4().hex[:8]}"
    role = f"arn:aws:iam::{world.sandbox.accounts['dev']}:role/SageMakerTraining"
    world.client("sagemaker", "dev").create_model(ModelName=name, ExecutionRoleArn=role, **form, **more)
    ended = world.wait(world.start(application=APPLICATION, stage="qa", model_name=name))
    return in_qa(world, ended)


def in_qa(world: World, ended: ExecutionResult) -> dict[str, Any]:
    assert ended.status == "SUCCEEDED", f"{ended.error}: {ended.cause}"
    model: dict[str, Any] = world.client("sagemaker", "qa").describe_model(ModelName=ended.model)
    # Nothing in it may point back into dev.
    assert world.sandbox.accounts["dev"] not in json.dumps(model, default=str)
    return model


def invoke(world: World, text: str = "hello", **more: str) -> dict[str, Any]:
    answer = world.client("sagemaker-runtime", "qa").invoke_endpoint(
        EndpointName=ENDPOINTS["qa"], ContentType="text/csv", Body=text.encode(), **more
    )
    payload: dict[str, Any] = json.loads(answer["Body"].read())
    return payload


# Containers


def test_a_pipeline_of_containers(world: World, dev: Dev) -> None:
    first, second = (dev.answering(name, ContainerHostname=name) for name in ("first", "second"))
    model = promoted(world, first, second)

    assert [container["ContainerHostname"] for container in model["Containers"]] == ["first", "second"]
    assert invoke(world) == {"model": "second", "asked": invoke_first("hello"), "mood": None}


def invoke_first(asked: str) -> str:
    return json.dumps({"model": "first", "asked": asked, "mood": None})


def test_containers_can_be_invoked_directly(world: World, dev: Dev) -> None:
    containers = [dev.answering(name, ContainerHostname=name) for name in ("cats", "dogs")]
    model = promoted(world, *containers, InferenceExecutionConfig={"Mode": "Direct"})

    assert model["InferenceExecutionConfig"] == {"Mode": "Direct"}
    assert [invoke(world, TargetContainerHostname=name)["model"] for name in ("dogs", "cats")] == ["dogs", "cats"]


def test_fifteen_containers(world: World, dev: Dev) -> None:
    containers = [dev.answering(f"c{number}", ContainerHostname=f"c{number}") for number in range(15)]
    assert len(promoted(world, *containers)["Containers"]) == 15


def test_a_registered_version_of_several_containers(world: World, dev: Dev) -> None:
    sagemaker = world.client("sagemaker", "dev")
    version = world.version(approval="Rejected")  # so that the group is there
    group = version.split("/")[-2]
    containers = [dev.answering(name, ContainerHostname=name) for name in ("first", "second")]
    specification = {
        "Containers": containers,
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["application/json"],
    }
    arn = sagemaker.create_model_package(
        ModelPackageGroupName=group, ModelApprovalStatus="PendingManualApproval", InferenceSpecification=specification
    )["ModelPackageArn"]
    sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    # The newest: versions of other tests had the same numbers.
    ended = next(result for result in world.wait_until_idle() if result.output.get("source_model_package") == arn)

    model = in_qa(world, ended)
    assert (len(model["Containers"]), model["InferenceExecutionConfig"]) == (2, {"Mode": "Serial"})
    assert invoke(world)["model"] == "second"

    again = world.wait(world.start(application=APPLICATION, stage="qa", model_package_arn=arn))
    assert (again.status, again.output.get("outcome")) == ("SUCCEEDED", "Unchanged"), again.cause


def test_a_model_that_was_made_from_a_registered_version(world: World, dev: Dev) -> None:
    version = world.version(approval="Approved")
    world.wait_until_idle()
    model = promoted(world, {"ModelPackageName": version, "Environment": {"MOOD": "grumpy"}})

    assert "ModelPackageName" not in model["PrimaryContainer"]
    assert invoke(world) == {"model": "registered", "asked": "hello", "mood": "grumpy"}


def test_descriptive_fields_are_carried(world: World, dev: Dev) -> None:
    metrics = {"MetricsEndpoints": [{"MetricsEndpointPath": "/metrics", "MetricPublishFrequencyInSeconds": 60}]}
    container = dev.answering("plain", ImageConfig={"RepositoryAccessMode": "Platform"}, ContainerMetricsConfig=metrics)
    described = promoted(world, container, EnableNetworkIsolation=False)["PrimaryContainer"]

    assert (described["ImageConfig"], described["ContainerMetricsConfig"]) == (container["ImageConfig"], metrics)


# Model data


def test_files_below_a_prefix(world: World, dev: Dev) -> None:
    for name in ("a.txt", "deep/er/b c+%.txt", "ü.txt"):
        dev.put(f"tree/{name}", name.encode())
    dev.put("tree/empty.txt", b"")
    source = {"S3Uri": dev.uri("tree/"), "S3DataType": "S3Prefix", "CompressionType": "None"}
    promoted(world, {"Image": IMAGE, "ModelDataSource": {"S3DataSource": source}, "Environment": dev.script()})

    assert invoke(world)["files"] == {
        "model/a.txt": "a.txt",
        "model/deep/er/b c+%.txt": "deep/er/b c+%.txt",
        "model/empty.txt": "",
        "model/ü.txt": "ü.txt",
    }


def test_one_file_as_it_is(world: World, dev: Dev) -> None:
    source = {"S3Uri": dev.put("one.txt", b"1"), "S3DataType": "S3Object", "CompressionType": "None"}
    promoted(world, {"Image": IMAGE, "ModelDataSource": {"S3DataSource": source}, "Environment": dev.script()})

    assert invoke(world)["files"] == {"model/one.txt": "1"}


def test_an_archive_that_is_given_as_a_source_and_a_licence_that_was_accepted(world: World, dev: Dev) -> None:
    source = {
        "S3Uri": dev.put("model.tar.gz", tar({"in.txt": b"packed"})),
        "S3DataType": "S3Object",
        "CompressionType": "Gzip",
        "ModelAccessConfig": {"AcceptEula": True},
    }
    described = promoted(
        world, {"Image": IMAGE, "ModelDataSource": {"S3DataSource": source}, "Environment": dev.script()}
    )

    data = described["PrimaryContainer"]["ModelDataSource"]["S3DataSource"]
    assert data["ModelAccessConfig"] == {"AcceptEula": True}
    assert invoke(world)["files"] == {"model/in.txt": "packed"}


def test_a_manifest_and_what_it_names(world: World, dev: Dev) -> None:
    dev.put("tree/a.txt", b"a")
    elsewhere = dev.put("elsewhere/b.txt", b"b")
    manifest = dev.put("manifest.csv", f"weights,{elsewhere}\n".encode())
    source = {
        "S3Uri": dev.uri("tree/"),
        "S3DataType": "S3Prefix",
        "CompressionType": "None",
        "ManifestS3Uri": manifest,
    }
    promoted(world, {"Image": IMAGE, "ModelDataSource": {"S3DataSource": source}, "Environment": dev.script()})

    assert invoke(world)["files"] == {"model/a.txt": "a", "model/b.txt": "b"}


def test_additional_sources(world: World, dev: Dev) -> None:
    dev.put("adapter/a.txt", b"adapter")
    channels = [
        {
            "ChannelName": name,
            "S3DataSource": {"S3Uri": uri, "S3DataType": kind, "CompressionType": "None"},
        }
        for name, uri, kind in (
            ("adapter", dev.uri("adapter/"), "S3Prefix"),
            ("draft", dev.put("draft.txt", b"draft"), "S3Object"),
        )
    ]
    container = {
        "Image": IMAGE,
        "ModelDataSource": {
            "S3DataSource": {
                "S3Uri": dev.put("base.txt", b"base"),
                "S3DataType": "S3Object",
                "CompressionType": "None",
            }
        },
        "AdditionalModelDataSources": channels,
        "Environment": dev.script(),
    }
    promoted(world, container)

    assert invoke(world)["files"] == {
        "additional-model-data-sources/adapter/a.txt": "adapter",
        "additional-model-data-sources/draft/draft.txt": "draft",
        "model/base.txt": "base",
    }


def test_many_models_in_one_container(world: World, dev: Dev) -> None:
    for name in ("cats", "dogs"):
        archive = tar({"weights.json": json.dumps({"name": name}).encode(), "code/inference.py": INFERENCE})
        dev.put(f"models/{name}.tar.gz", archive)
    container = {
        "Image": IMAGE,
        "Mode": "MultiModel",
        "ModelDataUrl": dev.uri("models/"),
        "MultiModelConfig": {"ModelCacheSetting": "Enabled"},
    }
    described = promoted(world, container)["PrimaryContainer"]

    assert (described["Mode"], described["MultiModelConfig"]) == ("MultiModel", {"ModelCacheSetting": "Enabled"})
    asked = [invoke(world, TargetModel=f"{name}.tar.gz")["model"] for name in ("dogs", "cats")]
    assert asked == ["dogs", "cats"]


# Variables


def test_a_variable_that_names_a_prefix(world: World, dev: Dev) -> None:
    for name in ("config.json", "sharded/0 of 2.bin"):
        dev.put(f"llm/{name}", b"x")
    promoted(world, {"Image": IMAGE, "Environment": {**dev.script(), "HF_MODEL_ID": dev.uri("llm/")}})

    assert invoke(world)["below"] == ["config.json", "sharded/0 of 2.bin"]


def test_a_variable_with_s3_uris_is_rewritten(world: World, dev: Dev) -> None:
    object_uri, prefix_uri = dev.put("one.bin", b"1"), dev.put("two/a.bin", b"2").removesuffix("a.bin")
    text = json.dumps({"adapters": [object_uri, prefix_uri], "rank": 8})
    model = promoted(world, {"Image": IMAGE, "Environment": {**dev.script(), "OPTIONS": text}})

    options = json.loads(model["PrimaryContainer"]["Environment"]["OPTIONS"])
    s3 = world.client("s3", "qa")
    bucket, _, key = options["adapters"][0].removeprefix("s3://").partition("/")
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"1"
    bucket, _, prefix = options["adapters"][1].removeprefix("s3://").partition("/")
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]] == [
        f"{prefix}a.bin"
    ]
    assert options["rank"] == 8


def test_variables_of_a_stage_replace_those_of_the_source(world: World, dev: Dev, deployed_settings: Settings) -> None:
    topic = f"arn:aws:sns:us-east-1:{world.sandbox.accounts['dev']}:answers"
    variables = {
        **dev.script(INFERENCE),
        "TOPIC": topic,
        "HF_TOKEN": "hf_abcdefghijklmnopqrstuvwxyz012345",
        "MOOD": "sunny",
    }
    container = {**dev.answering("own"), "Environment": variables}

    def change(document: dict[str, Any]) -> None:
        stage = document["applications"][APPLICATION]["stages"]["qa"]
        stage["arns"] = {topic: topic.replace(world.sandbox.accounts["dev"], world.sandbox.accounts["qa"])}
        stage["variables"] |= {"set": {"MOOD": "calm", "LOG": "1"}, "drop": ["HF_TOKEN"]}

    with world.configured(change, deployed_settings):
        served = promoted(world, container)["PrimaryContainer"]["Environment"]

    assert {name: served.get(name) for name in ("TOPIC", "HF_TOKEN", "MOOD", "LOG")} == {
        "TOPIC": f"arn:aws:sns:us-east-1:{world.sandbox.accounts['qa']}:answers",
        "HF_TOKEN": None,
        "MOOD": "calm",
        "LOG": "1",
    }
    assert invoke(world)["mood"] == "calm"


# Network


def test_a_model_in_a_vpc_comes_into_the_stages_vpc(world: World, dev: Dev, deployed_settings: Settings) -> None:
    ours = {"SecurityGroupIds": ["sg-0aaaaaaaaaaaaaaaa"], "Subnets": ["subnet-0aaaaaaaaaaaaaaaa"]}
    theirs = {"SecurityGroupIds": ["sg-0bbbbbbbbbbbbbbbb"], "Subnets": ["subnet-0bbbbbbbbbbbbbbbb"]}
    permissions = json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}]}
    )
    roles = {"dev": "SageMakerTraining", "qa": "promote-qa-execution"}

    def change(document: dict[str, Any]) -> None:
        vpc = {"security_group_ids": ours["SecurityGroupIds"], "subnets": ours["Subnets"]}
        document["applications"][APPLICATION]["stages"]["qa"]["vpc"] = vpc

    for environment, role in roles.items():
        world.client("iam", environment).put_role_policy(RoleName=role, PolicyName="vpc", PolicyDocument=permissions)
    try:
        with world.configured(change, deployed_settings):
            model = promoted(world, dev.answering("inside"), VpcConfig=theirs)
    finally:
        for environment, role in roles.items():
            world.client("iam", environment).delete_role_policy(RoleName=role, PolicyName="vpc")

    assert model["VpcConfig"] == ours
    assert invoke(world)["model"] == "inside"


def test_a_model_without_a_network_stays_without(world: World, dev: Dev) -> None:
    assert promoted(world, dev.answering("alone"), EnableNetworkIsolation=True)["EnableNetworkIsolation"] is True
    assert invoke(world)["model"] == "alone"


# From stage to stage


def test_a_pipeline_with_a_prefix_goes_on_to_production_in_another_region(world: World, dev: Dev) -> None:
    for number in range(20):
        dev.put(f"tree/{number}.txt", str(number).encode())
    dev.put("tree/code/inference.py", EXPLORER)
    source = {"S3Uri": dev.uri("tree/"), "S3DataType": "S3Prefix", "CompressionType": "None"}
    first = {"Image": IMAGE, "ModelDataSource": {"S3DataSource": source}, "ContainerHostname": "first"}
    in_qa = promoted(world, first, dev.answering("second", ContainerHostname="second"))
    ended = world.wait(world.start(application=APPLICATION, stage="production", model_name=in_qa["ModelName"]))

    assert ended.status == "SUCCEEDED", f"{ended.error}: {ended.cause}"
    assert (ended.output["artifacts_copied"], ended.output["artifacts_verified_by_checksum"]) == (22, 22)
    assert world.invoke("production")["model"] == "second"


def test_a_model_of_a_private_hub_comes_from_the_stages_hub(
    world: World, dev: Dev, deployed_settings: Settings
) -> None:
    theirs = f"arn:aws:sagemaker:us-east-1:{world.sandbox.accounts['dev']}:hub-content/team/ModelReference/small/1.0.0"
    ours = theirs.replace(world.sandbox.accounts["dev"], world.sandbox.accounts["qa"])
    source = {
        "S3Uri": dev.put("one.txt", b"1"),
        "S3DataType": "S3Object",
        "CompressionType": "None",
        "HubAccessConfig": {"HubContentArn": theirs},
    }
    container = {"Image": IMAGE, "ModelDataSource": {"S3DataSource": source}, "Environment": dev.script()}

    def change(document: dict[str, Any]) -> None:
        document["applications"][APPLICATION]["stages"]["qa"]["arns"] = {theirs: ours}

    with world.configured(change, deployed_settings):
        data_source = promoted(world, container)["PrimaryContainer"]["ModelDataSource"]["S3DataSource"]
    assert data_source["HubAccessConfig"] == {"HubContentArn": ours}
    assert invoke(world)["files"] == {"model/one.txt": "1"}
