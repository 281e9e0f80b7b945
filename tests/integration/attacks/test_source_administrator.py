"""Who administers a source account may offer models, and never change what a target serves or will serve.

Such a principal has the copier with any permission of its own account: what keeps it out are the target's policies.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from lambdas.promotion.artifacts import incoming
from lambdas.promotion.aws import work_lists
from lambdas.promotion.contract.document import Artifact
from tests.integration.attacks.attackers import Attack, Attacker, administrator, require_denied, role_with_everything
from tests.integration.scenarios import audit_artifacts
from tests.integration.world import APPLICATION, ExecutionResult, World, input_of, require_failed

BUCKET = "promote-qa-333333333333-us-east-1"
HUB_BUCKET = "promote-hub-111111111111-us-east-1"
LIVE = {"Bucket": BUCKET, "Key": f"artifacts/{APPLICATION}/qa/0123456789abcdef/code/inference.py"}
INCOMING = {"Bucket": BUCKET, "Key": f"incoming/dev/{APPLICATION}/qa/0123/model.tar.gz"}
MACHINE = "arn:aws:states:us-east-1:111111111111:stateMachine:promote"


@pytest.fixture(scope="module")
def administrates_dev(module_world: World) -> Iterator[Attacker]:
    with administrator(module_world, "dev") as attacker:
        yield attacker


@pytest.fixture(scope="module")
def copier(module_world: World) -> Iterator[Attacker]:
    with role_with_everything(module_world, "dev", "promote-dev-copier") as attacker:
        yield attacker


AS_COPIER: dict[str, Attack] = {
    "rewrite the policy of the bucket": lambda a: a.client("s3", "qa").put_bucket_policy(Bucket=BUCKET, Policy="{}"),
    "suspend its versioning": lambda a: a.client("s3", "qa").put_bucket_versioning(
        Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"}
    ),
    "let its objects expire": lambda a: a.client("s3", "qa").put_bucket_lifecycle_configuration(
        Bucket=BUCKET,
        LifecycleConfiguration={
            "Rules": [{"ID": "all", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}]
        },
    ),
    "delete where models are read": lambda a: a.client("s3", "qa").delete_object(**LIVE),
    "delete a version of what it has put": lambda a: a.client("s3", "qa").delete_object(**INCOMING, VersionId="1"),
    "put a part into an upload where models are read": lambda a: a.client("s3", "qa").upload_part(
        **LIVE, UploadId="any", PartNumber=1, Body=b"x"
    ),
    "complete an upload where models are read": lambda a: a.client("s3", "qa").complete_multipart_upload(
        **LIVE, UploadId="any", MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": "x"}]}, IfNoneMatch="*"
    ),
    "put by a key that only begins as its own prefix": lambda a: a.client("s3", "qa").put_object(
        Bucket=BUCKET, Key="incoming/dev-2/model.tar.gz", Body=b"x", IfNoneMatch="*"
    ),
    "read what another source brings": lambda a: a.client("s3", "qa").get_object(
        Bucket=BUCKET, Key="incoming/other/model.tar.gz"
    ),
    "read the hub's lists": lambda a: a.client("s3", "hub").list_objects_v2(Bucket=HUB_BUCKET),
    "change a list of verified copies": lambda a: a.client("s3", "hub").put_object(
        Bucket=HUB_BUCKET, Key="verified/0.jsonl", Body=b""
    ),
}
AS_ADMINISTRATOR: dict[str, Attack] = {
    **{
        f"become the target's {name}": lambda a, name=name: a.client("sts").assume_role(  # type: ignore[misc]
            RoleArn=a.role_arn("qa", f"promote-qa-{name}"), RoleSessionName="attack"
        )
        for name in ("receiver", "deployer", "pusher", "invoker", "scaler", "auditor", "execution")
    },
    "become a step of the hub": lambda a: a.client("sts").assume_role(
        RoleArn=a.role_arn("hub", "promote-copy-unit"), RoleSessionName="attack"
    ),
    "become another source's copier": lambda a: a.client("sts").assume_role(
        RoleArn=a.role_arn("qa", "promote-qa-copier"), RoleSessionName="attack"
    ),
    "put where models are read, by another principal of the account": lambda a: a.client("s3", "qa").put_object(
        **LIVE, Body=b"x", IfNoneMatch="*"
    ),
    "put incoming objects by another principal of the account": lambda a: a.client("s3", "qa").put_object(
        **INCOMING, Body=b"x", IfNoneMatch="*"
    ),
    "start a promotion": lambda a: a.client("stepfunctions", "hub").start_execution(stateMachineArn=MACHINE),
    "run a step with a document of its own": lambda a: a.client("lambda", "hub").invoke(
        FunctionName="arn:aws:lambda:us-east-1:111111111111:function:promote-deploy", Payload=b"{}"
    ),
    "announce an outcome": lambda a: a.client("sns", "hub").publish(
        TopicArn="arn:aws:sns:us-east-1:111111111111:promote-outcomes", Message="Promoted"
    ),
}


@pytest.mark.parametrize("attack", AS_COPIER)
def test_the_copier_of_a_hostile_account_cannot(copier: Attacker, attack: str) -> None:
    require_denied(AS_COPIER[attack], copier)


@pytest.mark.parametrize("attack", AS_ADMINISTRATOR)
def test_a_sources_administrator_cannot(administrates_dev: Attacker, attack: str) -> None:
    require_denied(AS_ADMINISTRATOR[attack], administrates_dev)


def test_an_event_of_its_own_making_starts_nothing(world: World) -> None:
    """SageMaker's name is AWS's own, and no rule takes another's event."""
    entry = {
        "DetailType": "SageMaker Model Package State Change",
        "Detail": json.dumps({"ModelPackageGroupName": APPLICATION, "ModelApprovalStatus": "Approved"}),
    }
    before = world.executions()
    with administrator(world, "dev") as attacker:
        events = attacker.client("events")
        answers = {
            source: events.put_events(Entries=[{**entry, "Source": source}])["Entries"][0].get("ErrorCode")
            for source in ("aws.sagemaker", "com.example")
        }
    world.wait_until_idle(seconds=0.5)

    assert answers == {"aws.sagemaker": "NotAuthorizedForSourceException", "com.example": None}
    assert world.executions() == before


