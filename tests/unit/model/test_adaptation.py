"""A model fitted to a stage: its VPC, isolation, ARNs, images, and the buckets that belong to AWS."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lambdas.promotion.contract.errors import UnsupportedModel
from lambdas.promotion.contract.settings import Environment, Variables, Vpc
from lambdas.promotion.images import references
from lambdas.promotion.model import definition, jumpstart
from lambdas.promotion.model.definition import Definition
from tests.unit.builders import CONTAINER, DEV, IMAGE, QA, STAGE, WEIGHTS_URI, described, model_definition, pipeline

IN_TARGET = replace(QA, region="eu-west-1")
OURS = Vpc(security_group_ids=("sg-1",), subnets=("subnet-1", "subnet-2"))
OURS_IN_API_WORDS = {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1", "subnet-2"]}
THEIRS = {"SecurityGroupIds": ["sg-9"], "Subnets": ["subnet-9"]}
LOGIN = "arn:aws:lambda:us-east-1:222222222222:function:login"
OUR_LOGIN = "arn:aws:lambda:us-east-1:333333333333:function:login"
HUB = "arn:aws:sagemaker:us-east-1:222222222222:hub-content/hub/ModelReference/m/1.0.0"
OUR_HUB = HUB.replace("2" * 12, "3" * 12)
PUBLIC_HUB = "arn:aws:sagemaker:us-east-1:aws:hub-content/SageMakerPublicHub/Model/m/1.0.0"
CACHE = "s3://jumpstart-private-cache-prod-us-east-1/meta/llama/v1.0.0/"
PLAIN = {"Image": "team/model"}


def adapt(model: Definition, *, target: Environment = QA, **stage: Any) -> Definition:
    return definition.for_stage(
        model, stage=replace(STAGE, **stage), source=DEV, target=target, digests={}, subject="reviews-v7"
    )


def in_vpc(vpc: Any = THEIRS) -> Definition:
    return definition.of_model({**described(), "VpcConfig": vpc}, {}, subject="it")


def tree(uri: str, **fields: Any) -> dict[str, Any]:
    return {"S3DataSource": {"S3Uri": uri, "S3DataType": "S3Prefix", "CompressionType": "None", **fields}}


def request_of(model: Definition) -> dict[str, Any]:
    uris = {reference.uri: reference.uri for reference in model.s3_references}
    return definition.create_model_request(model, uris, name="n", execution_role_arn="r")


def test_a_stage_without_configuration_changes_nothing() -> None:
    assert adapt(model_definition()) == model_definition()


# VPC and isolation


def test_a_model_in_a_vpc_needs_the_targets() -> None:
    with pytest.raises(UnsupportedModel, match=r"VpcConfig .* vpc"):
        adapt(in_vpc())


@pytest.mark.parametrize("model", [model_definition(), in_vpc()], ids=["without", "with"])
def test_a_configured_vpc_is_used_whatever_the_source_has(model: Definition) -> None:
    assert request_of(adapt(model, vpc=OURS))["VpcConfig"] == OURS_IN_API_WORDS


@pytest.mark.parametrize("model", [model_definition(), in_vpc()], ids=["without", "with"])
def test_no_vpc_may_be_configured(model: Definition) -> None:
    assert "VpcConfig" not in request_of(adapt(model, vpc=Vpc()))


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize(("configured", "expected"), [(None, None), (True, True), (False, False)])
def test_network_isolation_is_the_stages_or_else_the_models_own(
    own: bool, configured: bool | None, expected: bool | None
) -> None:
    model = definition.of_model({**described(), "EnableNetworkIsolation": own}, {}, subject="it")
    request = request_of(adapt(model, network_isolation=configured))
    assert request["EnableNetworkIsolation"] is (own if expected is None else expected)


# ARNs in members


def private(arn: str = LOGIN) -> dict[str, Any]:
    config = {"RepositoryAccessMode": "Vpc", "RepositoryAuthConfig": {"RepositoryCredentialsProviderArn": arn}}
    return {"Image": "registry.example.com/a:1", "ImageConfig": config}


def test_a_credentials_provider_is_exchanged() -> None:
    assert adapt(pipeline(private()), arns={LOGIN: OUR_LOGIN}).containers == (private(OUR_LOGIN),)


def test_a_credentials_provider_that_is_not_configured_is_refused() -> None:
    with pytest.raises(UnsupportedModel, match=r"Containers\[0\].*RepositoryCredentialsProviderArn .*arns"):
        adapt(pipeline(private()), arns={OUR_LOGIN: LOGIN})


def test_the_content_of_a_private_hub_is_exchanged_in_every_data_source() -> None:
    def container(arn: str) -> dict[str, Any]:
        source = tree("s3://models/a/", HubAccessConfig={"HubContentArn": arn})
        extra = tree("s3://models/b/", HubAccessConfig={"HubContentArn": arn})
        return {**PLAIN, "ModelDataSource": source, "AdditionalModelDataSources": [{"ChannelName": "b", **extra}]}

    assert adapt(pipeline(container(HUB)), arns={HUB: OUR_HUB}).containers == (container(OUR_HUB),)
    with pytest.raises(UnsupportedModel) as refused:
        adapt(pipeline(container(HUB)))
    for source in ("ModelDataSource", "AdditionalModelDataSources[0]"):
        assert f"Containers[0].{source}.S3DataSource.HubAccessConfig.HubContentArn" in str(refused.value)


@pytest.mark.parametrize(("target", "fits"), [(QA, True), (IN_TARGET, False)], ids=["here", "there"])
def test_awss_public_hub_needs_no_configuration_within_its_region(target: Environment, fits: bool) -> None:
    source = tree("s3://models/a/", HubAccessConfig={"HubContentArn": PUBLIC_HUB})
    model = pipeline({**PLAIN, "ModelDataSource": source})
    if fits:
        assert adapt(model, target=target).containers == model.containers
        return
    with pytest.raises(UnsupportedModel, match="HubContentArn"):
        adapt(model, target=target)


# Buckets that belong to AWS


@pytest.mark.parametrize("bucket", ["jumpstart-cache-prod", "jumpstart-private-cache-prod", "sagemaker-sd-models-prod"])
def test_an_s3_uri_in_a_bucket_of_aws_is_kept_not_copied(bucket: str) -> None:
    uri = f"s3://{bucket}-us-east-1/a/"
    model = adapt(pipeline({**PLAIN, "ModelDataSource": tree(uri), "Environment": {"A": f"x={uri}"}}))
    assert model.s3_references == ()
    assert request_of(model)["Containers"] == [*model.containers]
    assert str(model.containers).count(uri) == 2


@pytest.mark.parametrize("region", ["eu-west-1", "ap-south-1", "ap-south-2", "ap-southeast-7", "mx-central-1"])
def test_in_another_region_awss_own_bucket_is_that_regions(region: str) -> None:
    container = {**PLAIN, "ModelDataSource": tree(CACHE), "Environment": {"A": f'["{CACHE}x"]'}}
    moved = adapt(pipeline(container), target=replace(QA, region=region))
    assert str(moved.containers) == str((container,)).replace("-us-east-1/", f"-{region}/")
    assert moved.s3_references == ()


def test_a_key_that_has_the_name_of_its_bucket_keeps_it() -> None:
    uri = f"{CACHE}jumpstart-private-cache-prod-us-east-1/a/"
    assert jumpstart.in_region(uri, "eu-west-1") == uri.replace("-us-east-1/", "-eu-west-1/", 1)


@pytest.mark.parametrize("region", ["eu-south-1", "us-gov-west-1", "mars-north-1"])
def test_a_region_without_such_a_bucket_is_refused_with_every_s3_uri(region: str) -> None:
    uri = "s3://sagemaker-sd-models-prod-us-east-1/a/"
    container = {**PLAIN, "ModelDataSource": tree(uri), "Environment": {"A": uri}}
    with pytest.raises(UnsupportedModel) as refused:
        adapt(pipeline(container), target=replace(QA, region=region))
    assert "Containers[0].ModelDataSource.S3DataSource.S3Uri (no JumpStart bucket" in str(refused.value)
    assert "Containers[0].Environment.A (no JumpStart bucket" in str(refused.value)


@pytest.mark.parametrize(
    "bucket",
    ["jumpstart-cache-prod-us-east-1-222222222222", "my-jumpstart-cache-prod-us-east-1", "jumpstart-cache-prod"],
)
def test_a_bucket_that_has_only_a_similar_name_is_copied(bucket: str) -> None:
    model = model_definition(ModelDataUrl=f"s3://{bucket}/a", Environment={})
    assert [reference.uri for reference in model.s3_references] == [f"s3://{bucket}/a"]


# Images


def test_an_image_of_a_registry_in_the_vpc_is_kept_unchanged() -> None:
    in_target = adapt(pipeline(private()), target=IN_TARGET, arns={LOGIN: OUR_LOGIN})
    assert in_target.containers[0]["Image"] == "registry.example.com/a:1"


@pytest.mark.parametrize("digest", [f"sha512:{'a' * 128}", "sha256:0", "", "latest"])
def test_an_image_that_is_pinned_in_an_unknown_way_is_refused_by_its_field(digest: str) -> None:
    model = pipeline(PLAIN, {"Image": f"{IMAGE.partition(':')[0]}@{digest}"})
    with pytest.raises(
        UnsupportedModel, match=rf"Containers\[1\].Image \(the image .*@{digest}' is pinned to something"
    ):
        adapt(model)


def test_a_registry_in_the_vpc_may_pin_in_any_way() -> None:
    image = f"registry.example.com/a@sha512:{'a' * 128}"
    in_target = adapt(pipeline({**private(), "Image": image}), arns={LOGIN: OUR_LOGIN})
    assert in_target.containers[0]["Image"] == image
    assert references.named_in(request_of(in_target)) == ()


FEATURES = "registry.example.com/a"
MIRROR = "333333333333.dkr.ecr.us-east-1.amazonaws.com/features"


def test_an_image_of_a_registry_in_the_vpc_that_is_mapped_to_ecr_comes_from_ecr() -> None:
    """It needs no VPC then, and no credentials."""
    in_target = adapt(pipeline(private()), images={FEATURES: MIRROR})
    assert in_target.containers == ({"Image": f"{MIRROR}:1"},)
    assert references.named_in(request_of(in_target)) == (f"{MIRROR}:1",)


def test_an_image_of_a_registry_in_the_vpc_that_is_mapped_to_another_is_still_reached_through_the_vpc() -> None:
    in_target = adapt(pipeline(private()), images={FEATURES: "registry.qa.example.com/a"}, arns={LOGIN: OUR_LOGIN})
    assert in_target.containers == ({**private(OUR_LOGIN), "Image": "registry.qa.example.com/a:1"},)


def test_a_mapped_image_keeps_its_digest_and_another_is_not_touched() -> None:
    digest = f"sha256:{'a' * 64}"
    model = pipeline({**private(), "Image": f"{FEATURES}@{digest}"}, {**private(), "Image": "registry.example.com/b:1"})
    first, second = adapt(model, images={FEATURES: MIRROR}, arns={LOGIN: OUR_LOGIN}).containers
    assert (first["Image"], second["Image"]) == (f"{MIRROR}@{digest}", "registry.example.com/b:1")


def test_an_image_of_ecr_cannot_be_mapped_to_a_registry_that_only_a_vpc_reaches() -> None:
    with pytest.raises(
        UnsupportedModel, match=r"Containers\[0\].Image .*registry.example.com/a:1 is not in Amazon ECR"
    ):
        adapt(pipeline({"Image": f"{MIRROR}:1"}), images={MIRROR: FEATURES})


# All at once


def test_every_problem_of_every_kind_is_reported_at_once() -> None:
    own = {**CONTAINER, "Image": "222222222222.dkr.ecr.us-east-1.amazonaws.com/team/model:1"}
    model = pipeline(own, private(), {**PLAIN, "Environment": {"A": "222222222222"}}, VpcConfig=THEIRS)
    with pytest.raises(UnsupportedModel) as refused:
        adapt(model, target=IN_TARGET, variables=Variables(keep=("B",)))
    message = str(refused.value)
    locations = (
        "Containers[0].Image ",
        "Containers[1].ImageConfig.RepositoryAuthConfig.RepositoryCredentialsProviderArn",
        "Containers[2].Environment.A",
        "VpcConfig",
    )
    assert [location for location in locations if location not in message] == []
    assert message.startswith("reviews-v7 cannot be adapted to stage 'qa'")


def test_the_source_model_is_not_changed_by_the_adaptation() -> None:
    model = pipeline(private())
    adapt(model, arns={LOGIN: OUR_LOGIN}, variables=Variables(set={"A": "1"}))
    assert model == pipeline(private())


def test_the_s3_uris_stay_the_sources_until_the_request_is_made() -> None:
    model = adapt(model_definition())
    assert model.containers[0]["ModelDataUrl"] == WEIGHTS_URI
    assert model.images == (IMAGE,)
