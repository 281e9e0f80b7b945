"""The copy: whole, proved by the target, and never over something that is there."""

from __future__ import annotations

from lambdas.promotion.aws import work_lists
from lambdas.promotion.contract.document import Promotion
from lambdas.promotion.contract.steps import Step
from tests.integration.world import APPLICATION, World, input_of, run, tar, transfers_of

FIRST_UNIT = {"offset": 0}


def copied_once(world: World) -> Promotion:
    """A promotion as it was before its copies were verified."""
    return input_of(world, world.promote_successfully(world.model()).arn, "Verify the artifacts")


def copy_first_unit(world: World, promotion: Promotion) -> dict[str, str]:
    (unit,) = world.list_of(promotion, work_lists.MANIFEST)
    return run(world, Step.COPY_UNIT, promotion, work_unit=unit)


def test_content_type_and_metadata_are_kept(world: World) -> None:
    made = world.model()
    bucket, _, key = made.model_uri.removeprefix("s3://").partition("/")
    s3 = world.client("s3", "dev")
    body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/x-tar", Metadata={"job": "7"})
    promotion = input_of(world, world.promote_successfully(made).arn, "Verify the artifacts")

    head = world.head(promotion, transfers_of(world, promotion)[0])
    assert (head["ContentType"], head["Metadata"]) == ("application/x-tar", {"job": "7"})


def test_copies_are_encrypted_with_the_targets_own_key(world: World) -> None:
    promotion = copied_once(world)
    head = world.head(promotion, transfers_of(world, promotion)[0])

    assert head["ServerSideEncryption"] == "aws:kms"
    assert ":333333333333:key/" in head["SSEKMSKeyId"]


def test_an_object_that_exists_already_is_not_copied_again(world: World) -> None:
    promotion = copied_once(world)
    (transfer, _) = transfers_of(world, promotion)
    before = world.head(promotion, transfer)["VersionId"]

    assert copy_first_unit(world, promotion) == {}
    assert world.head(promotion, transfer)["VersionId"] == before


def test_a_second_promotion_of_a_model_finds_everything_and_opens_nothing(world: World) -> None:
    made = world.model()
    world.promote_successfully(made)
    world.client("sagemaker", "qa").delete_endpoint(EndpointName="text-classifier-qa")
    promoted_before = world.promote_successfully(made)

    assert (
        promoted_before.output["outcome"],
        promoted_before.output["artifacts_copied"],
        promoted_before.output["bytes_copied"],
    ) == (
        "Promoted",
        0,
        0,
    )
    assert "Copy the artifacts" not in world.states(promoted_before.arn)
    assert world.open_uploads("qa") == []


def test_a_truncated_copy_is_found_by_its_name(world: World) -> None:
    promotion = copied_once(world)
    key = transfers_of(world, promotion)[1].artifact.key
    world.client("s3", "qa").put_object(Bucket=promotion.target.artifact_bucket, Key=key, Body=b"something else")

    for step in (Step.VERIFY_ARTIFACTS, Step.COMPARE_ENDPOINT):
        failure = run(world, step, promotion)
        assert failure["errorType"] == "ArtifactMismatch"
        assert f"{key} has size 14 instead of" in failure["errorMessage"]


def test_the_same_bytes_with_another_kind_of_checksum_are_promoted_again(world: World) -> None:
    """Same bytes, same ETag, same folder: the copy that the live endpoint reads is still the right one."""
    prefix = world.upload_tree({"weights.json": b'{"name": "twice"}', "config.json": b"{}"})
    source = {"S3Uri": prefix, "S3DataType": "S3Prefix", "CompressionType": "None"}
    container = world.container(ModelDataUrl=None, ModelDataSource={"S3DataSource": source})
    world.promote_successfully(world.model(container=container))

    s3, (bucket, _, key) = world.client("s3", "dev"), prefix.removeprefix("s3://").partition("/")
    for name, algorithm in (("weights.json", "SHA256"), ("config.json", "SHA1")):
        body = s3.get_object(Bucket=bucket, Key=f"{key}{name}")["Body"].read()
        s3.put_object(Bucket=bucket, Key=f"{key}{name}", Body=body, ChecksumAlgorithm=algorithm)
    changed = {**container, "Environment": {**container.get("Environment", {}), "AGAIN": "1"}}
    again = world.promote_successfully(world.model(container=changed))

    assert (again.output["artifacts_verified_by_size"], again.output["outcome"]) == (0, "Promoted")


def test_a_deleted_copy_is_found_by_its_name(world: World) -> None:
    promotion = copied_once(world)
    key = transfers_of(world, promotion)[0].artifact.key
    world.client("s3", "qa").delete_object(Bucket=promotion.target.artifact_bucket, Key=key)
    failure = run(world, Step.VERIFY_ARTIFACTS, promotion)

    assert failure["errorType"] == "ArtifactMismatch"
    assert key in failure["errorMessage"]


def test_an_object_that_another_principal_added_is_found_by_its_name(world: World) -> None:
    """SageMaker would load it with the model."""
    promotion = copied_once(world)
    key = transfers_of(world, promotion)[0].artifact.key.replace("model.tar.gz", "added.bin")
    world.client("s3", "qa").put_object(Bucket=promotion.target.artifact_bucket, Key=key, Body=b"more")
    failure = run(world, Step.VERIFY_ARTIFACTS, promotion)

    assert failure["errorType"] == "ArtifactMismatch"
    assert f"{key} is not part of the model" in failure["errorMessage"]


def test_an_artifact_that_was_replaced_after_the_registration_is_refused(world: World) -> None:
    """The registry knows the ETag of what was registered (API: ModelDataETag)."""
    version = world.version(approval="Approved", ModelDataETag="0" * 32)
    ended = world.wait(world.start(application=APPLICATION, stage="qa", model_package_arn=version))

    assert (ended.error, "no longer what was registered" in ended.cause) == ("ArtifactChanged", True)


def test_keys_as_people_have_them_are_copied(world: World) -> None:
    container = world.container("odd")
    container["ModelDataUrl"] = world.upload(
        "my model (final) +100% é*?.tar.gz", tar({"weights.json": b'{"name": "odd"}'})
    )
    world.promote_successfully(world.model(container=container))

    assert world.invoke("qa")["model"] == "odd"


def test_a_copy_of_what_production_takes_from_qa_pins_the_version(world: World) -> None:
    in_qa = world.promote_successfully(world.model())
    ended = world.wait(world.start(application=APPLICATION, stage="production", model_name=in_qa.model))
    transfers = transfers_of(world, input_of(world, ended.arn, "Verify the artifacts"))

    assert all(transfer.artifact.source.version_id for transfer in transfers)