# While a promotion runs, and after it


def planned(world: World, name: str) -> tuple[ExecutionResult, list[Artifact]]:
    """A dry run, and the model's artifacts: their keys follow from their content, so anyone can compute them."""
    ended = world.wait(world.start(application=APPLICATION, stage="qa", model_name=name, dry_run=True))
    promotion = input_of(world, ended.arn, "Run the preflight checks")
    return ended, work_lists.read(work_lists.INVENTORY, Artifact, promotion, s3=world.client("s3"))


def test_other_content_at_the_very_key_that_will_be_received_is_never_received(world: World, copier: Attacker) -> None:
    made, stored = world.resources_in("qa"), world.artifacts_in("qa")
    model = world.model()
    dry_run, artifacts = planned(world, model.name)
    promotion = input_of(world, dry_run.arn, "Run the preflight checks")
    for artifact in artifacts:
        copier.client("s3", "qa").put_object(
            Bucket=BUCKET,
            Key=incoming.brought(artifact, promotion).key,
            Body=b"x" * artifact.source.size,
            IfNoneMatch="*",
        )
    ended = world.promote(model)

    require_failed(ended, "ArtifactMismatch", f"s3://{BUCKET}/incoming/dev/")
    assert (world.resources_in("qa"), world.artifacts_in("qa")) == (made, stored)


def test_what_the_source_changes_after_a_promotion_changes_nothing_that_serves(world: World, copier: Attacker) -> None:
    model = world.model()
    world.promote_successfully(model)
    before = audit_artifacts(world)
    for uri in (model.model_uri, model.source_uri):
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        world.client("s3", "dev").put_object(Bucket=bucket, Key=key, Body=b"another model")
    copier.client("s3", "qa").put_object(
        Bucket=BUCKET, Key=f"incoming/dev/{APPLICATION}/qa/late/code/inference.py", Body=b"x", IfNoneMatch="*"
    )

    assert audit_artifacts(world) == before
    assert world.invoke("qa")["model"] == model.name


def test_a_model_cannot_claim_to_be_newer_than_all_others(world: World) -> None:
    """Promote's own tags say so in a target, where only the deployer gives them; a source's are not believed."""
    sagemaker, forged, ordinary = world.client("sagemaker", "dev"), world.model(), world.model()
    arn = sagemaker.describe_model(ModelName=forged.name)["ModelArn"]
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "promote:made-at", "Value": "2999-01-01T00:00:00+00:00"}])
    world.promote_successfully(forged)

    assert world.promote_successfully(ordinary).output["outcome"] == "Promoted"


def test_a_model_cannot_name_what_lies_in_the_target(world: World) -> None:
    """The reader works in the source: a model that names the target's bucket is read with the source's rights."""
    promoted = world.promote_successfully(world.model())
    request = input_of(world, promoted.arn, "Deploy the endpoint").desired_model.request
    uri = request["PrimaryContainer"]["ModelDataUrl"]
    variables = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": uri}
    ended = world.promote(world.model(container=world.container("stolen", Environment=variables)))

    assert ended.error in {"AccessDenied", "ArtifactNotFound", "UnsupportedModel"}, ended.cause
    assert not {"Plan the copy", "Deploy the endpoint"} & set(world.states(ended.arn))
