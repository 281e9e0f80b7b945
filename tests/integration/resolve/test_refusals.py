"""What is refused, by name and with a sentence, before anything in the target is touched."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from lambdas.promotion.contract.settings import Settings
from sandbox.aws.faults.faults import Kind
from tests.integration.world import APPLICATION, ExecutionResult, World
from tests.sandbox.aws.image_push import push

QA = {"application": APPLICATION, "stage": "qa"}


@pytest.fixture
def nothing_is_touched(world: World) -> Iterator[None]:
    """After a refusal the target is as it was, and no step that changes anything was entered."""
    yield from as_it_was(world, "qa")


@pytest.fixture
def nothing_is_touched_in_production(world: World) -> Iterator[None]:
    yield from as_it_was(world, "production")


def as_it_was(world: World, environment: str) -> Iterator[None]:
    made, artifacts = world.resources_in(environment), world.artifacts_in(environment)
    yield
    assert world.resources_in(environment) == made
    assert world.artifacts_in(environment) == artifacts


def refused(world: World, request: object) -> ExecutionResult:
    ended = world.wait(world.start_with(request))
    assert ended.status == "FAILED"
    assert not {"Plan the copy", "Create the model", "Deploy the endpoint"} & set(world.states(ended.arn))
    return ended


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({**QA, "model_name": "m", "colour": "red"}, '"colour" is not a field'),
        ({**QA, "model_name": 5}, "model_name must be a string, not a number"),
        ({**QA, "model_name": None}, "model_name must be a string, not null"),
        ({**QA, "model_name": ""}, "model_name is empty"),
        ({**QA, "model_name": ["m"]}, "model_name must be a string"),
        ({**QA, "model_name": "a_b"}, '"a_b" is not a valid SageMaker name'),
        ({**QA, "model_name": "m" * 64}, "is not a valid SageMaker name"),
        ({**QA, "model_package_arn": "group/1"}, "is not the ARN of a model package version"),
        ({**QA, "model_name": "m", "model_package_arn": "p"}, "not both"),
        ({"model_name": "m"}, "- application is missing\n- stage is missing"),
        ([], "must be a JSON object"),
        ("qa", "must be a JSON object"),
        ({}, "application is missing"),
    ],
)
@pytest.mark.usefixtures("nothing_is_touched")
def test_input_that_is_not_understood_is_refused(world: World, request_: object, message: str) -> None:
    ended = refused(world, request_)
    assert ended.error == "InvalidInput"
    assert message in ended.cause


@pytest.mark.parametrize(
    "request_",
    [
        {**QA, "model_package_arn": f"arn:aws:sagemaker:us-east-1:222222222222:model-package/x/{'7' * 200_000}"},
        # The most that an execution takes (AWS: Step Functions quotas).
        {**QA, "x": "y" * (256 * 1024 - 100)},
    ],
    ids=["long ARN", "longest input"],
)
@pytest.mark.usefixtures("nothing_is_touched")
def test_an_input_of_any_length_is_refused_with_a_record(world: World, request_: dict[str, Any]) -> None:
    ended = refused(world, request_)
    assert ended.error == "InvalidInput"
    assert "characters, more than 4000. It must be" in ended.cause
    assert world.record_of(ended.arn)["error"] == "InvalidInput"


@pytest.mark.usefixtures("nothing_is_touched")
def test_every_mistake_in_the_input_is_reported_at_once(world: World) -> None:
    ended = refused(world, {"application": 1, "colour": "red", "model_name": "m", "model_package_arn": "p"})
    for message in ("application must be a string", '"colour" is not a field', "stage is missing", "not both"):
        assert message in ended.cause


@pytest.mark.usefixtures("nothing_is_touched")
def test_an_unknown_application_is_refused_with_those_that_exist(world: World) -> None:
    ended = refused(world, {"application": "nothing", "stage": "qa", "model_name": "m"})
    assert ended.error == "UnknownApplication"
    assert "It has: crowd-1, crowd-2, crowd-3, crowd-4, crowd-5, text-classifier" in ended.cause


@pytest.mark.usefixtures("nothing_is_touched")
def test_an_unknown_stage_is_refused_with_those_that_exist(world: World) -> None:
    ended = refused(world, {"application": APPLICATION, "stage": "staging", "model_name": "m"})
    assert (ended.error, "It has: qa, production" in ended.cause) == ("UnknownStage", True)


@pytest.mark.usefixtures("nothing_is_touched")
def test_a_model_that_does_not_exist_is_refused(world: World) -> None:
    near, other = world.model(name="mising"), world.model()
    ended = refused(world, {**QA, "model_name": "missing"})
    assert ended.error == "ModelNotFound"
    assert "'missing' does not exist in dev (account 222222222222, us-east-1)" in ended.cause
    assert f"These exist, similar and new ones first: {near.name}, " in ended.cause
    assert other.name in ended.cause


@pytest.mark.usefixtures("nothing_is_touched")
def test_a_version_that_does_not_exist_is_refused(world: World) -> None:
    existing = world.version()
    ended = refused(world, {**QA, "model_package_arn": existing.rpartition("/")[0] + "/99"})
    assert ended.error == "ModelPackageNotFound"


@pytest.mark.parametrize("approval", ["PendingManualApproval", "Rejected"])
@pytest.mark.usefixtures("nothing_is_touched")
def test_a_version_that_is_not_approved_is_refused(world: World, approval: str) -> None:
    ended = refused(world, {**QA, "model_package_arn": world.version(approval=approval)})
    assert ended.error == "ModelPackageNotApproved"
    assert f"The model registry reports {approval}" in ended.cause


@pytest.mark.usefixtures("nothing_is_touched")
def test_another_applications_group_is_refused(world: World) -> None:
    ended = refused(world, {**QA, "model_package_arn": world.version(group="another-teams", approval="Approved")})
    assert ended.error == "WrongModelPackageGroup"
    assert "'another-teams'" in ended.cause


@pytest.mark.usefixtures("nothing_is_touched")
def test_a_group_of_the_same_name_in_another_account_is_refused(world: World) -> None:
    arn = "arn:aws:sagemaker:us-east-1:999999999999:model-package/text-classifier/1"
    assert refused(world, {**QA, "model_package_arn": arn}).error == "WrongSource"


def test_a_version_goes_to_a_later_stage_by_way_of_the_earlier_one(world: World) -> None:
    arn = world.version(approval="Approved")
    ended = refused(world, {"application": APPLICATION, "stage": "production", "model_package_arn": arn})
    assert ended.error == "WrongSource"
    assert "takes its models from 'qa'" in ended.cause


@pytest.mark.usefixtures("nothing_is_touched")
def test_a_model_made_from_another_groups_version_is_refused_without_reading_it(world: World) -> None:
    foreign = world.version(group="another-teams", approval="Approved")
    made = world.model(container={"ModelPackageName": foreign})
    ended = refused(world, {**QA, "model_name": made.name})
    assert (ended.error, "'another-teams'" in ended.cause) == ("WrongModelPackageGroup", True)


def test_a_model_that_was_promoted_for_another_application_is_refused(world: World) -> None:
    made = world.model(Tags=[{"Key": "promote:application", "Value": "another"}])
    assert refused(world, {**QA, "model_name": made.name}).error == "WrongModelPackageGroup"


DEV = "222222222222"
SECRET = "hf_abcdefghijklmnopqrstuvwxyz"
NOT_CARRIED_UNASKED: list[tuple[str, str, str]] = [
    ("HF_TOKEN", SECRET, "it looks like a Hugging Face token"),
    ("DB_PASSWORD", "hunter2", "it looks like a secret, by its name"),
    ("QUEUE", f"arn:aws:sqs:us-east-1:{DEV}:jobs", f"it contains arn:aws:sqs:us-east-1:{DEV}:jobs: arns, or"),
    ("REGISTRY", f"{DEV}/models", f"it contains the source's account ID {DEV}"),
    ("HF_MODEL_ID", "s3a://some-bucket/model/", "it refers to S3 ('s3a://') other than by a complete s3:// URI"),
    ("BUCKET", "s3://some-bucket", "it refers to S3 ('s3://') other than by a complete s3:// URI"),
]


@pytest.mark.parametrize(("name", "value", "message"), NOT_CARRIED_UNASKED)
@pytest.mark.usefixtures("nothing_is_touched")
def test_a_variable_that_may_be_true_in_the_source_only_is_refused_by_name(
    world: World, name: str, value: str, message: str
) -> None:
    container = world.container()
    container["Environment"][name] = value
    ended = refused(world, {**QA, "model_name": world.model(container=container).name})
    assert ended.error == "UnsupportedModel"
    assert f"PrimaryContainer.Environment.{name} ({message}" in ended.cause
    assert "promotion.yaml" in ended.cause


@pytest.mark.usefixtures("nothing_is_touched")
def test_problems_of_several_containers_and_the_vpc_are_reported_at_once_and_no_secret_is(world: World) -> None:
    first, second = world.container(), world.container()
    first["Environment"]["HF_TOKEN"] = SECRET
    second["Environment"]["QUEUE"] = f"arn:aws:sqs:us-east-1:{DEV}:jobs"
    made = world.model(
        Containers=[first, second],
        VpcConfig={"SecurityGroupIds": ["sg-12345678"], "Subnets": ["subnet-12345678"]},
    )
    ended = refused(world, {**QA, "model_name": made.name})
    assert ended.error == "UnsupportedModel"
    for message in (
        "Containers[0].Environment.HF_TOKEN",
        "Containers[1].Environment.QUEUE",
        "VpcConfig",
        "`vpc: none`",
    ):
        assert message in ended.cause
    events = world.client("stepfunctions").get_execution_history(executionArn=ended.arn)["events"]
    assert SECRET not in json.dumps(events, default=str)


@pytest.mark.usefixtures("nothing_is_touched")
def test_a_field_that_create_model_does_not_accept_is_refused_by_name(world: World) -> None:
    """Of the registry's members that CreateModel does not have, only those that say nothing of serving are left out."""
    source = {"S3DataType": "S3Prefix", "S3Uri": world.upload_tree({"one": b"1"})}
    arn = world.version(approval="Approved", AdditionalS3DataSource=source, Framework="SKLEARN")
    ended = refused(world, {**QA, "model_package_arn": arn})
    assert ended.error == "UnsupportedModel"
    assert "AdditionalS3DataSource (CreateModel has no such field" in ended.cause
    assert "Framework" not in ended.cause


