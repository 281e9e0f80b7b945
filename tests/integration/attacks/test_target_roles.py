"""What a taken-over hub cannot do in a target, and what a model's container cannot.

A hub that runs other code has every role that its steps assume, without their session policies. It can deploy what it
likes to the stages (docs/security.md); these are its limits. The container has its execution role's credentials.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from tests.integration.attacks.attackers import Attack, Attacker, administrator, own_role, require_denied
from tests.integration.world import APPLICATION, IMAGE, World

BUCKET, DEV_BUCKET = "promote-qa-333333333333-us-east-1", "sagemaker-us-east-1-222222222222"
HUB_BUCKET = "promote-hub-111111111111-us-east-1"
STORED = {"Bucket": BUCKET, "Key": f"artifacts/{APPLICATION}/qa/0123/model.tar.gz"}
INCOMING = {"Bucket": BUCKET, "Key": f"incoming/dev/{APPLICATION}/qa/0123/model.tar.gz"}
OWN_MODEL = f"{APPLICATION}-qa-20260101000000-000000000000"


def grant_itself(role: str) -> Attack:
    return lambda a: a.client("iam").put_role_policy(RoleName=role, PolicyName="more", PolicyDocument="{}")


def become(environment: str, role: str) -> Attack:
    return lambda a: a.client("sts").assume_role(RoleArn=a.role_arn(environment, role), RoleSessionName="attack")


ATTACKS: Mapping[tuple[str, str], Mapping[str, Attack]] = {
    ("qa", "deployer"): {
        "write where models are read": lambda a: a.client("s3").put_object(**STORED, Body=b"x"),
        "delete an artifact": lambda a: a.client("s3").delete_object(**STORED),
        "read other data of the account": lambda a: a.client("s3").get_object(**INCOMING),
        "delete a model": lambda a: a.client("sagemaker").delete_model(ModelName=OWN_MODEL),
        "run a model as another role": lambda a: a.client("sagemaker").create_model(
            ModelName=OWN_MODEL,
            ExecutionRoleArn=a.role_arn("qa", "promote-qa-deployer"),
            PrimaryContainer={"Image": IMAGE},
        ),
        "change an endpoint that is no stage's": lambda a: a.client("sagemaker").update_endpoint(
            EndpointName="another-teams", EndpointConfigName="any"
        ),
        "create an endpoint that is no stage's": lambda a: a.client("sagemaker").create_endpoint(
            EndpointName="miner", EndpointConfigName="any"
        ),
        "invoke the model": lambda a: a.client("sagemaker-runtime").invoke_endpoint(
            EndpointName=f"{APPLICATION}-qa", Body=b"x"
        ),
        "grant itself more": grant_itself("promote-qa-deployer"),
        "become the receiver": become("qa", "promote-qa-receiver"),
        "become production's deployer": become("production", "promote-production-deployer"),
    },
    ("qa", "receiver"): {
        "delete an artifact": lambda a: a.client("s3").delete_object(**STORED),
        "delete an old version": lambda a: a.client("s3").delete_object(**STORED, VersionId="1"),
        "write where a source writes": lambda a: a.client("s3").put_object(**INCOMING, Body=b"x"),
        "write elsewhere in the bucket": lambda a: a.client("s3").put_object(Bucket=BUCKET, Key="x", Body=b"x"),
        "let others into the bucket": lambda a: a.client("s3").put_bucket_policy(Bucket=BUCKET, Policy="{}"),
        "read the artifacts of all models": lambda a: a.client("s3").get_object(**STORED),
        "deploy": lambda a: a.client("sagemaker").update_endpoint(
            EndpointName=f"{APPLICATION}-qa", EndpointConfigName="any"
        ),
    },
    ("qa", "auditor"): {
        "read an artifact": lambda a: a.client("s3").get_object(**STORED),
        "write an artifact": lambda a: a.client("s3").put_object(**STORED, Body=b"x"),
        "list another bucket": lambda a: a.client("s3", "hub").list_object_versions(Bucket=HUB_BUCKET),
    },
    ("qa", "invoker"): {
        "invoke another endpoint": lambda a: a.client("sagemaker-runtime").invoke_endpoint(
            EndpointName="another-teams", Body=b"x"
        ),
        "change the endpoint": lambda a: a.client("sagemaker").update_endpoint(
            EndpointName=f"{APPLICATION}-qa", EndpointConfigName="any"
        ),
        "read an artifact": lambda a: a.client("s3").get_object(**STORED),
    },
    ("qa", "pusher"): {
        "delete an image": lambda a: a.client("ecr").batch_delete_image(
            repositoryName="promote/team/model", imageIds=[{"imageTag": "1"}]
        ),
        "let others pull": lambda a: a.client("ecr").set_repository_policy(
            repositoryName="promote/team/model", policyText="{}"
        ),
        "push to a repository that is not Promote's": lambda a: a.client("ecr").initiate_layer_upload(
            repositoryName="team/model"
        ),
    },
    ("qa", "scaler"): {
        "change the endpoint": lambda a: a.client("sagemaker").update_endpoint(
            EndpointName=f"{APPLICATION}-qa", EndpointConfigName="any"
        ),
        "delete it": lambda a: a.client("sagemaker").delete_endpoint(EndpointName=f"{APPLICATION}-qa"),
        "grant itself more": grant_itself("promote-qa-scaler"),
    },
    ("dev", "reader"): {
        "change a model's artifact": lambda a: a.client("s3").put_object(Bucket=DEV_BUCKET, Key="x", Body=b"x"),
        "approve a version": lambda a: a.client("sagemaker").update_model_package(
            ModelPackageArn=f"arn:aws:sagemaker:us-east-1:222222222222:model-package/{APPLICATION}/1",
            ModelApprovalStatus="Approved",
        ),
        "delete a model": lambda a: a.client("sagemaker").delete_model(ModelName="any"),
        "become the copier": become("dev", "promote-dev-copier"),
    },
    ("dev", "copier"): {
        "change a model's artifact": lambda a: a.client("s3").put_object(Bucket=DEV_BUCKET, Key="x", Body=b"x"),
        "delete it": lambda a: a.client("s3").delete_object(Bucket=DEV_BUCKET, Key="x"),
        "bring it to a stage that it does not feed": lambda a: a.client("s3", "production").put_object(
            Bucket="promote-production-444444444444-eu-west-1", Key=INCOMING["Key"], Body=b"x", IfNoneMatch="*"
        ),
    },
    # What a container has.
    ("qa", "execution"): {
        "write where models are read": lambda a: a.client("s3").put_object(**STORED, Body=b"x"),
        "write where sources write": lambda a: a.client("s3").put_object(**INCOMING, Body=b"x"),
        "delete an artifact": lambda a: a.client("s3").delete_object(**STORED),
        "begin an upload": lambda a: a.client("s3").create_multipart_upload(**STORED),
        "read what sources bring": lambda a: a.client("s3").get_object(**INCOMING),
        "list the whole bucket": lambda a: a.client("s3").list_objects_v2(Bucket=BUCKET),
        "let others into the bucket": lambda a: a.client("s3").put_bucket_policy(Bucket=BUCKET, Policy="{}"),
        "read the hub's lists": lambda a: a.client("s3", "hub").list_objects_v2(Bucket=HUB_BUCKET),
        "deploy": lambda a: a.client("sagemaker").update_endpoint(
            EndpointName=f"{APPLICATION}-qa", EndpointConfigName="any"
        ),
        "invoke another model": lambda a: a.client("sagemaker-runtime").invoke_endpoint(
            EndpointName="another-teams", Body=b"x"
        ),
        "grant itself more": grant_itself("promote-qa-execution"),
        "become the receiver": become("qa", "promote-qa-receiver"),
        "become the deployer": become("qa", "promote-qa-deployer"),
    },
}


@pytest.fixture(scope="module")
def attackers(module_world: World) -> Iterator[dict[tuple[str, str], Attacker]]:
    """Each role with its own credentials, for all tests."""
    taken: dict[tuple[str, str], Attacker] = {}
    for environment, name in ATTACKS:
        with own_role(module_world, environment, f"promote-{environment}-{name}") as attacker:
            taken[environment, name] = attacker
    yield taken


@pytest.mark.parametrize(
    ("place", "attack"),
    [(place, attack) for place, attacks in ATTACKS.items() for attack in attacks],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_a_role_of_an_environment_cannot(
    attackers: dict[tuple[str, str], Attacker], place: tuple[str, str], attack: str
) -> None:
    require_denied(ATTACKS[place][attack], attackers[place])


@pytest.mark.parametrize("role", ["receiver", "deployer", "pusher", "invoker", "scaler", "auditor", "execution"])
def test_not_even_the_hubs_administrator_becomes_a_targets_role(module_world: World, role: str) -> None:
    """The steps' own roles are trusted, and no other principal of the account."""
    with administrator(module_world, "hub") as attacker:
        require_denied(become("qa", f"promote-qa-{role}"), attacker)


def test_a_container_reads_its_own_model(module_world: World) -> None:
    """So the refusals above are for what was asked, not for the credentials."""
    with own_role(module_world, "qa", "promote-qa-execution") as container:
        module_world.client("s3", "qa").put_object(**STORED, Body=b"a model")
        assert container.client("s3").get_object(**STORED)["Body"].read() == b"a model"
        module_world.client("s3", "qa").delete_object(**STORED)
