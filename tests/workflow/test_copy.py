"""The copy: whole, proved by the target, and never over something that is there."""

from __future__ import annotations

from lambdas.promotion.names import Step
from tests.workflow.given import APPLICATION, World, input_of, run, tar


def test_content_type_and_metadata_are_kept(world: World) -> None:
    made = world.model()
    bucket, _, key = made.model_uri.removeprefix("s3://").partition("/")
    s3 = world.client("s3", "dev")
    body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/x-tar", Metadata={"job": "7"})
    ended = world.promoted(made)

    artifact = input_of(world, ended.arn, "Verify the artifacts").artifacts[0]
    head = world.client("s3", "qa").head_object(Bucket=artifact.bucket, Key=artifact.key)
    assert (head["ContentType"], head["Metadata"]) == ("application/x-tar", {"job": "7"})


def test_copies_are_encrypted_with_the_targets_own_key(world: World) -> None:
    ended = world.promoted(world.model())
    artifact = input_of(world, ended.arn, "Verify the artifacts").artifacts[0]
    head = world.client("s3", "qa").head_object(Bucket=artifact.bucket, Key=artifact.key)

    assert head["ServerSideEncryption"] == "aws:kms"
    assert ":333333333333:key/" in head["SSEKMSKeyId"]


def test_an_object_that_is_there_already_is_not_copied_again(world: World) -> None:
    ended = world.promoted(world.model())
    promotion = input_of(world, ended.arn, "Copy the artifacts")
    artifact = promotion.artifacts[0]
    qa = world.client("s3", "qa")
    before = qa.head_object(Bucket=artifact.bucket, Key=artifact.key)["VersionId"]

    assert run(world, Step.COPY_ARTIFACT, promotion, index=0) == {}
    assert qa.head_object(Bucket=artifact.bucket, Key=artifact.key)["VersionId"] == before


def test_a_source_that_changed_since_it_was_resolved_stops_the_copy(world: World) -> None:
    made = world.model()
    promotion = input_of(world, world.promoted(made).arn, "Copy the artifacts")
    bucket, _, key = made.model_uri.removeprefix("s3://").partition("/")
    world.client("s3", "dev").put_object(Bucket=bucket, Key=key, Body=tar({"weights.json": b"{}"}))
    failure = run(world, Step.COPY_ARTIFACT, promotion, index=0)

    assert failure["errorType"] == "ArtifactChanged"
    assert made.model_uri in failure["errorMessage"]


def test_a_copy_that_is_not_what_was_resolved_is_found_by_the_target(world: World) -> None:
    promotion = input_of(world, world.promoted(world.model()).arn, "Verify the artifacts")
    artifact = promotion.artifacts[1]
    world.client("s3", "qa").put_object(Bucket=artifact.bucket, Key=artifact.key, Body=b"something else")
    failure = run(world, Step.VERIFY_ARTIFACTS, promotion)

    assert failure["errorType"] == "ArtifactMismatch"
    assert artifact.uri in failure["errorMessage"]
    assert "size 14 instead of" in failure["errorMessage"]


def test_a_swapped_copy_of_the_same_size_is_found_by_its_checksum(world: World) -> None:
    promotion = input_of(world, world.promoted(world.model()).arn, "Verify the artifacts")
    artifact = promotion.artifacts[0]
    world.client("s3", "qa").put_object(
        Bucket=artifact.bucket, Key=artifact.key, Body=b"x" * artifact.source.size, ChecksumAlgorithm="CRC32"
    )
    failure = run(world, Step.VERIFY_ARTIFACTS, promotion)

    assert failure["errorType"] == "ArtifactMismatch"
    assert "checksum" in failure["errorMessage"]


def test_a_copy_that_is_missing_is_found_by_the_target(world: World) -> None:
    promotion = input_of(world, world.promoted(world.model()).arn, "Verify the artifacts")
    artifact = promotion.artifacts[0]
    world.client("s3", "qa").delete_object(Bucket=artifact.bucket, Key=artifact.key)

    assert run(world, Step.VERIFY_ARTIFACTS, promotion)["errorType"] == "ArtifactMismatch"


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
    world.promoted(world.model(container=container))

    assert world.ask("qa")["model"] == "odd"


def test_a_copy_of_what_production_takes_from_qa_pins_the_version(world: World) -> None:
    in_qa = world.promoted(world.model())
    ended = world.wait(world.start(application=APPLICATION, stage="production", model_name=in_qa.model))
    artifacts = input_of(world, ended.arn, "Verify the artifacts").artifacts

    assert all(artifact.source.version_id for artifact in artifacts)