UNKNOWN_TO_THE_SDK = [
    ("DescribeModel", "BrandNew", "BrandNew"),
    ("DescribeModel", "PrimaryContainer.BrandNew", "PrimaryContainer.BrandNew"),
    (
        "DescribeModelPackage",
        "InferenceSpecification.Containers.0.BrandNew",
        "InferenceSpecification.Containers[0].BrandNew",
    ),
]


@pytest.mark.parametrize(("operation", "field", "path"), UNKNOWN_TO_THE_SDK)
@pytest.mark.usefixtures("nothing_is_touched")
def test_a_field_that_the_sdk_drops_is_refused_by_its_path(world: World, operation: str, field: str, path: str) -> None:
    """SageMaker is newer than the SDK of the deployed functions."""
    if operation == "DescribeModel":
        source = {"model_name": world.model().name}
    else:
        source = {"model_package_arn": world.version(approval="Approved")}
    world.sagemaker_faults.inject(operation, Kind.UNKNOWN_FIELD, field=field, account=DEV, times=None)
    ended = refused(world, {**QA, **source})
    assert ended.error == "UnsupportedModel"
    assert f" {path} (botocore " in ended.cause
    assert "deploy a version of Promote that does" in ended.cause


@pytest.mark.parametrize(
    ("operation", "field"),
    [("DescribeModel", "PrimaryContainer.BrandNew"), ("DescribeEndpointConfig", "ProductionVariants.0.BrandNew")],
)
def test_what_exists_in_the_target_with_a_field_that_the_sdk_drops_is_not_taken_for_ours(
    world: World, operation: str, field: str
) -> None:
    made = world.model()
    world.promote_successfully(made)
    world.sagemaker_faults.inject(
        operation, Kind.UNKNOWN_FIELD, field=field, account=world.sandbox.accounts["qa"], times=None
    )
    ended = world.promote(made)
    assert ended.error == "UnsupportedModel"
    assert "cannot compare all its fields" in ended.cause
    assert "BrandNew (botocore " in ended.cause


NOT_FILES = [
    ("folder/", "a folder made in the S3 console"),
    ("a//b", "an empty name"),
    ("a/../b", "the name '..'"),
    ("weights", "a file and a folder at once"),
    (f"{'x' * 256}", "a name of more than 255 bytes"),
]


@pytest.mark.parametrize(("key", "message"), NOT_FILES)
@pytest.mark.usefixtures("nothing_is_touched")
def test_a_prefix_with_names_that_cannot_be_files_is_refused_with_them(world: World, key: str, message: str) -> None:
    """SageMaker does not deploy it in the source either (API: S3ModelDataSource, CompressionType)."""
    uri = world.upload_tree({"weights/one.bin": b"1", key: b""})
    source = {"S3Uri": uri, "S3DataType": "S3Prefix", "CompressionType": "None"}
    container = world.container(ModelDataUrl=None, ModelDataSource={"S3DataSource": source})
    ended = refused(world, {**QA, "model_name": world.model(container=container).name})
    assert ended.error == "UnsupportedModel"
    assert f"{uri}{key} ({message})" in ended.cause


@pytest.mark.usefixtures("nothing_is_touched")
def test_a_key_that_would_be_too_long_in_the_target_is_refused(world: World) -> None:
    """It stands below the stage's folder there, so it is longer than in the source."""
    long = "/".join(["x" * 250] * 4)
    container = world.container()
    container["Environment"]["HF_MODEL_ID"] = uri = world.upload_tree({long: b"1"})
    ended = refused(world, {**QA, "model_name": world.model(container=container).name})
    assert ended.error == "UnsupportedModel"
    assert f"{uri}{long} (its key in the target would be longer than the 1024 bytes" in ended.cause


@pytest.mark.usefixtures("nothing_is_touched")
def test_an_s3_uri_without_an_object_is_refused(world: World) -> None:
    container = world.container()
    container["Environment"]["HF_MODEL_ID"] = f"s3://sagemaker-us-east-1-{DEV}/nowhere/"
    ended = refused(world, {**QA, "model_name": world.model(container=container).name})
    assert ended.error == "ArtifactNotFound"
    for message in ("/nowhere/", "PrimaryContainer.Environment.HF_MODEL_ID", "nothing below it"):
        assert message in ended.cause


@pytest.mark.usefixtures("nothing_is_touched_in_production")
def test_a_teams_own_image_of_another_region_is_refused_where_it_is_not_copied(
    world: World, deployed_settings: Settings
) -> None:
    push(world.client("ecr", "dev"), "own", [b"a layer"], tag="1")
    image = "222222222222.dkr.ecr.us-east-1.amazonaws.com/own:1"
    in_qa = world.promote_successfully(world.model(container=world.container(Image=image)))

    def change(document: dict[str, Any]) -> None:
        document["applications"][APPLICATION]["stages"]["production"]["copy_images"] = False

    with world.configured(change, deployed_settings):
        ended = refused(world, {"application": APPLICATION, "stage": "production", "model_name": in_qa.model})
    assert ended.error == "UnsupportedModel"
    assert "is stored in us-east-1" in ended.cause


@pytest.mark.usefixtures("nothing_is_touched")
def test_an_artifact_that_is_gone_is_refused(world: World) -> None:
    made = world.model()
    bucket, _, key = made.source_uri.removeprefix("s3://").partition("/")
    world.client("s3", "dev").delete_object(Bucket=bucket, Key=key)
    ended = refused(world, {**QA, "model_name": made.name})
    assert (ended.error, made.source_uri in ended.cause) == ("ArtifactNotFound", True)


def test_more_tags_than_the_limit_are_refused(world: World) -> None:
    made = world.model(Tags=[{"Key": f"key-{number}", "Value": "x"} for number in range(48)])
    ended = refused(world, {**QA, "model_name": made.name})
    assert (ended.error, "SageMaker allows 50" in ended.cause) == ("UnsupportedModel", True)


def approved_only(settings: dict[str, Any]) -> None:
    for stage in settings["applications"][APPLICATION]["stages"].values():
        stage["approved_only"] = True


def test_only_approved_versions_come_to_production(world: World, deployed_settings: Settings) -> None:
    """A model by its name comes to no stage, and a version comes to each until its approval is withdrawn."""
    with world.configured(approved_only, deployed_settings):
        by_name = refused(world, {**QA, "model_name": world.model().name})
        assert (by_name.error, world.resources_in("qa")) == ("ApprovedVersionRequired", [])
        version = world.version(approval="Approved")
        first = world.wait(world.start(**QA, model_package_arn=version))
        assert first.status == "SUCCEEDED", first.cause
        to_production = {"application": APPLICATION, "stage": "production", "model_name": first.model}
        planned = world.wait(world.start(**to_production, dry_run=True))
        assert planned.output["outcome"] == "Planned", planned.cause
        change = {"ModelPackageArn": version, "ModelApprovalStatus": "Rejected"}
        world.client("sagemaker", "dev").update_model_package(**change)
        rejected = refused(world, to_production)
    assert (rejected.error, world.resources_in("production")) == ("ModelPackageNotApproved", [])
    assert world.record_of(rejected.arn, "production")["outcome"] == "Refused"
